/*
 * peer_h2.c - HTTP/2 in front of a peer's scripts: nghttp2's server session, as a gateway.
 *
 * One thread serves one connection, a front. A request takes a lane that rests, or a new one, as an
 * HTTP/1 client would take a connection; it goes there as an HTTP/1 message. The script's answer is
 * parsed just so far that it can be sent as HEADERS and DATA. What a script does to its connection
 * happens to the front:
 *
 *   it ends after an answer, or says Connection: close     GOAWAY; closed when the rest is answered
 *   it ends in the middle of an answer, or before it       closed at once
 *   PEER_RESET                                             reset at once
 *   its answer isn't HTTP                                  RST_STREAM, PROTOCOL_ERROR
 *
 * A chunk becomes a DATA frame, or several. Flow control reaches through: DATA is asked of the lane
 * only when the client's window has room, and the client's own is credited only when the lane has
 * taken it.
 */
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/peer_lane.h"

#define LANES_MAX 1024
#define READ_AHEAD 65536
#define FIELDS_MAX 300

typedef struct bytes {
    char *data;
    size_t length;
    size_t capacity;
    size_t taken; /* from the start */
} bytes;

/* How far the answer has been read. */
typedef enum answer_state {
    ANSWER_HEAD,
    ANSWER_LENGTH, /* body of `left` bytes more */
    ANSWER_CHUNK_SIZE,
    ANSWER_CHUNK,
    ANSWER_CHUNK_END,
    ANSWER_TRAILERS,
    ANSWER_UNTIL_CLOSE,
    ANSWER_DONE
} answer_state;

typedef struct lane lane;

typedef struct stream {
    int32_t id;
    lane *lane;
    struct stream *next;
    bytes method, path, authority;
    bytes fields;  /* "name: value\r\n" each */
    bytes cookies; /* RFC 9113 §8.2.3: one field again */
    bytes out;     /* for the lane */
    size_t owed;   /* of out, in DATA bytes: credit to give back */
    bool is_head;  /* the request's method */
    bool is_chunked;
    bool has_length;
    bool has_ended; /* the request */
    answer_state state;
    bytes in; /* from the lane */
    uint64_t left;
    bool has_trailers;
    bool is_last; /* Connection: close, or HTTP/1.0 */
    bool is_deferred;
} stream;

struct lane {
    int fd;
    size_t index;
    stream *user; /* NULL: it rests */
    bool is_eof;
};

typedef struct front {
    peer *owner;
    int fd;
    nghttp2_session *session;
    lane *lanes[LANES_MAX];
    size_t lane_count;
    stream *streams;
    int32_t last_id;        /* of them, ever */
    const uint8_t *pending; /* of nghttp2's, not written yet */
    size_t pending_length;
    bool says_goodbye; /* GOAWAY has been submitted */
    bool is_broken;    /* close it at once */
    bool is_reset;     /* likewise, with RST */
    peer_leaving leaving;
    size_t request_count;
    bool is_left; /* enough requests have come */
} front;

static void die(const char *what)
{
    fprintf(stderr, "peer: HTTP/2: %s\n", what);
    abort();
}

static void append(bytes *to, const void *data, size_t length)
{
    if (to->length + length + 1 > to->capacity) {
        to->capacity = 2 * (to->length + length + 1);
        to->data = realloc(to->data, to->capacity);
        if (to->data == NULL)
            die("memory");
    }
    if (length > 0)
        memcpy(to->data + to->length, data, length);
    to->length += length;
    to->data[to->length] = '\0';
}

static void append_text(bytes *to, const char *text)
{
    append(to, text, strlen(text));
}

static size_t rest_of(const bytes *of)
{
    return of->length - of->taken;
}

static void take(bytes *from, size_t count)
{
    from->taken += count;
    if (from->taken == from->length)
        from->taken = from->length = 0;
}

static void free_stream(stream *s)
{
    bytes *all[] = {&s->method, &s->path, &s->authority, &s->fields, &s->cookies, &s->out, &s->in};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]->data);
    free(s);
}

