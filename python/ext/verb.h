/*
 * verb.h - `_engine.Verb`: get, post and their siblings as methods of Client and Session.
 *
 * Made by the decorator `verb(method)` (None: the method is the first argument) out of a Python
 * function whose body is never run: it gives the name, the signature, the documentation and the
 * keywords that are allowed. The call itself is taken by C, by vectorcall, without a bound method
 * in between. Where the function is an `async def`, iscoroutinefunction(client.get) is true, and
 * mocks and decorators treat it as what it is.
 */
#ifndef HYPERHTTP_EXT_VERB_H
#define HYPERHTTP_EXT_VERB_H

#include "module.h"

/* The decorator, a function of the module. */
PyObject *hhpy_verb_decorator(PyObject *module, PyObject *method);

#endif
