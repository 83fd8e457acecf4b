/*
 * h2_churn.c - see h2_churn.h.
 */
#include "h2_churn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "prng.h"

#define WIRES_MAX 16      /* connections at once */
#define SETTINGS_MOST 24  /* changes on one connection: more in no time would be hostile */
#define PINGS_MOST 48     /* likewise */
#define CURSED_EACH 4001  /* every so many-th number is refused for ever, when wild */
#define GRANT_BYTES 20000 /* the most that one WINDOW_UPDATE of ours gives */

enum { FIELDS_MAX = 6, NUMBER_TEXT = 24, PAD_MAX = 200 };

typedef enum lane_state {
    LANE_READING = 0, /* the request goes on, and nothing has been answered */
    LANE_WAITING,     /* the answer's turn has not come */
    LANE_ANSWERING,
    LANE_PAUSED, /* the answer goes on at the next turn */
    LANE_OVER
} lane_state;

/* A stream. */
typedef struct lane {
    struct wire *wire;
    struct lane *next;
    int32_t id;
    lane_state state;
    size_t number;
    size_t body_length; /* of the request, by its x-body */
    size_t body_seen;
    size_t unconsumed;
    int has_ended; /* the request has */
    int expects;   /* 100 Continue */
    unsigned delay;
    size_t answer_length;
    size_t answer_sent;
    size_t breaks_at; /* the answer is reset there; SIZE_MAX: it isn't */
    int has_trailers;
    int ends_by_reset; /* RST_STREAM NO_ERROR once an early answer is complete (RFC 9113 §8.1) */
} lane;

typedef struct wire {
    h2_churn *churn;
    nghttp2_session *session;
    lane *lanes;
    const uint8_t *out;
    size_t out_length;
    size_t turn_at;  /* GOAWAY after so many streams */
    int32_t done_id; /* the newest stream that has been answered or reset */
    size_t streams;
    unsigned settings;
    unsigned pings;
    int fd; /* below 0: unused */
    int has_warned;
    int is_going;
    int is_shut;
} wire;

struct h2_churn {
    h2_churn_options options;
    h2_churn_counts counts;
    h2_churn_fate *fates;
    uint64_t random;
    wire wires[WIRES_MAX];
    char complaint[256];
    uint16_t port;
    int listener;
};

static void complain(h2_churn *churn, const char *format, ...)
{
    if (churn->complaint[0] != '\0')
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(churn->complaint, sizeof churn->complaint, format, arguments);
    va_end(arguments);
}

static size_t chance(wire *of, size_t bound)
{
    return (size_t)prng_below(&of->churn->random, bound);
}

static void bump(uint8_t *count)
{
    if (*count < UINT8_MAX)
        (*count)++;
}

static h2_churn_fate *fate_of(const lane *of)
{
    return &of->wire->churn->fates[of->number];
}

static lane *lane_at(wire *of, int32_t id)
{
    return nghttp2_session_get_stream_user_data(of->session, id);
}

static int is_cursed(const lane *of)
{
    return of->wire->churn->options.mood == H2_CHURN_WILD && of->number % CURSED_EACH == 7;
}

static int is_wild(const wire *of)
{
    return of->churn->options.mood == H2_CHURN_WILD;
}

/* --- the answer ------------------------------------------------------------------------------ */

/* Mostly small; some larger than a frame, few larger than a body's credit. */
static size_t pick_length(wire *of)
{
    size_t kind = chance(of, 64);
    if (kind == 0)
        return chance(of, 200000);
    return kind < 4 ? chance(of, 40000) : kind < 12 ? 0 : chance(of, 400);
}

static ssize_t on_read_body(nghttp2_session *session, int32_t id, uint8_t *place, size_t room,
                            uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)session;
    (void)id;
    (void)context;
    lane *of = source->ptr;
    size_t left = of->answer_length - of->answer_sent;
    if (of->answer_sent >= of->breaks_at)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* becomes RST_STREAM INTERNAL_ERROR */
    if (left > 0 && chance(of->wire, 8) == 0) {
        of->state = LANE_PAUSED;
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t count = left < room ? left : room;
    if (count > 1 && chance(of->wire, 4) == 0)
        count = 1 + chance(of->wire, count);
    for (size_t i = 0; i < count; i++)
        place[i] = (uint8_t)h2_churn_byte(of->number, of->answer_sent + i);
    of->answer_sent += count;
    if (of->answer_sent == of->answer_length) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (of->has_trailers) {
            uint8_t name[] = "x-trailer", value[] = "last";
            nghttp2_nv field = {name, value, 9, 4, 0};
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_trailer(session, id, &field, 1);
        }
    }
    return (ssize_t)count;
}