/* --- lanes ----------------------------------------------------------------------------------- */

static lane *open_lane(front *f)
{
    lane *l = calloc(1, sizeof *l);
    if (l == NULL || f->lane_count == LANES_MAX)
        die("too many lanes");
    l->fd = peer__lane_open(f->owner, &l->index);
    f->lanes[f->lane_count++] = l;
    return l;
}

static void close_lane(front *f, lane *l)
{
    for (size_t i = 0; i < f->lane_count; i++) {
        if (f->lanes[i] == l) {
            f->lanes[i] = f->lanes[--f->lane_count];
            break;
        }
    }
    if (l->user != NULL)
        l->user->lane = NULL;
    close(l->fd);
    free(l);
}

static void say_goodbye(front *f)
{
    if (f->says_goodbye)
        return;
    f->says_goodbye = true;
    nghttp2_submit_goaway(f->session, NGHTTP2_FLAG_NONE, f->last_id, NGHTTP2_NO_ERROR, NULL, 0);
}

/* A lane that rested and whose script is over. */
static void bury_lane(front *f, lane *l, peer_lane_state how)
{
    close_lane(f, l);
    if (how == PEER_LANE_RESET)
        f->is_broken = f->is_reset = true;
    else
        say_goodbye(f);
}

static bool has_bytes(const lane *l)
{
    char one;
    return recv(l->fd, &one, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static lane *choose_lane(front *f)
{
    for (size_t i = 0; i < f->lane_count;) {
        lane *l = f->lanes[i];
        if (l->user != NULL) {
            i++;
            continue;
        }
        peer_lane_state state = peer__lane_look(f->owner, l->index);
        if (state == PEER_LANE_RESTS && !has_bytes(l))
            return l;
        bury_lane(f, l, state);
    }
    return open_lane(f);
}

/* --- requests -------------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    front *f = context;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        die("memory");
    s->id = f->last_id = frame->hd.stream_id;
    s->next = f->streams;
    f->streams = s;
    nghttp2_session_set_stream_user_data(session, s->id, s);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *context)
{
    (void)flags;
    (void)name_length;
    (void)context;
    stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    const char *key = (const char *)name;
    if (s == NULL || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (strcmp(key, ":method") == 0) {
        append(&s->method, value, value_length);
    } else if (strcmp(key, ":path") == 0) {
        append(&s->path, value, value_length);
    } else if (strcmp(key, ":authority") == 0) {
        append(&s->authority, value, value_length);
    } else if (strcmp(key, "cookie") == 0) {
        append_text(&s->cookies, s->cookies.length > 0 ? "; " : "cookie: ");
        append(&s->cookies, value, value_length);
    } else if (key[0] != ':') {
        s->has_length |= strcmp(key, "content-length") == 0;
        append_text(&s->fields, key);
        append_text(&s->fields, ": ");
        append(&s->fields, value, value_length);
        append_text(&s->fields, "\r\n");
    }
    return 0;
}

static void write_head(stream *s)
{
    s->is_head = s->method.length == 4 && memcmp(s->method.data, "HEAD", 4) == 0;
    s->is_chunked = !s->has_ended && !s->has_length;
    append(&s->out, s->method.data, s->method.length);
    append_text(&s->out, " ");
    append(&s->out, s->path.data, s->path.length);
    append_text(&s->out, " HTTP/1.1\r\nHost: ");
    append(&s->out, s->authority.data, s->authority.length);
    append_text(&s->out, "\r\n");
    append(&s->out, s->fields.data, s->fields.length);
    append(&s->out, s->cookies.data, s->cookies.length);
    append_text(&s->out, s->cookies.length > 0 ? "\r\n" : "");
    append_text(&s->out, s->is_chunked ? "transfer-encoding: chunked\r\n\r\n" : "\r\n");
}

static void end_request(stream *s)
{
    if (s->is_chunked && !s->has_ended)
        append_text(&s->out, "0\r\n\r\n");
    s->has_ended = true;
}

/* Where connections are to be left, no lane gets a request. */
static bool is_leaving(front *f)
{
    if (f->leaving.farewell == PEER_LEAVES_NOT)
        return false;
    f->is_left = ++f->request_count >= f->leaving.requests;
    if (f->is_left && f->leaving.farewell == PEER_LEAVES_GOODBYE)
        nghttp2_submit_goaway(f->session, NGHTTP2_FLAG_NONE, INT32_MAX, f->leaving.code, NULL, 0);
    return true;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    front *f = context;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (s == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        s->has_ended = ends;
        if (is_leaving(f))
            return 0;
        write_head(s);
        s->lane = choose_lane(f);
        s->lane->user = s;
    } else if (ends) {
        end_request(s);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t length, void *context)
{
    (void)flags;
    (void)context;
    stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (s == NULL || s->lane == NULL) {
        nghttp2_session_consume(session, id, length);
        return 0;
    }
    char size[32];
    snprintf(size, sizeof size, "%zx\r\n", length);
    if (s->is_chunked)
        append_text(&s->out, size);
    append(&s->out, data, length);
    if (s->is_chunked)
        append_text(&s->out, "\r\n");
    s->owed += length;
    return 0;
}

/* Given up by the client, or over. */
static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *context)
{
    (void)error;
    front *f = context;
    stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (s == NULL)
        return 0;
    nghttp2_session_consume_connection(session, s->owed);
    if (s->lane != NULL)
        close_lane(f, s->lane);
    stream **place = &f->streams;
    while (*place != s)
        place = &(*place)->next;
    *place = s->next;
    free_stream(s);
    return 0;
}

/* --- answers --------------------------------------------------------------------------------- */

static char *find_end(const bytes *in, const char *end)
{
    return rest_of(in) == 0 ? NULL : memmem(in->data + in->taken, rest_of(in), end, strlen(end));
}

static bool is_hop_by_hop(const char *name)
{
    static const char *const names[] = {"connection", "transfer-encoding", "keep-alive", "upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    for (size_t end = strlen(text); end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t');)
        text[--end] = '\0';
    return text;
}

/* Cuts "Name: value\r\n..." up where it stands. */
static size_t split_fields(char *text, nghttp2_nv *fields, size_t room)
{
    size_t count = 0;
    for (char *next; *text != '\0' && count < room; text = next) {
        next = text + strcspn(text, "\r");
        if (*next != '\0') {
            *next = '\0';
            next += 2;
        }
        char *colon = strchr(text, ':');
        if (colon == NULL)
            continue;
        *colon = '\0';
        for (char *at = text; *at != '\0'; at++)
            if (*at >= 'A' && *at <= 'Z')
                *at += 'a' - 'A';
        char *value = trim(colon + 1);
        fields[count++] = (nghttp2_nv){.name = (uint8_t *)text,
                                       .value = (uint8_t *)value,
                                       .namelen = strlen(text),
                                       .valuelen = strlen(value)};
    }
    return count;
}

static void read_framing(stream *s, const nghttp2_nv *field)
{
    const char *name = (const char *)field->name, *value = (const char *)field->value;
    if (strcmp(name, "content-length") == 0 && s->state == ANSWER_UNTIL_CLOSE) {
        s->state = ANSWER_LENGTH;
        s->left = strtoull(value, NULL, 10);
    } else if (strcmp(name, "transfer-encoding") == 0) {
        s->state = ANSWER_CHUNK_SIZE;
    } else if (strcmp(name, "connection") == 0) {
        s->is_last = strcasestr(value, "close") != NULL;
    }
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *data, size_t room,
                       uint32_t *flags, nghttp2_data_source *source, void *context);

static void send_head(front *f, stream *s, int status, char *text)
{
    nghttp2_nv all[FIELDS_MAX], fields[FIELDS_MAX];
    char digits[16];
    snprintf(digits, sizeof digits, "%03d", status);
    all[0] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t) ":status",
                          .value = (uint8_t *)digits,
                          .namelen = 7,
                          .valuelen = strlen(digits)};
    size_t count = 1, split = split_fields(text, fields, FIELDS_MAX - 1);
    s->state = ANSWER_UNTIL_CLOSE;
    for (size_t i = 0; i < split; i++) {
        read_framing(s, &fields[i]);
        if (!is_hop_by_hop((const char *)fields[i].name))
            all[count++] = fields[i];
    }
    if (status < 200) {
        nghttp2_submit_headers(f->session, NGHTTP2_FLAG_NONE, s->id, NULL, all, count, NULL);
        s->state = ANSWER_HEAD;
        return;
    }
    if (s->is_head || status == 204 || status == 304 || (s->state == ANSWER_LENGTH && s->left == 0))
        s->state = ANSWER_DONE;
    s->is_last |= s->state == ANSWER_UNTIL_CLOSE;
    nghttp2_data_provider provider = {.read_callback = on_read};
    if (nghttp2_submit_response(f->session, s->id, all, count,
                                s->state == ANSWER_DONE ? NULL : &provider) != 0)
        die("nghttp2_submit_response");
}

static void refuse(front *f, stream *s, uint32_t code)
{
    nghttp2_submit_rst_stream(f->session, NGHTTP2_FLAG_NONE, s->id, code);
    s->state = ANSWER_DONE;
    if (s->lane != NULL)
        close_lane(f, s->lane);
}

/* Every head that is there. */
static void read_heads(front *f, stream *s)
{
    char *end;
    while (s->state == ANSWER_HEAD && (end = find_end(&s->in, "\r\n\r\n")) != NULL) {
        char *start = s->in.data + s->in.taken;
        char *line_end = strstr(start, "\r\n");
        unsigned minor = 0;
        int status = 0;
        if (sscanf(start, "HTTP/1.%u %d", &minor, &status) != 2) {
            refuse(f, s, NGHTTP2_PROTOCOL_ERROR);
            return;
        }
        size_t length = (size_t)(end - start) + 4;
        char *fields = strndup(line_end + 2, length - (size_t)(line_end + 2 - start));
        if (fields == NULL)
            die("memory");
        s->is_last = minor == 0;
        send_head(f, s, status, fields);
        free(fields);
        take(&s->in, length);
    }
}

/* A chunk's size, the end of a chunk, the trailers: false while they aren't there whole. */
static bool read_chunking(front *f, stream *s)
{
    nghttp2_nv fields[64];
    char *end = find_end(&s->in, "\r\n"), *start = s->in.data + s->in.taken;
    if (end == NULL)
        return false;
    if (s->state == ANSWER_CHUNK_SIZE) {
        s->left = strtoull(start, NULL, 16);
        s->state = s->left > 0 ? ANSWER_CHUNK : ANSWER_TRAILERS;
    } else if (s->state == ANSWER_CHUNK_END) {
        s->state = ANSWER_CHUNK_SIZE;
    } else {
        if (end != start && (end = find_end(&s->in, "\r\n\r\n")) == NULL)
            return false;
        s->state = ANSWER_DONE;
        if (end != start) {
            *end = '\0';
            nghttp2_submit_trailer(f->session, s->id, fields, split_fields(start, fields, 64));
            take(&s->in, (size_t)(end - start) + 4);
            s->has_trailers = true;
            return true;
        }
    }
    take(&s->in, (size_t)(end - start) + 2);
    return true;
}

static size_t copy_body(stream *s, uint8_t *to, size_t room)
{
    size_t count = rest_of(&s->in) < room ? rest_of(&s->in) : room;
    if (s->state != ANSWER_UNTIL_CLOSE && count > s->left)
        count = (size_t)s->left;
    if (count > 0)
        memcpy(to, s->in.data + s->in.taken, count);
    take(&s->in, count);
    if (s->state == ANSWER_UNTIL_CLOSE)
        return count;
    s->left -= count;
    if (s->left == 0)
        s->state = s->state == ANSWER_LENGTH ? ANSWER_DONE : ANSWER_CHUNK_END;
    return count;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *data, size_t room,
                       uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)source;
    front *f = context;
    stream *s = nghttp2_session_get_stream_user_data(session, id);
    size_t count = 0;
    bool goes_on = true;
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    while (goes_on && s->state != ANSWER_DONE) {
        bool is_body =
            s->state == ANSWER_LENGTH || s->state == ANSWER_CHUNK || s->state == ANSWER_UNTIL_CLOSE;
        if (is_body && count == 0)
            goes_on = (count = copy_body(s, data, room)) > 0;
        else
            goes_on = !is_body && read_chunking(f, s);
    }
    bool is_closed = s->lane == NULL || s->lane->is_eof;
    if (s->state == ANSWER_UNTIL_CLOSE && is_closed && rest_of(&s->in) == 0)
        s->state = ANSWER_DONE;
    if (s->state == ANSWER_DONE) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->has_trailers)
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    } else if (count == 0) {
        f->is_broken |= is_closed;
        s->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)count;
}

