/*
 * url.c - the URL as a value: its block, its parts, its copies. See hyperhttp/url.h and
 * codec/url.h.
 *
 * The parser is in url_parse.c. Nothing here changes a URL once it is sealed; the count of shares
 * is the only thing written afterwards, and it is atomic.
 */
#include "codec/url.h"

#include <assert.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/memory.h"
#include "codec/url_encode.h"
#include "codec/url_internal.h"

static const size_t HEADER_BYTES = offsetof(hh_url, text);

const struct hh_scheme_entry hh__schemes[HH_SCHEME_COUNT] = {
    [HH_SCHEME_HTTP] = {"http", 4, 80},
    [HH_SCHEME_HTTPS] = {"https", 5, 443},
    [HH_SCHEME_WS] = {"ws", 2, 80},
    [HH_SCHEME_WSS] = {"wss", 3, 443},
};

bool hh__url_block_init(hh_bytes *block, size_t text_bytes)
{
    /* Twice: the safe text stands behind the text. A path may also be longer before its dot
     * segments are gone. */
    hh__bytes_init(block, HEADER_BYTES + 4 * (size_t)HH_URL_MAX_BYTES);
    if (hh__bytes_reserve(block, HEADER_BYTES + text_bytes) == NULL)
        return false;
    block->length = HEADER_BYTES;
    return true;
}

uint32_t hh__url_block_text(const hh_bytes *block)
{
    return (uint32_t)(block->length - HEADER_BYTES);
}

static uint32_t username_start(const hh_url_parts *parts)
{
    return parts->scheme_end + HH_SCHEME_SEPARATOR_BYTES;
}

/* What reserve promised may be moved by the next append, so the copy goes by way of the block. */
static void append_own(hh_bytes *block, size_t start, size_t length)
{
    char *room = hh__bytes_reserve(block, length);
    if (room == NULL)
        return;
    memcpy(room, block->data + start, length);
    block->length += length;
}

hh_status hh__url_block_seal(hh_bytes *block, const hh_url_parts *parts, hh_url **out)
{
    if (block->status != HH_OK)
        return block->status;
    hh_url_parts sealed = *parts;
    sealed.text_length = hh__url_block_text(block);
    if (sealed.text_length > HH_URL_MAX_BYTES)
        return HH_ERR_LIMIT;
    assert(sealed.path_start < sealed.path_end && sealed.query_end <= sealed.text_length);
    uint32_t user = username_start(&sealed);
    sealed.safe_start = 0;
    sealed.safe_length = sealed.query_end;
    if (sealed.host_start != user) {
        sealed.safe_start = sealed.text_length;
        sealed.safe_length = user + (sealed.query_end - sealed.host_start);
        append_own(block, HEADER_BYTES, user);
        append_own(block, HEADER_BYTES + sealed.host_start, sealed.query_end - sealed.host_start);
        if (block->status != HH_OK)
            return block->status;
    }
    hh_url *url = (hh_url *)(void *)hh__bytes_detach(block);
    atomic_init(&url->shares, 1);
    url->parts = sealed;
    *out = url;
    return HH_OK;
}

hh_url *hh__url_ref(hh_url *url)
{
    atomic_fetch_add_explicit(&url->shares, 1, memory_order_relaxed);
    return url;
}

void hh_url_destroy(hh_url *url)
{
    if (url == NULL)
        return;
    if (atomic_fetch_sub_explicit(&url->shares, 1, memory_order_acq_rel) == 1)
        hh__free(url);
}

static hh_slice part_of(const hh_url *url, uint32_t start, uint32_t end)
{
    return (hh_slice){url->text + start, end - start};
}

/* Without the '?' or '#' in front, which is there unless the part is absent. */
static hh_slice part_behind_mark(const hh_url *url, uint32_t start, uint32_t end)
{
    return part_of(url, start < end ? start + 1 : end, end);
}

hh_slice hh_url_text(const hh_url *url)
{
    return part_of(url, 0, url->parts.text_length);
}

hh_slice hh_url_scheme(const hh_url *url)
{
    return part_of(url, 0, url->parts.scheme_end);
}

hh_slice hh_url_username(const hh_url *url)
{
    return part_of(url, username_start(&url->parts), url->parts.username_end);
}