static void touch(const lane *of)
{
    if (of->id > of->wire->done_id)
        of->wire->done_id = of->id;
}

static nghttp2_nv field_of(const char *name, char *value)
{
    /* nghttp2 copies both and changes neither, though its type doesn't say so. */
    union {
        const char *constant;
        uint8_t *bytes;
    } text = {.constant = name};
    return (nghttp2_nv){text.bytes, (uint8_t *)value, strlen(name), strlen(value), 0};
}

static void tell(lane *of, const char *status)
{
    char text[] = "100";
    memcpy(text, status, sizeof text);
    nghttp2_nv information = field_of(":status", text);
    touch(of);
    nghttp2_submit_headers(of->wire->session, 0, of->id, NULL, &information, 1, NULL);
}

static void answer(lane *of)
{
    wire *on = of->wire;
    char ok[] = "200", number[NUMBER_TEXT], length[NUMBER_TEXT], pad[PAD_MAX + 1];
    of->state = LANE_ANSWERING;
    touch(of);
    of->answer_length = pick_length(on);
    of->has_trailers = chance(on, 8) == 0;
    of->breaks_at = SIZE_MAX;
    if (is_wild(on) && of->answer_length > 0 && chance(on, 50) == 0)
        of->breaks_at = chance(on, of->answer_length);
    size_t padding = chance(on, 8) == 0 ? chance(on, PAD_MAX) : 3;
    memset(pad, 'a' + (int)chance(on, 26), padding);
    pad[padding] = '\0';
    snprintf(number, sizeof number, "%zu", of->number);
    snprintf(length, sizeof length, "%zu", of->answer_length);
    nghttp2_nv fields[FIELDS_MAX] = {field_of(":status", ok), field_of("x-number", number),
                                     field_of("x-length", length), field_of("x-pad", pad)};
    size_t count = 4;
    if (chance(on, 2) == 0)
        fields[count++] = field_of("content-length", length);
    if (chance(on, 16) == 0)
        tell(of, "103");
    nghttp2_data_provider body = {{.ptr = of}, on_read_body};
    int is_bare = of->answer_length == 0 && !of->has_trailers;
    nghttp2_submit_response(on->session, of->id, fields, count, is_bare ? NULL : &body);
}

static void reset(lane *of, uint32_t code)
{
    h2_churn *churn = of->wire->churn;
    of->state = LANE_OVER;
    touch(of);
    if (code == NGHTTP2_REFUSED_STREAM) {
        bump(&fate_of(of)->refused);
        churn->counts.refusals++;
    } else {
        bump(&fate_of(of)->reset);
        churn->counts.resets++;
    }
    nghttp2_submit_rst_stream(of->wire->session, 0, of->id, code);
}

/* The answer's turn: once the request has ended, or sometimes before. */
static void decide(lane *of)
{
    wire *on = of->wire;
    size_t luck = chance(on, 1000);
    of->delay = (unsigned)chance(on, 6);
    of->state = LANE_WAITING;
    if (!of->expects && (is_cursed(of) || luck < 15))
        reset(of, NGHTTP2_REFUSED_STREAM);
    else if (is_wild(on) && luck < 25)
        reset(of, chance(on, 2) == 0 ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL);
}

/* --- what nghttp2 reports -------------------------------------------------------------------- */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    wire *on = context;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    lane *of = calloc(1, sizeof *of);
    if (of == NULL)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    *of = (lane){.wire = on, .next = on->lanes, .id = frame->hd.stream_id, .number = SIZE_MAX};
    on->lanes = of;
    on->streams++;
    on->churn->counts.streams++;
    nghttp2_session_set_stream_user_data(session, of->id, of);
    return 0;
}

static size_t number_in(const uint8_t *text, size_t length)
{
    char copy[NUMBER_TEXT] = "";
    memcpy(copy, text, length < sizeof copy ? length : sizeof copy - 1);
    return strtoul(copy, NULL, 10);
}

static int on_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                    size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                    void *context)
{
    (void)session;
    (void)flags;
    lane *of = lane_at(context, frame->hd.stream_id);
    if (of == NULL)
        return 0;
    if (name_length == 5 && memcmp(name, ":path", 5) == 0 && value_length > 1)
        of->number = number_in(value + 1, value_length - 1);
    else if (name_length == 6 && memcmp(name, "x-body", 6) == 0)
        of->body_length = number_in(value, value_length);
    else if (name_length == 6 && memcmp(name, "expect", 6) == 0)
        of->expects = 1;
    return 0;
}