/* Its answer has left: the lane rests, if an HTTP/1 client would keep the connection. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    front *f = context;
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s == NULL)
        return 0;
    lane *l = s->lane;
    if (!s->has_ended) /* RFC 9113 §8.1: answered early, the rest isn't wanted */
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
    if (l == NULL)
        return 0;
    if (s->is_last)
        say_goodbye(f);
    if (s->is_last || !s->has_ended || rest_of(&s->out) > 0 || rest_of(&s->in) > 0) {
        close_lane(f, l);
    } else {
        s->lane = NULL;
        l->user = NULL;
    }
    return 0;
}

/* --- the loop -------------------------------------------------------------------------------- */

static void write_lane(front *f, lane *l)
{
    stream *s = l->user;
    if (s == NULL || rest_of(&s->out) == 0)
        return;
    ssize_t count =
        send(l->fd, s->out.data + s->out.taken, rest_of(&s->out), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count < 0)
        count = (ssize_t)rest_of(&s->out); /* nobody reads it: the answer may be there already */
    take(&s->out, (size_t)count);
    size_t credit = rest_of(&s->out) == 0     ? s->owed
                    : s->owed < (size_t)count ? s->owed
                                              : (size_t)count;
    s->owed -= credit;
    nghttp2_session_consume(f->session, s->id, credit);
}

