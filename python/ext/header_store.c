/*
 * header_store.c - the array of fields behind a Headers: see header_store.h.
 *
 * Names compare as ASCII, letter case ignored (RFC 9110 §5.1). Leaves checking of names and values
 * to headers_convert.c: whatever comes in here is kept.
 */
#include "header_store.h"

#include <string.h>

/* One byte of the hash, FNV-1a. */
#define HASH_START 2166136261u
#define HASH_STEP 16777619u

static unsigned char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : (unsigned char)c;
}

static uint32_t hash_name(hh_slice name)
{
    uint32_t hash = HASH_START;
    for (size_t i = 0; i < name.length; i++)
        hash = (hash ^ lower(name.data[i])) * HASH_STEP;
    return hash;
}

static bool same_name(hh_slice left, hh_slice right)
{
    if (left.length != right.length)
        return false;
    for (size_t i = 0; i < left.length; i++)
        if (lower(left.data[i]) != lower(right.data[i]))
            return false;
    return true;
}

hh_slice hhpy_store_name(const hhpy_store *store, Py_ssize_t index)
{
    const hhpy_entry *entry = &store->entries[index];
    return (hh_slice){store->text + entry->start, entry->name_length};
}

hh_slice hhpy_store_value(const hhpy_store *store, Py_ssize_t index)
{
    const hhpy_entry *entry = &store->entries[index];
    return (hh_slice){store->text + entry->start + entry->name_length, entry->value_length};
}

static Py_ssize_t find(const hhpy_store *store, hh_slice name, uint32_t hash, Py_ssize_t from)
{
    for (Py_ssize_t i = from; i < store->count; i++)
        if (store->entries[i].hash == hash && same_name(hhpy_store_name(store, i), name))
            return i;
    return -1;
}

Py_ssize_t hhpy_store_find(const hhpy_store *store, hh_slice name, Py_ssize_t from)
{
    return find(store, name, hash_name(name), from);
}

bool hhpy_store_is_first(const hhpy_store *store, Py_ssize_t index)
{
    return find(store, hhpy_store_name(store, index), store->entries[index].hash, 0) == index;
}

void hhpy_store_clear(hhpy_store *store)
{
    PyMem_Free(store->entries);
    PyMem_Free(store->text);
    memset(store, 0, sizeof *store);
}

/* --- room ------------------------------------------------------------------------------------ */

static int no_memory(void)
{
    PyErr_NoMemory();
    return -1;
}

static int reserve_entries(hhpy_store *store, Py_ssize_t more)
{
    Py_ssize_t wanted = store->count + more;
    if (wanted <= store->entries_size)
        return 0;
    if (store->entries_size > 0 && wanted < store->entries_size * 2)
        wanted = store->entries_size * 2;
    if ((size_t)wanted > PY_SSIZE_T_MAX / sizeof(hhpy_entry) / 2)
        return no_memory();
    hhpy_entry *entries = PyMem_Realloc(store->entries, (size_t)wanted * sizeof *entries);
    if (entries == NULL)
        return no_memory();
    store->entries = entries;
    store->entries_size = wanted;
    return 0;
}

static size_t length_of(const hhpy_entry *entry)
{
    return (size_t)entry->name_length + entry->value_length;
}

/* Moves the text that is still in use into fresh memory with room for `more`. */
static int reserve_text(hhpy_store *store, size_t more)
{
    size_t used = 0;
    if (store->text_size - store->text_length >= more)
        return 0;
    for (Py_ssize_t i = 0; i < store->count; i++)
        used += length_of(&store->entries[i]);
    if (more > PY_SSIZE_T_MAX / 4 || used > PY_SSIZE_T_MAX / 4)
        return no_memory();
    size_t size = 2 * used + more;
    char *text = PyMem_Malloc(size);
    if (text == NULL)
        return no_memory();
    size_t length = 0;
    for (Py_ssize_t i = 0; i < store->count; i++) {
        hhpy_entry *entry = &store->entries[i];
        memcpy(text + length, store->text + entry->start, length_of(entry));
        entry->start = length;
        length += length_of(entry);
    }
    PyMem_Free(store->text);
    store->text = text;
    store->text_length = length;
    store->text_size = size;
    return 0;
}

int hhpy_store_reserve(hhpy_store *store, Py_ssize_t fields, size_t bytes)
{
    return reserve_entries(store, fields) < 0 || reserve_text(store, bytes) < 0 ? -1 : 0;
}

/* --- changes --------------------------------------------------------------------------------- */

/* Appends the text of a field that isn't in the array yet. */
static int write_field(hhpy_store *store, hh_slice name, hh_slice value, hhpy_entry *out)
{
    if (name.length > UINT32_MAX || value.length > UINT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "a header field is longer than 4 GiB");
        return -1;
    }
    if (hhpy_store_reserve(store, 1, name.length + value.length) < 0)
        return -1;
    *out = (hhpy_entry){store->text_length, (uint32_t)name.length, (uint32_t)value.length,
                        hash_name(name)};
    if (name.length > 0)
        memcpy(store->text + store->text_length, name.data, name.length);
    if (value.length > 0)
        memcpy(store->text + store->text_length + name.length, value.data, value.length);
    store->text_length += name.length + value.length;
    return 0;
}

int hhpy_store_add(hhpy_store *store, hh_slice name, hh_slice value)
{
    hhpy_entry entry;
    if (write_field(store, name, value, &entry) < 0)
        return -1;
    store->entries[store->count++] = entry;
    return 0;
}

/* Drops the fields of that name from `from` on. */
static Py_ssize_t remove_from(hhpy_store *store, hh_slice name, Py_ssize_t from)
{
    uint32_t hash = hash_name(name);
    Py_ssize_t kept = from;
    for (Py_ssize_t i = from; i < store->count; i++)
        if (store->entries[i].hash != hash || !same_name(hhpy_store_name(store, i), name))
            store->entries[kept++] = store->entries[i];
    Py_ssize_t removed = store->count - kept;
    store->count = kept;
    return removed;
}

int hhpy_store_set(hhpy_store *store, hh_slice name, hh_slice value)
{
    hhpy_entry entry;
    Py_ssize_t index = hhpy_store_find(store, name, 0);
    if (index < 0)
        return hhpy_store_add(store, name, value);
    if (write_field(store, name, value, &entry) < 0)
        return -1;
    store->entries[index] = entry;
    remove_from(store, (hh_slice){store->text + entry.start, entry.name_length}, index + 1);
    return 0;
}

Py_ssize_t hhpy_store_remove(hhpy_store *store, hh_slice name)
{
    return remove_from(store, name, 0);
}

int hhpy_store_copy(hhpy_store *store, const hhpy_store *from)
{
    size_t bytes = 0;
    for (Py_ssize_t i = 0; i < from->count; i++)
        bytes += length_of(&from->entries[i]);
    if (hhpy_store_reserve(store, from->count, bytes) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < from->count; i++)
        if (hhpy_store_add(store, hhpy_store_name(from, i), hhpy_store_value(from, i)) < 0)
            return -1;
    return 0;
}