static void on_request(lane *of)
{
    h2_churn *churn = of->wire->churn;
    if (of->number >= churn->options.requests) {
        complain(churn, "stream %d asks for no number of ours", of->id);
        of->number = 0;
    }
    bump(&fate_of(of)->seen);
    if (!of->has_ended && (is_cursed(of) || chance(of->wire, 6) == 0)) {
        of->ends_by_reset = chance(of->wire, 2) == 0;
        decide(of);
    } else if (!of->has_ended && of->expects) {
        tell(of, "100");
    }
}

static void on_request_end(lane *of)
{
    of->has_ended = 1;
    if (of->body_seen != of->body_length)
        complain(of->wire->churn, "request %zu: %zu bytes of a body of %zu", of->number,
                 of->body_seen, of->body_length);
    if (of->state == LANE_READING)
        decide(of);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    (void)session;
    wire *on = context;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
        complain(on->churn, "the client said GOAWAY: %s, %.*s",
                 nghttp2_http2_strerror(frame->goaway.error_code),
                 (int)frame->goaway.opaque_data_len, (const char *)frame->goaway.opaque_data);
    lane *of = frame->hd.stream_id > 0 ? lane_at(on, frame->hd.stream_id) : NULL;
    if (of == NULL)
        return 0;
    int ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        of->has_ended = ends;
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
            on_request(of);
    }
    if (ends && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
        on_request_end(of);
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        on->churn->counts.cancels++;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t length, void *context)
{
    (void)flags;
    wire *on = context;
    lane *of = lane_at(on, id);
    if (of == NULL) {
        nghttp2_session_consume_connection(session, length);
        return 0;
    }
    for (size_t i = 0; i < length; i++)
        if ((char)data[i] != h2_churn_byte(of->number, of->body_seen + i)) {
            complain(on->churn, "request %zu: byte %zu of its body is wrong", of->number,
                     of->body_seen + i);
            break;
        }
    of->body_seen += length;
    of->unconsumed += length;
    return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    wire *on = context;
    int carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!carries || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    lane *of = lane_at(on, frame->hd.stream_id);
    if (of == NULL)
        return 0;
    of->state = LANE_OVER;
    bump(&fate_of(of)->answered);
    on->churn->counts.answered++;
    if (!of->has_ended && of->ends_by_reset)
        nghttp2_submit_rst_stream(session, 0, of->id, NGHTTP2_NO_ERROR);
    return 0;
}

static void note_end(lane *of, uint32_t code)
{
    h2_churn *churn = of->wire->churn;
    if (of->number >= churn->options.requests || of->state == LANE_OVER)
        return;
    if (of->answer_sent >= of->breaks_at && of->state == LANE_ANSWERING) {
        bump(&fate_of(of)->reset);
        churn->counts.resets++;
    } else if (code ==
               NGHTTP2_REFUSED_STREAM) { /* that is how nghttp2 ends those beyond a GOAWAY */
        bump(&fate_of(of)->orphaned);
        churn->counts.orphans++;
    }
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
    wire *on = context;
    lane *of = lane_at(on, id);
    if (of == NULL)
        return 0;
    note_end(of, code);
    if (of->unconsumed > 0)
        nghttp2_session_consume_connection(session, of->unconsumed);
    for (lane **place = &on->lanes; *place != NULL; place = &(*place)->next)
        if (*place == of) {
            *place = of->next;
            break;
        }
    nghttp2_session_set_stream_user_data(session, id, NULL);
    free(of);
    return 0;
}

static int on_wrong_frame(nghttp2_session *session, const nghttp2_frame *frame, int code,
                          void *context)
{
    (void)session;
    wire *on = context;
    /* More streams than allowed, before the SETTINGS that allow fewer were acknowledged. */
    if (code == NGHTTP2_ERR_REFUSED_STREAM)
        return 0;
    complain(on->churn, "stream %d, frame of type %d: %s", frame->hd.stream_id, frame->hd.type,
             nghttp2_strerror(code));
    return 0;
}

static int on_wrong_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                          size_t name_length, const uint8_t *value, size_t value_length,
                          uint8_t flags, void *context)
{
    (void)session;
    (void)frame;
    (void)value;
    (void)value_length;
    (void)flags;
    wire *on = context;
    complain(on->churn, "field %.*s is not allowed", (int)name_length, (const char *)name);
    return 0;
}

/* --- connections ------------------------------------------------------------------------------ */