static void read_lane(front *f, lane *l)
{
    static _Thread_local char data[READ_AHEAD];
    stream *s = l->user;
    ssize_t count = recv(l->fd, data, sizeof data, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (s == NULL) { /* its end, or what nobody has asked for */
        bury_lane(f, l, peer__lane_look(f->owner, l->index));
        return;
    }
    if (count > 0)
        append(&s->in, data, (size_t)count);
    else
        l->is_eof = true;
    bool is_over = l->is_eof;
    if (is_over && peer__lane_look(f->owner, l->index) == PEER_LANE_RESET)
        f->is_broken = f->is_reset = true;
    read_heads(f, s); /* which may close the lane */
    f->is_broken |= is_over && s->state == ANSWER_HEAD;
    if (s->is_deferred && s->state != ANSWER_HEAD) {
        s->is_deferred = false;
        nghttp2_session_resume_data(f->session, s->id);
    }
}

static void read_client(front *f)
{
    uint8_t data[16384];
    ssize_t count = recv(f->fd, data, sizeof data, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0 || nghttp2_session_mem_recv(f->session, data, (size_t)count) < 0)
        f->is_broken = true;
}

static void write_client(front *f)
{
    while (!f->is_broken) {
        if (f->pending_length == 0) {
            ssize_t length = nghttp2_session_mem_send(f->session, &f->pending);
            if (length <= 0)
                return;
            f->pending_length = (size_t)length;
        }
        ssize_t count = send(f->fd, f->pending, f->pending_length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (count < 0) {
            f->is_broken = true;
            return;
        }
        f->pending += count;
        f->pending_length -= (size_t)count;
    }
}

static short events_of(const lane *l)
{
    short events = 0;
    if (l->user == NULL || (!l->is_eof && rest_of(&l->user->in) < READ_AHEAD))
        events |= POLLIN;
    if (l->user != NULL && rest_of(&l->user->out) > 0)
        events |= POLLOUT;
    return events;
}

/* Serves whoever is ready. False when the peer is being stopped. */
static bool serve_once(front *f)
{
    static _Thread_local struct pollfd fds[LANES_MAX + 2];
    static _Thread_local lane *ready[LANES_MAX];
    size_t count = f->lane_count;
    fds[0] = (struct pollfd){.fd = peer__stop_fd(f->owner), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = f->fd, .events = POLLIN};
    if (f->pending_length > 0)
        fds[1].events |= POLLOUT;
    for (size_t i = 0; i < count; i++) {
        short events = events_of(f->lanes[i]);
        ready[i] = f->lanes[i];
        fds[i + 2] = (struct pollfd){.fd = events != 0 ? ready[i]->fd : -1, .events = events};
    }
    if (poll(fds, count + 2, -1) < 0)
        return errno == EINTR;
    for (size_t i = 0; i < count; i++) { /* closes no lane but its own */
        if (fds[i + 2].revents & POLLOUT)
            write_lane(f, ready[i]);
        if (fds[i + 2].revents & (POLLIN | POLLHUP | POLLERR))
            read_lane(f, ready[i]);
    }
    if (fds[1].revents != 0 && !f->is_broken)
        read_client(f);
    return fds[0].revents == 0;
}

/* What is said before the connection is left, and how that is done. */
static void leave(front *f)
{
    if (f->leaving.farewell != PEER_LEAVES_UNGREETED)
        write_client(f);
    f->is_broken = true;
    f->is_reset = f->leaving.is_reset;
}

static void start_session(front *f)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        die("memory");
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                    peer__streams(f->owner)};
    if (nghttp2_session_server_new2(&f->session, callbacks, f, option) != 0 ||
        nghttp2_submit_settings(f->session, NGHTTP2_FLAG_NONE, &entry, 1) != 0)
        die("no session");
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
}

