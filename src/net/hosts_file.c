/*
 * hosts_file.c - parses and keeps the hosts(5) file; see hosts_file.h.
 *
 * A parsed file is three arrays: the text in lower case, the addresses, and one item for each name,
 * sorted by name and then by place. Sorted, because a list of blocked hosts may have 100,000 names,
 * and a search by halves needs no hash and no memory of its own.
 */
#include "net/hosts_file.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"

typedef struct item {
    hh_slice name; /* in the text */
    size_t address;
} item;

struct hh_hosts {
    char *text;
    hh_address *addresses;
    size_t address_count;
    size_t address_capacity;
    item *items;
    size_t item_count;
    size_t item_capacity;
};

static hh_slice take_line(hh_slice *rest)
{
    const char *end = memchr(rest->data, '\n', rest->length);
    hh_slice line = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->length};
    size_t taken = end != NULL ? line.length + 1 : line.length;
    rest->data += taken;
    rest->length -= taken;
    const char *hash = line.length != 0 ? memchr(line.data, '#', line.length) : NULL;
    if (hash != NULL)
        line.length = (size_t)(hash - line.data);
    return line;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static hh_slice take_word(hh_slice *line)
{
    while (line->length != 0 && is_space(line->data[0])) {
        line->data++;
        line->length--;
    }
    hh_slice word = {line->data, 0};
    while (word.length < line->length && !is_space(word.data[word.length]))
        word.length++;
    line->data += word.length;
    line->length -= word.length;
    return word;
}

/* Room for one more; the array doubles. */
static void *grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *larger = hh__realloc_array(array, wanted, size);
    if (larger != NULL)
        *capacity = wanted;
    return larger;
}

static hh_status add_item(hh_hosts *hosts, hh_slice name)
{
    item *items =
        grow(hosts->items, hosts->item_count, &hosts->item_capacity, sizeof(hosts->items[0]));
    if (items == NULL)
        return HH_ERR_NO_MEMORY;
    hosts->items = items;
    items[hosts->item_count].name = name;
    items[hosts->item_count].address = hosts->address_count - 1;
    hosts->item_count++;
    return HH_OK;
}

static hh_status add_line(hh_hosts *hosts, hh_slice line)
{
    hh_slice first = take_word(&line);
    hh_address address;
    if (first.length == 0 || first.data[0] == '[' || hh__address_parse(first, 0, &address) != HH_OK)
        return HH_OK;
    hh_address *addresses = grow(hosts->addresses, hosts->address_count, &hosts->address_capacity,
                                 sizeof(hosts->addresses[0]));
    if (addresses == NULL)
        return HH_ERR_NO_MEMORY;
    hosts->addresses = addresses;
    addresses[hosts->address_count++] = address;
    for (hh_slice name = take_word(&line); name.length != 0; name = take_word(&line)) {
        if (name.data[name.length - 1] == '.')
            name.length--;
        if (name.length == 0 || name.length > HH_HOST_MAX_BYTES)
            continue;
        hh_status status = add_item(hosts, name);
        if (status != HH_OK)
            return status;
    }
    return HH_OK;
}

static int compare_names(hh_slice a, hh_slice b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = memcmp(a.data, b.data, shorter);
    if (order != 0)
        return order;
    return a.length < b.length ? -1 : a.length > b.length;
}

static int compare_items(const void *left, const void *right)
{
    const item *a = left;
    const item *b = right;
    int order = compare_names(a->name, b->name);
    if (order != 0)
        return order;
    return a->address < b->address ? -1 : a->address > b->address;
}