hh_slice hh_url_password(const hh_url *url)
{
    const hh_url_parts *parts = &url->parts;
    bool has_password = parts->username_end + 1 < parts->host_start;
    uint32_t end = has_password ? parts->host_start - 1 : parts->username_end;
    return part_of(url, has_password ? parts->username_end + 1 : end, end);
}

hh_slice hh_url_host(const hh_url *url)
{
    return part_of(url, url->parts.host_start, url->parts.host_end);
}

hh_slice hh_url_path(const hh_url *url)
{
    return part_of(url, url->parts.path_start, url->parts.path_end);
}

hh_slice hh_url_query(const hh_url *url)
{
    return part_behind_mark(url, url->parts.path_end, url->parts.query_end);
}

hh_slice hh_url_fragment(const hh_url *url)
{
    return part_behind_mark(url, url->parts.query_end, url->parts.text_length);
}

uint16_t hh_url_port(const hh_url *url)
{
    return url->parts.port;
}

hh_scheme hh__url_scheme_id(const hh_url *url)
{
    return url->parts.scheme;
}

bool hh__url_is_secure(const hh_url *url)
{
    return url->parts.scheme == HH_SCHEME_HTTPS || url->parts.scheme == HH_SCHEME_WSS;
}

hh_slice hh__url_authority(const hh_url *url)
{
    return part_of(url, url->parts.host_start, url->parts.path_start);
}

hh_slice hh__url_target(const hh_url *url)
{
    return part_of(url, url->parts.path_start, url->parts.query_end);
}

hh_slice hh__url_safe_text(const hh_url *url)
{
    return (hh_slice){url->text + url->parts.safe_start, url->parts.safe_length};
}

bool hh__url_has_userinfo(const hh_url *url)
{
    return url->parts.host_start != username_start(&url->parts);
}

static hh_status decode_copy(hh_slice encoded, char **out)
{
    char *text = hh__malloc(encoded.length + 1);
    if (text == NULL)
        return HH_ERR_NO_MEMORY;
    size_t length = hh__url_percent_decode(encoded, text);
    text[length] = '\0';
    if (strlen(text) != length) {
        hh__free(text);
        return HH_ERR_INVALID_URL;
    }
    *out = text;
    return HH_OK;
}

hh_status hh__url_userinfo_decoded(const hh_url *url, char **username, char **password)
{
    char *name;
    char *secret;
    hh_status status = decode_copy(hh_url_username(url), &name);
    if (status != HH_OK)
        return status;
    status = decode_copy(hh_url_password(url), &secret);
    if (status != HH_OK) {
        hh__free(name);
        return status;
    }
    *username = name;
    *password = secret;
    return HH_OK;
}

bool hh__url_same_origin(const hh_url *a, const hh_url *b)
{
    return a->parts.scheme == b->parts.scheme && a->parts.port == b->parts.port &&
           hh__slice_equal(hh_url_host(a), hh_url_host(b));
}

hh_status hh__url_without_userinfo(const hh_url *url, hh_url **out)
{
    hh_bytes block;
    hh_url_parts parts = url->parts;
    uint32_t user = username_start(&parts);
    uint32_t removed = parts.host_start - user;
    if (!hh__url_block_init(&block, parts.text_length - removed))
        return block.status;
    hh__bytes_append_slice(&block, part_of(url, 0, user));
    hh__bytes_append_slice(&block, part_of(url, parts.host_start, parts.text_length));
    parts.username_end = user;
    parts.host_start = user;
    parts.host_end -= removed;
    parts.path_start -= removed;
    parts.path_end -= removed;
    parts.query_end -= removed;
    hh_status status = hh__url_block_seal(&block, &parts, out);
    hh__bytes_finish(&block);
    return status;
}

hh_status hh__url_with_fragment(const hh_url *url, hh_slice fragment, hh_url **out)
{
    hh_bytes block;
    const hh_url_parts *parts = &url->parts;
    bool has_own = parts->query_end < parts->text_length;
    if (!hh__url_block_init(&block, parts->text_length + 1 + fragment.length))
        return block.status;
    hh__bytes_append_slice(&block, hh_url_text(url));
    if (!has_own && fragment.length != 0) {
        hh__bytes_append_char(&block, '#');
        hh__url_append_encoded(&block, fragment, HH_URL_SET_FRAGMENT);
    }
    hh_status status = hh__url_block_seal(&block, parts, out);
    hh__bytes_finish(&block);
    return status;
}
