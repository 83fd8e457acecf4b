/*
 * trace.c - the story of an exchange as events, for -v and for debugging: sentences, and heads with
 * their secrets taken out.
 *
 * Best effort: a line that finds no memory is left out. Nothing here runs unless the request asked
 * for it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "client/client.h"

#define LINE_MAX_BYTES 1024

static bool is_traced(const hh_exchange *exchange)
{
    return exchange->request->has_trace && exchange->mailbox == NULL;
}

static void emit_text(hh_exchange *exchange, hh_trace kind, hh_slice text)
{
    if (text.length > UINT32_MAX / 2)
        return;
    hh_buf *buf = hh__buf_create((uint32_t)(text.length + 1));
    hh_event_node *node = buf != NULL ? hh__events_take(&exchange->client->events) : NULL;
    if (node == NULL) {
        hh_buf_unref(buf);
        return;
    }
    memcpy(buf->data, text.data, text.length);
    node->extra = buf; /* a block of its own, never the pool's: freed with the node */
    node->event.type = HH_EVENT_TRACE;
    node->event.trace = kind;
    node->event.id = exchange->id;
    node->event.tag = exchange->tag;
    node->event.body = (hh_slice){buf->data, text.length};
    hh__client_emit(exchange, node);
}

void hh__exchange_trace(hh_exchange *exchange, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    if (!is_traced(exchange))
        return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t kept = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    emit_text(exchange, HH_TRACE_INFO, (hh_slice){line, kept});
}

/* The first line of `text`, its end included; `text` moves on. */
static hh_slice take_line(hh_slice *text)
{
    const char *end = memchr(text->data, '\n', text->length);
    hh_slice line = {text->data, end != NULL ? (size_t)(end - text->data) + 1 : text->length};
    text->data += line.length;
    text->length -= line.length;
    return line;
}

/* Of a field line; empty: it is none. */
static hh_slice name_of(hh_slice line)
{
    const char *colon = memchr(line.data, ':', line.length);
    return (hh_slice){line.data, colon != NULL ? (size_t)(colon - line.data) : 0};
}

static bool is_secret(hh_slice name)
{
    return hh__slice_is_nocase(name, "authorization") ||
           hh__slice_is_nocase(name, "proxy-authorization") ||
           hh__slice_is_nocase(name, "cookie") || hh__slice_is_nocase(name, "set-cookie");
}

/* Copies a line without the user info of URLs in it. */
static void append_without_userinfo(hh_bytes *out, hh_slice line)
{
    static const char separator[] = "://";
    const char *end = line.data + line.length;
    const char *at = line.data;
    const char *found;
    while ((found = memmem(at, (size_t)(end - at), separator, sizeof separator - 1)) != NULL) {
        const char *start = found + sizeof separator - 1;
        const char *stop = start;
        const char *sign = NULL;
        for (; stop < end && strchr("/?#\\\"<> \t\r\n", *stop) == NULL; stop++)
            sign = *stop == '@' ? stop : sign;
        hh__bytes_append_slice(out, (hh_slice){at, (size_t)(start - at)});
        if (sign != NULL)
            hh__bytes_append_text(out, "[redacted]");
        at = sign != NULL ? sign : start;
    }
    hh__bytes_append_slice(out, (hh_slice){at, (size_t)(end - at)});
}

/* Copies one line of a head, its value hidden if it is a secret. */
static void append_line(hh_bytes *out, hh_slice line)
{
    hh_slice name = name_of(line);
    if (is_secret(name)) {
        hh__bytes_append_slice(out, name);
        hh__bytes_append_text(out, ": [redacted]\r\n");
    } else {
        append_without_userinfo(out, line);
    }
}

void hh__exchange_trace_head(hh_exchange *exchange, hh_trace kind, hh_slice head)
{
    hh_bytes out;
    if (!is_traced(exchange))
        return;
    hh__bytes_init(&out, 2 * HH_HEAD_MAX_BYTES);
    while (head.length > 0)
        append_line(&out, take_line(&head));
    if (out.status == HH_OK)
        emit_text(exchange, kind, hh__bytes_slice(&out));
    hh__bytes_finish(&out);
}

/* The head as HTTP/2 sends it, written as HTTP/1 would: RFC 9113 §8.2.2 leaves out the framing. */
static void trace_h2_request(hh_exchange *exchange, hh_slice head)
{
    static const char version[] = "HTTP/1.1\r\n";
    hh_bytes out;
    hh_slice line;
    if (!is_traced(exchange))
        return;
    hh__bytes_init(&out, 2 * HH_HEAD_MAX_BYTES);
    line = take_line(&head);
    hh__bytes_append_slice(&out, (hh_slice){line.data, line.length - (sizeof version - 1)});
    hh__bytes_append_text(&out, "HTTP/2\r\n");
    while (head.length > 0) {
        line = take_line(&head);
        if (!hh__slice_is_nocase(name_of(line), "transfer-encoding"))
            hh__bytes_append_slice(&out, line);
    }
    if (out.status == HH_OK)
        hh__exchange_trace_head(exchange, HH_TRACE_REQUEST_HEAD, hh__bytes_slice(&out));
    hh__bytes_finish(&out);
}

void hh__exchange_trace_launch(hh_exchange *exchange, const hh_attempt *attempt)
{
    const hh_dial_story *story = &attempt->story;
    const char *remote = attempt->pooled->conn->remote;
    if (attempt->is_reused) {
        hh__exchange_trace(exchange, "reusing the connection to %s", remote);
    } else {
        hh__exchange_trace(exchange, "connected to %s (resolve %.3f ms, connect %.3f ms)", remote,
                           (double)story->resolve_ns / 1e6, (double)story->connect_ns / 1e6);
        if (story->is_tls)
            hh__exchange_trace(exchange, "%s, %s, %s handshake in %.3f ms", story->tls_version,
                               story->tls_cipher, story->is_resumed ? "resumed" : "full",
                               (double)story->tls_ns / 1e6);
    }
    if (attempt->call.h2_request != NULL)
        trace_h2_request(exchange, attempt->wire->head);
    else
        hh__exchange_trace_head(exchange, HH_TRACE_REQUEST_HEAD, attempt->wire->head);
}

void hh__exchange_trace_stream(hh_exchange *exchange, const hh_attempt *attempt)
{
    char text[LINE_MAX_BYTES];
    hh_pooled *pooled = attempt->pooled;
    if (attempt->call.h2_request == NULL || !is_traced(exchange))
        return;
    if (!pooled->is_described && hh__conn_describe(pooled->conn, text, sizeof text) > 0)
        hh__exchange_trace(exchange, "%s", text);
    pooled->is_described = true;
    hh__exchange_trace(exchange, "HTTP/2, stream %" PRId32, attempt->call.stream_id);
}