hh_status hh__hosts_parse(hh_slice text, hh_hosts **out)
{
    hh_hosts *hosts = hh__calloc(1, sizeof(*hosts));
    if (hosts == NULL)
        return HH_ERR_NO_MEMORY;
    hh_status status = HH_ERR_NO_MEMORY;
    hosts->text = hh__copy_text(text.length != 0 ? text.data : "", text.length);
    if (hosts->text == NULL)
        goto failed;
    hh__lower_in_place(hosts->text, text.length);
    hh_slice rest = {hosts->text, text.length};
    while (rest.length != 0) {
        status = add_line(hosts, take_line(&rest));
        if (status != HH_OK)
            goto failed;
    }
    if (hosts->item_count != 0)
        qsort(hosts->items, hosts->item_count, sizeof(hosts->items[0]), compare_items);
    *out = hosts;
    return HH_OK;
failed:
    hh__hosts_destroy(hosts);
    return status;
}

void hh__hosts_destroy(hh_hosts *hosts)
{
    if (hosts == NULL)
        return;
    hh__free(hosts->text);
    hh__free(hosts->addresses);
    hh__free(hosts->items);
    hh__free(hosts);
}

/* The place of the first item whose name is not less than `name`. */
static size_t lower_bound(const hh_hosts *hosts, hh_slice name)
{
    size_t low = 0;
    size_t high = hosts->item_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_names(hosts->items[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_known(const hh_address *addresses, size_t count, const hh_address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (hh__address_equal(&addresses[i], address))
            return true;
    }
    return false;
}

size_t hh__hosts_find(const hh_hosts *hosts, hh_slice name, hh_address *out, size_t capacity)
{
    char lower[HH_HOST_MAX_BYTES];
    if (name.length != 0 && name.data[name.length - 1] == '.')
        name.length--;
    if (hosts == NULL || name.length == 0 || name.length > sizeof(lower))
        return 0;
    memcpy(lower, name.data, name.length);
    hh__lower_in_place(lower, name.length);
    name.data = lower;
    size_t count = 0;
    for (size_t i = lower_bound(hosts, name); i < hosts->item_count && count < capacity; i++) {
        if (compare_names(hosts->items[i].name, name) != 0)
            break;
        const hh_address *address = &hosts->addresses[hosts->items[i].address];
        if (!is_known(out, count, address))
            out[count++] = *address;
    }
    return count;
}

static hh_status load(const char *path, hh_hosts **out)
{
    hh_bytes bytes;
    hh__bytes_init(&bytes, HH_HOSTS_FILE_MAX_BYTES);
    hh_status status = hh__file_read(path, &bytes);
    if (status == HH_OK) {
        hh_slice text = hh__bytes_slice(&bytes);
        if (text.length == HH_HOSTS_FILE_MAX_BYTES) {
            while (text.length != 0 && text.data[text.length - 1] != '\n')
                text.length--;
        }
        status = hh__hosts_parse(text, out);
    }
    hh__bytes_finish(&bytes);
    return status;
}

static void refresh(hh_hosts_file *file, int64_t now_ns)
{
    if (file->checked_ns != 0 &&
        now_ns - file->checked_ns < (int64_t)HH_DNS_FILE_CHECK_MS * 1000000)
        return;
    bool is_first = file->checked_ns == 0;
    file->checked_ns = now_ns;
    hh_file_stamp stamp = hh__file_stamp(file->path);
    if (!is_first && hh__file_stamp_equal(&stamp, &file->stamp))
        return;
    hh_hosts *fresh = NULL;
    hh_status status = load(file->path, &fresh);
    if (status == HH_ERR_NO_MEMORY)
        return;
    /* An unreadable file counts as an empty one, as in getaddrinfo. */
    hh__hosts_destroy(file->hosts);
    file->hosts = fresh;
    file->stamp = stamp;
}

size_t hh__hosts_file_find(hh_hosts_file *file, hh_slice name, int64_t now_ns, hh_address *out,
                           size_t capacity)
{
    refresh(file, now_ns);
    return hh__hosts_find(file->hosts, name, out, capacity);
}

void hh__hosts_file_finish(hh_hosts_file *file)
{
    hh__hosts_destroy(file->hosts);
    file->hosts = NULL;
}
