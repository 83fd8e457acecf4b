/*
 * header_store.h - where a Headers keeps its fields: an array of entries over one run of text.
 *
 * Plain memory, no Python objects. Text is only ever appended; what a removed field leaves behind
 * goes when the text next grows. A look-up goes through all entries, which suits header blocks (the
 * engine takes 256 fields): each entry has a hash of its name, letter case ignored, so that hardly
 * a name is compared in vain. Slices are borrowed until the store next changes.
 */
#ifndef HYPERHTTP_EXT_HEADER_STORE_H
#define HYPERHTTP_EXT_HEADER_STORE_H

#include "module.h"

typedef struct hhpy_entry {
    size_t start; /* of the name in the text; the value follows it */
    uint32_t name_length;
    uint32_t value_length;
    uint32_t hash;
} hhpy_entry;

typedef struct hhpy_store {
    hhpy_entry *entries;
    Py_ssize_t count;
    Py_ssize_t entries_size;
    char *text;
    size_t text_length;
    size_t text_size;
} hhpy_store;

void hhpy_store_clear(hhpy_store *store);

/* Room for so many more fields and bytes, in one go. MemoryError. */
int hhpy_store_reserve(hhpy_store *store, Py_ssize_t fields, size_t bytes);
/* Appends a field as it is. MemoryError; OverflowError past 4 GiB. */
int hhpy_store_add(hhpy_store *store, hh_slice name, hh_slice value);
/* Replaces the first field of that name and drops its others; appends when there is none. */
int hhpy_store_set(hhpy_store *store, hh_slice name, hh_slice value);
/* Drops every field of that name; how many there were. */
Py_ssize_t hhpy_store_remove(hhpy_store *store, hh_slice name);
/* An empty store becomes a copy of `from`. */
int hhpy_store_copy(hhpy_store *store, const hhpy_store *from);

hh_slice hhpy_store_name(const hhpy_store *store, Py_ssize_t index);
hh_slice hhpy_store_value(const hhpy_store *store, Py_ssize_t index);
/* The first field of that name at `from` or after it; -1 when there is none. */
Py_ssize_t hhpy_store_find(const hhpy_store *store, hh_slice name, Py_ssize_t from);
/* Whether no field before this one has its name. */
bool hhpy_store_is_first(const hhpy_store *store, Py_ssize_t index);

#endif