static nghttp2_session *make_session(wire *on)
{
    nghttp2_session_callbacks *calls;
    nghttp2_session *session = NULL;
    nghttp2_option *option;
    if (nghttp2_session_callbacks_new(&calls) != 0)
        return NULL;
    if (nghttp2_option_new(&option) != 0) {
        nghttp2_session_callbacks_del(calls);
        return NULL;
    }
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_field);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(calls, on_wrong_frame);
    nghttp2_session_callbacks_set_on_invalid_header_callback(calls, on_wrong_field);
    if (nghttp2_session_server_new2(&session, calls, on, option) != 0)
        session = NULL;
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(calls);
    return session;
}

static void hang_up(wire *on)
{
    nghttp2_session_del(on->session);
    while (on->lanes != NULL) {
        lane *gone = on->lanes;
        on->lanes = gone->next;
        free(gone);
    }
    close(on->fd);
    *on = (wire){.fd = -1};
}

static void change_settings(wire *on)
{
    static const uint32_t windows[] = {0, 1, 100, 5000, 16384, 65535, 65535, 1 << 20};
    static const uint32_t streams[] = {1, 2, 10, 50, 100, 100, 200, 500};
    static const uint32_t tables[] = {0, 100, 4096, 4096, 8192};
    nghttp2_settings_entry entries[4] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, windows[chance(on, 8)]},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams[chance(on, 8)]},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, tables[chance(on, 5)]},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 16384 << chance(on, 4)},
    };
    size_t first = chance(on, 3);
    nghttp2_submit_settings(on->session, 0, entries + first, 1 + chance(on, 4 - first));
    on->settings++;
    on->churn->counts.settings++;
}

