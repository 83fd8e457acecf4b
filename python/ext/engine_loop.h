/*
 * engine_loop.h - the engine's loop, for engine.c alone. To be bound to one: engine.h.
 */
#ifndef HYPERHTTP_EXT_ENGINE_LOOP_H
#define HYPERHTTP_EXT_ENGINE_LOOP_H

#include "engine.h"

/* What a method of the loop without arguments answers: 1, 0, or -1 with an exception. */
int hhpy_loop_ask(PyObject *loop, PyObject *question);
/* Takes the engine off its loop, which is open. */
int hhpy_loop_leave(hhpy_engine *engine);
/* Drops what the engine has of its loop, without a word to it. */
void hhpy_loop_forget(hhpy_engine *engine);

#endif