/* FIN, then whatever still comes, so that the last bytes aren't lost to a reset. */
static void linger(front *f)
{
    char data[4096];
    struct pollfd fds[2] = {{.fd = peer__stop_fd(f->owner), .events = POLLIN},
                            {.fd = f->fd, .events = POLLIN}};
    shutdown(f->fd, SHUT_WR);
    while (poll(fds, 2, -1) >= 0 && fds[0].revents == 0)
        if (recv(f->fd, data, sizeof data, 0) <= 0)
            return;
}

void peer__h2_serve(peer *p, int fd)
{
    front *f = calloc(1, sizeof *f);
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (f == NULL)
        die("memory");
    f->owner = p;
    f->fd = fd;
    f->leaving = peer__leaving(p);
    start_session(f);
    bool goes_on = true;
    while (goes_on && !f->is_broken) {
        if (f->leaving.farewell != PEER_LEAVES_UNGREETED)
            write_client(f);
        if (!nghttp2_session_want_read(f->session) && !nghttp2_session_want_write(f->session) &&
            f->pending_length == 0)
            break;
        goes_on = serve_once(f);
        if (f->is_left)
            leave(f);
    }
    while (f->lane_count > 0)
        close_lane(f, f->lanes[0]);
    if (f->is_reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    else if (goes_on)
        linger(f);
    close(fd);
    nghttp2_session_del(f->session);
    for (stream *s = f->streams, *next; s != NULL; s = next) {
        next = s->next;
        free_stream(s);
    }
    free(f);
}