static void take_connection(h2_churn *churn)
{
    int yes = 1, fd = accept4(churn->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    wire *on = churn->wires;
    while (on->fd >= 0 && on < churn->wires + WIRES_MAX)
        on++;
    if (on == churn->wires + WIRES_MAX) {
        complain(churn, "more than %d connections at once", WIRES_MAX);
        close(fd);
        return;
    }
    /* Every frame is a write of its own. Where one stream is all that may be open the client has
     * nothing to say meanwhile, and each second write would wait for its delayed ACK. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    *on = (wire){.churn = churn, .fd = fd};
    on->session = make_session(on);
    if (on->session == NULL) {
        complain(churn, "no session");
        hang_up(on);
        return;
    }
    on->turn_at = churn->options.turn / 2 + chance(on, churn->options.turn + 1);
    churn->counts.connections++;
    change_settings(on);
}

/* 1: something came; 0: nothing; -1: the connection is over. */
static int receive(wire *on)
{
    uint8_t data[16384];
    ssize_t count = recv(on->fd, data, sizeof data, 0);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (count == 0)
        return -1;
    if (on->is_shut)
        return 1;
    ssize_t done = nghttp2_session_mem_recv(on->session, data, (size_t)count);
    if (done < 0) {
        complain(on->churn, "connection: %s", nghttp2_strerror((int)done));
        return -1;
    }
    return 1;
}

static int transmit(wire *on)
{
    int moved = 0;
    for (;;) {
        if (on->out_length == 0) {
            ssize_t count = nghttp2_session_mem_send(on->session, &on->out);
            if (count < 0)
                complain(on->churn, "connection: %s", nghttp2_strerror((int)count));
            if (count <= 0)
                return moved;
            on->out_length = (size_t)count;
        }
        size_t count = on->out_length;
        if (count > 1 && chance(on, 32) == 0)
            count = 1 + chance(on, count);
        ssize_t sent = send(on->fd, on->out, count, MSG_NOSIGNAL);
        if (sent < 0)
            return moved; /* full, or closed: receive() will tell */
        on->out += sent;
        on->out_length -= (size_t)sent;
        moved = 1;
    }
}

static void grant(lane *of)
{
    wire *on = of->wire;
    if (of->unconsumed > 0 && chance(on, 2) == 0) {
        nghttp2_session_consume(on->session, of->id, of->unconsumed);
        of->unconsumed = 0;
    }
    /* A window that settings have shut opens by WINDOW_UPDATE alone, or by other settings. */
    if (!of->has_ended && chance(on, 4) == 0 &&
        nghttp2_session_get_stream_effective_local_window_size(on->session, of->id) <
            (int32_t)GRANT_BYTES / 2 &&
        nghttp2_session_get_stream_local_window_size(on->session, of->id) <= 0)
        nghttp2_submit_window_update(on->session, 0, of->id, 1 + (int32_t)chance(on, GRANT_BYTES));
}

/* 1: waits for its turn, so another step will move it. */
static int turn(lane *of)
{
    grant(of);
    if (of->state == LANE_PAUSED) {
        of->state = LANE_ANSWERING;
        nghttp2_session_resume_data(of->wire->session, of->id);
        return 1;
    }
    if (of->state != LANE_WAITING)
        return !of->has_ended;
    if (of->delay > 0)
        of->delay--;
    else
        answer(of);
    return 1;
}

static void go_away(wire *on)
{
    if (!on->has_warned && chance(on, 2) == 0) {
        nghttp2_submit_shutdown_notice(on->session);
        on->has_warned = 1;
        on->turn_at += 20; /* what the client has under way meanwhile is still served */
        return;
    }
    /* Beyond its last id nothing was done, that is what GOAWAY says (RFC 9113 §6.8). */
    int32_t last = nghttp2_session_get_last_proc_stream_id(on->session);
    int32_t bound = chance(on, 4) == 0 ? last : on->done_id;
    on->is_going = 1;
    on->churn->counts.goaways++;
    nghttp2_submit_goaway(on->session, 0, bound, NGHTTP2_NO_ERROR, NULL, 0);
}

static void stir(wire *on)
{
    if (on->settings < SETTINGS_MOST && !on->is_going && chance(on, 60) == 0)
        change_settings(on);
    if (on->pings < PINGS_MOST && chance(on, 100) == 0) {
        on->pings++;
        nghttp2_submit_ping(on->session, 0, NULL);
    }
    if (!on->is_going && on->streams >= on->turn_at)
        go_away(on);
}

/* Everything was said: the client is to close, and what it still sends is of no interest. */
static int part(wire *on)
{
    if (on->is_shut || on->lanes != NULL || on->out_length > 0 || !on->is_going)
        return 0;
    shutdown(on->fd, SHUT_WR);
    on->is_shut = 1;
    return 1;
}

static int step_wire(wire *on)
{
    int moved = 0, got = 0;
    for (int i = 0; i < 4 && (got = receive(on)) > 0; i++)
        moved = 1;
    if (got < 0) {
        hang_up(on);
        return 1;
    }
    if (on->is_shut)
        return moved;
    if (is_wild(on) && moved && on->streams > 10 && chance(on, 5000) == 0) {
        on->churn->counts.cuts++;
        hang_up(on);
        return 1;
    }
    for (lane *of = on->lanes, *next; of != NULL; of = next) {
        next = of->next;
        moved |= turn(of);
    }
    stir(on);
    moved |= transmit(on);
    return moved | part(on);
}

int h2_churn_step(h2_churn *churn)
{
    int moved = 0;
    size_t before = churn->counts.connections;
    take_connection(churn);
    for (size_t i = 0; i < WIRES_MAX; i++)
        if (churn->wires[i].fd >= 0)
            moved |= step_wire(&churn->wires[i]);
    return moved || churn->counts.connections != before;
}

static int listen_somewhere(h2_churn *churn)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    churn->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (churn->listener < 0 ||
        bind(churn->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(churn->listener, WIRES_MAX) != 0 ||
        getsockname(churn->listener, (struct sockaddr *)&address, &length) != 0)
        return 0;
    churn->port = ntohs(address.sin_port);
    return 1;
}

h2_churn *h2_churn_start(const h2_churn_options *options)
{
    h2_churn *churn = calloc(1, sizeof *churn);
    if (churn == NULL)
        return NULL;
    churn->options = *options;
    churn->random = options->seed;
    for (size_t i = 0; i < WIRES_MAX; i++)
        churn->wires[i].fd = -1;
    churn->fates = malloc(options->requests * sizeof *churn->fates);
    if (churn->fates == NULL || !listen_somewhere(churn)) {
        h2_churn_stop(churn);
        return NULL;
    }
    memset(churn->fates, 0, options->requests * sizeof *churn->fates); /* all pages, at once */
    return churn;
}

void h2_churn_stop(h2_churn *churn)
{
    for (size_t i = 0; i < WIRES_MAX; i++)
        if (churn->wires[i].fd >= 0)
            hang_up(&churn->wires[i]);
    if (churn->listener >= 0)
        close(churn->listener);
    free(churn->fates);
    free(churn);
}

uint16_t h2_churn_port(const h2_churn *churn)
{
    return churn->port;
}

const h2_churn_fate *h2_churn_fate_of(const h2_churn *churn, size_t number)
{
    return &churn->fates[number];
}

const h2_churn_counts *h2_churn_count(const h2_churn *churn)
{
    return &churn->counts;
}

const char *h2_churn_complaint(const h2_churn *churn)
{
    return churn->complaint;
}
