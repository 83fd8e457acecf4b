/*
 * pairs.h - what an argument may be that stands for pairs (name, value): how headers, parameters
 * and forms are walked.
 */
#ifndef HYPERHTTP_EXT_PAIRS_H
#define HYPERHTTP_EXT_PAIRS_H

#include "module.h"

/* Takes one pair; -1 with an exception. */
typedef int (*hhpy_pair_taker)(void *taker, PyObject *key, PyObject *value);

/* 1: has keys(), so it is a mapping. 0; -1 with an exception. */
int hhpy_pairs_is_mapping(PyObject *object);
/* Each pair of an iterable, or, of a mapping, of its items(). Code of the user may run in between.
 * `what` they are is for the TypeError about what is no pair. 0; -1 with an exception. */
int hhpy_pairs_walk(PyObject *iterable, const char *what, hhpy_pair_taker take, void *taker);
int hhpy_pairs_walk_mapping(PyObject *mapping, const char *what, hhpy_pair_taker take, void *taker);

#endif
