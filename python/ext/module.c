/*
 * module.c - the extension hyperhttp._engine: its state, its types, and what the layer registers.
 *
 * Leaves to others: each type lives in a file of its own. Invariants: nothing Python lives outside
 * the module's state; names are interned once; what the Python layer registers is set before the
 * first client is made (hyperhttp/__init__.py does it).
 */
#include "module.h"

#include <string.h>

#include "verb.h"

hhpy_state *hhpy_state_of(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, &hhpy_module);
    return module != NULL ? PyModule_GetState(module) : NULL;
}

int hhpy_type_add(PyObject *module, PyType_Spec *spec, PyTypeObject *base, PyTypeObject **slot)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, (PyObject *)base);
    if (type == NULL)
        return -1;
    *slot = (PyTypeObject *)type;
    return PyModule_AddType(module, *slot);
}

PyObject *hhpy_text(hh_slice slice)
{
    PyObject *text = PyUnicode_DecodeUTF8(slice.data, (Py_ssize_t)slice.length, NULL);
    if (text != NULL || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
        return text;
    PyErr_Clear();
    return PyUnicode_DecodeLatin1(slice.data, (Py_ssize_t)slice.length, NULL);
}

int hhpy_slice_of_str(PyObject *str, hh_slice *out)
{
    Py_ssize_t length;
    const char *data = PyUnicode_AsUTF8AndSize(str, &length);
    if (data == NULL)
        return -1;
    *out = (hh_slice){data, (size_t)length};
    return 0;
}

/* --- what the layer registers ---------------------------------------------------------------- */

static PyObject **layer_slot(hhpy_state *state, const char *name)
{
#define X(registered)                                                                              \
    if (strcmp(name, #registered) == 0)                                                            \
        return &state->layer.registered;
    HHPY_REGISTERED(X)
#undef X
    return NULL;
}

PyDoc_STRVAR(register_doc, "register(**values)\n--\n\n"
                           "Gives the extension the classes and functions of the Python layer. "
                           "Raises TypeError for a name it doesn't know.");

static PyObject *register_layer(PyObject *module, PyObject *args, PyObject *keywords)
{
    hhpy_state *state = PyModule_GetState(module);
    PyObject *name;
    PyObject *value;
    Py_ssize_t position = 0;
    if (PyTuple_GET_SIZE(args) > 0) {
        PyErr_SetString(PyExc_TypeError, "register() takes keywords only");
        return NULL;
    }
    while (keywords != NULL && PyDict_Next(keywords, &position, &name, &value)) {
        const char *text = PyUnicode_AsUTF8(name);
        PyObject **slot = text != NULL ? layer_slot(state, text) : NULL;
        if (slot == NULL) {
            if (text != NULL)
                PyErr_Format(PyExc_TypeError, "register() knows no %R", name);
            return NULL;
        }
        Py_XSETREF(*slot, Py_NewRef(value));
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(verb_doc, "verb(method, /)\n--\n\n"
                       "A decorator: makes a method of Client or Session out of a function that "
                       "gives its name, signature and documentation. None: the HTTP method is the "
                       "first argument.");

static PyMethodDef module_methods[] = {
    {"register", (PyCFunction)(void (*)(void))register_layer, METH_VARARGS | METH_KEYWORDS,
     register_doc},
    {"verb", hhpy_verb_decorator, METH_O, verb_doc},
    {"blocking_verb", hhpy_verb_decorator, METH_O, verb_doc},
    {NULL, NULL, 0, NULL},
};

/* --- the module's life ----------------------------------------------------------------------- */

static int intern_names(hhpy_state *state)
{
#define X(name)                                                                                    \
    if ((state->keywords[HHPY_KEYWORD_##name] = PyUnicode_InternFromString(#name)) == NULL)        \
        return -1;
    HHPY_KEYWORDS(X)
#undef X
#define X(name)                                                                                    \
    if ((state->names.name = PyUnicode_InternFromString(#name)) == NULL)                           \
        return -1;
    HHPY_NAMES(X)
#undef X
    return 0;
}

static int execute(PyObject *module)
{
    static int (*const types[])(PyObject *, hhpy_state *) = {
        hhpy_headers_ready,  hhpy_url_ready,   hhpy_timeout_ready, hhpy_request_ready,
        hhpy_response_ready, hhpy_ready_ready, hhpy_engine_ready,  hhpy_client_ready,
        hhpy_verb_ready,     hhpy_call_ready,  hhpy_batch_ready,   hhpy_exchange_ready,
        hhpy_channel_ready,
    };
    hhpy_state *state = PyModule_GetState(module);
    if (intern_names(state) < 0)
        return -1;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i](module, state) < 0)
            return -1;
    return PyModule_AddStringConstant(module, "__version__", hh_version());
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    hhpy_state *state = PyModule_GetState(module);
    if (state == NULL)
        return 0;
#define X(type) Py_VISIT(state->type);
    HHPY_TYPES(X)
#undef X
#define X(name) Py_VISIT(state->layer.name);
    HHPY_REGISTERED(X)
#undef X
    return 0;
}

static int clear(PyObject *module)
{
    hhpy_state *state = PyModule_GetState(module);
    if (state == NULL)
        return 0;
    for (size_t i = 0; i < HHPY_KEYWORD_COUNT; i++)
        Py_CLEAR(state->keywords[i]);
    Py_CLEAR(state->context_keyword);
#define X(name) Py_CLEAR(state->names.name);
    HHPY_NAMES(X)
#undef X
#define X(type) Py_CLEAR(state->type);
    HHPY_TYPES(X)
#undef X
#define X(name) Py_CLEAR(state->layer.name);
    HHPY_REGISTERED(X)
#undef X
    return 0;
}

static void finish(void *module)
{
    clear(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)execute},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

PyModuleDef hhpy_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "hyperhttp._engine",
    .m_doc = "The engine of hyperhttp. Use the package, not this module.",
    .m_size = sizeof(hhpy_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = finish,
};

PyMODINIT_FUNC PyInit__engine(void);

PyMODINIT_FUNC PyInit__engine(void)
{
    return PyModuleDef_Init(&hhpy_module);
}
