/*
 * test_tls_stream.c - data through a TLS stream: every size, pausing, narrow sockets, each way to
 * end and to fail.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/limits.h"
#include "base/memory.h"
#include "tls_fixture.h"

#define DATA_BYTES 300000

static hh_tls_config *config;
static char sent_data[DATA_BYTES];
static const hh_tls_target localhost = {.server_name = "localhost"};

static int set_up(void **state)
{
    int result = tls_set_up(state);
    hh_tls_settings settings = trusting("ca.crt");
    uint32_t number = 1;
    for (size_t i = 0; i < DATA_BYTES; i++) {
        number = number * 1664525u + 1013904223u;
        sent_data[i] = (char)(number >> 24);
    }
    config = make_config(&settings);
    return result;
}

static int tear_down(void **state)
{
    hh__tls_config_unref(config);
    return tls_tear_down(state);
}

/* A server with these options and an open client to it. */
static tls_client open_client(tls_server_options options, tls_client_path path)
{
    tls_client client = {.loop = loop, .path = path};
    client.server = start_server("good", options);
    if (tls_client_open(&client, config, &localhost) != HH_IO_OK)
        fail_msg("%s", client.error.message);
    return client;
}

static tls_server_stats end(tls_client *client)
{
    tls_client_close(client, HH_CLOSE_ABORT);
    assert_int_equal(hh__loop_run(loop), HH_OK);
    return tls_server_stop(client->server);
}

/* For the client's own copy: on_ready's owner is where the struct lay when it was opened. */
static void move_client(tls_client *client)
{
    client->stream->owner = client;
}

#define OPEN(client, options, path)                                                                \
    tls_client client = open_client(options, path);                                                \
    move_client(&client)

static const tls_server_options plain_options;

/* --- What a server says ----------------------------------------------------------------------- */

static void say_hello(SSL *ssl, void *context)
{
    (void)context;
    (void)SSL_write(ssl, "hello, world", 12);
}

/* Then waits for the client's end. */
static void say_hello_and_stay(SSL *ssl, void *context)
{
    char byte;
    say_hello(ssl, context);
    (void)SSL_read(ssl, &byte, 1);
}

static void stay(SSL *ssl, void *context)
{
    char byte;
    (void)context;
    (void)SSL_read(ssl, &byte, 1);
}

/* Nothing, and at once. */
static void leave(SSL *ssl, void *context)
{
    (void)ssl;
    (void)context;
}

/* The lengths of records as they come, each answered by one byte. */
typedef struct record_log {
    int lengths[16];
    int count;
} record_log;

static void log_records(SSL *ssl, void *context)
{
    static char data[20000];
    record_log *log = context;
    int length;
    while (log->count < 16 && (length = SSL_read(ssl, data, sizeof(data))) > 0) {
        log->lengths[log->count++] = length;
        if (SSL_write(ssl, "k", 1) != 1)
            return;
    }
}

static struct iovec piece_of(const char *data, size_t length)
{
    struct iovec piece;
    memcpy(&piece.iov_base, &data, sizeof(data));
    piece.iov_len = length;
    return piece;
}

/* --- Data ------------------------------------------------------------------------------------- */

static void echo_sizes(int version, size_t read_max)
{
    static const size_t sizes[] = {1,     2,     100,   16383, 16384, 16385,
                                   32767, 32768, 32769, 65536, 100001};
    static const size_t capacities[] = {1, 7, 16383, 16384, 16385, 65536};
    static char back[DATA_BYTES];
    OPEN(client, ((tls_server_options){.max_version = version}), TLS_CLIENT_PAIR);
    client.narrow->read_max = read_max;
    for (size_t i = 0; i < HH_COUNT_OF(sizes); i++) {
        for (size_t j = 0; j < HH_COUNT_OF(capacities); j++) {
            if (sizes[i] / capacities[j] > 20000)
                continue;
            assert_int_equal(tls_client_write_all(&client, sent_data, sizes[i]), HH_IO_OK);
            size_t got = 0;
            memset(back, 0, sizes[i]);
            while (got < sizes[i]) {
                size_t room = sizes[i] - got < capacities[j] ? sizes[i] - got : capacities[j];
                size_t count = 0;
                assert_int_equal(tls_client_read(&client, back + got, room, &count), HH_IO_OK);
                assert_in_range(count, 1, room);
                got += count;
            }
            assert_memory_equal(back, sent_data, sizes[i]);
        }
    }
    (void)end(&client);
}

static void every_size_comes_back_tls13(void **state)
{
    (void)state;
    echo_sizes(13, 0);
}

static void every_size_comes_back_tls12(void **state)
{
    (void)state;
    echo_sizes(12, 0);
}

static void every_size_comes_back_in_small_reads(void **state)
{
    (void)state;
    echo_sizes(13, 331);
}

static void small_pieces_share_a_record(void **state)
{
    (void)state;
    record_log log = {.count = 0};
    OPEN(client, ((tls_server_options){.serve = log_records, .context = &log}), TLS_CLIENT_PAIR);
    const struct iovec pieces[] = {piece_of(sent_data, 300), piece_of(NULL, 0),
                                   piece_of(sent_data, 50), piece_of(sent_data, 16000),
                                   piece_of(sent_data, 40000)};
    size_t written = 0;
    char answers[4];
    assert_int_equal(hh__stream_write(client.stream, pieces, 5, &written), HH_IO_OK);
    assert_int_equal(written, 56350);
    assert_int_equal(tls_client_read_all(&client, answers, 4), HH_IO_OK);
    (void)end(&client);
    assert_int_equal(log.count, 4);
    assert_int_equal(log.lengths[0], 16384);
    assert_int_equal(log.lengths[1], 16384);
    assert_int_equal(log.lengths[2], 16384);
    assert_int_equal(log.lengths[3], 56350 - 3 * 16384);
}

static void say_three_records(SSL *ssl, void *context)
{
    (void)context;
    for (int i = 0; i < 3; i++)
        (void)SSL_write(ssl, sent_data + 100 * i, 100);
}

static void a_read_takes_several_records(void **state)
{
    (void)state;
    char back[300];
    size_t count = 0;
    OPEN(client, ((tls_server_options){.serve = say_three_records}), TLS_CLIENT_PAIR);
    tls_server_join(client.server);
    tls_client_await(&client, HH_READY_READ);
    assert_int_equal(hh__stream_read(client.stream, back, 300, &count), HH_IO_OK);
    assert_int_equal(count, 300);
    assert_memory_equal(back, sent_data, 300);
    (void)end(&client);
}

/* The reads of a keep-alive answer: one that takes the record, none that only learns "no more". */
static void a_short_read_isnt_asked_for_more(void **state)
{
    (void)state;
    char back[1000];
    size_t count = 0;
    OPEN(client, plain_options, TLS_CLIENT_PAIR);
    assert_int_equal(tls_client_write_all(&client, sent_data, 100), HH_IO_OK);
    assert_int_equal(tls_client_read_all(&client, back, 100), HH_IO_OK); /* tickets are gone */
    assert_int_equal(tls_client_write_all(&client, sent_data, 100), HH_IO_OK);
    tls_client_await(&client, HH_READY_READ);
    unsigned before = client.narrow->reads;
    assert_int_equal(hh__stream_read(client.stream, back, sizeof(back), &count), HH_IO_OK);
    assert_int_equal(count, 100);
    assert_int_equal(client.narrow->reads - before, 1);
    /* Nor by a further call, until readiness says so. */
    assert_int_equal(hh__stream_read(client.stream, back, sizeof(back), &count), HH_IO_WAIT);
    assert_int_equal(client.narrow->reads - before, 1);
    assert_int_equal(tls_client_write_all(&client, sent_data, 10), HH_IO_OK);
    assert_int_equal(tls_client_read_all(&client, back, 10), HH_IO_OK);
    assert_memory_equal(back, sent_data, 10);
    (void)end(&client);
}

/* The queue of errors is the thread's, and other users of OpenSSL leave theirs in it. */
static void errors_of_others_arent_ours(void **state)
{
    (void)state;
    char back[100];
    size_t count = 0;
    OPEN(client, plain_options, TLS_CLIENT_PAIR);
    ERR_raise(ERR_LIB_USER, 1);
    assert_int_equal(tls_client_write_all(&client, sent_data, 100), HH_IO_OK);
    ERR_raise(ERR_LIB_USER, 1);
    assert_int_equal(tls_client_read_all(&client, back, 100), HH_IO_OK);
    ERR_raise(ERR_LIB_USER, 1);
    assert_int_equal(hh__stream_read(client.stream, back, sizeof(back), &count), HH_IO_WAIT);
    ERR_raise(ERR_LIB_USER, 1);
    assert_int_equal(hh__stream_probe(client.stream), HH_IO_WAIT);
    (void)end(&client);
}

/* --- Writing through a narrow socket ---------------------------------------------------------- */

typedef struct sink {
    char data[DATA_BYTES];
    size_t count;
} sink;

static void collect(SSL *ssl, void *context)
{
    sink *into = context;
    int length;
    while (into->count < DATA_BYTES &&
           (length = SSL_read(ssl, into->data + into->count, (int)(DATA_BYTES - into->count))) > 0)
        into->count += (size_t)length;
    (void)SSL_write(ssl, "k", 1);
}

static uint32_t next_number(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* The next bytes in pieces cut anew at each call, as an owner may do. */
static int cut(const char *data, size_t length, uint32_t *seed, struct iovec pieces[8])
{
    int count = 0;
    int wanted = 1 + (int)(next_number(seed) % 8);
    while (count + 1 < wanted && length > 0) {
        static const size_t bounds[] = {3, 40, 700, 9000, 20000};
        size_t take = next_number(seed) % bounds[next_number(seed) % HH_COUNT_OF(bounds)];
        if (take > length)
            take = length;
        pieces[count++] = piece_of(data, take);
        data += take;
        length -= take;
    }
    pieces[count++] = piece_of(data, length);
    return count;
}

static void write_in_changing_pieces(uint32_t seed, bool by_allowance)
{
    static sink into;
    into.count = 0;
    char answer;
    tls_server_options options = {.serve = collect, .context = &into};
    tls_client client = {.loop = loop, .buffer_bytes = 2048};
    client.server = start_server("good", options);
    assert_int_equal(tls_client_open(&client, config, &localhost), HH_IO_OK);
    if (by_allowance)
        client.narrow->write_allowance = 0;
    size_t sent = 0;
    unsigned waits = 0;
    while (sent < DATA_BYTES) {
        struct iovec pieces[8];
        size_t written = 0;
        int count = cut(sent_data + sent, DATA_BYTES - sent, &seed, pieces);
        hh_io io = hh__stream_write(client.stream, pieces, count, &written);
        if (io == HH_IO_WAIT) {
            waits++;
            if (by_allowance)
                narrow_stream_allow(client.narrow, 1 + next_number(&seed) % 30000);
            tls_client_await(&client, HH_READY_WRITE);
            continue;
        }
        assert_int_equal(io, HH_IO_OK);
        assert_in_range(written, 1, DATA_BYTES - sent);
        sent += written;
    }
    assert_true(waits > 3);
    client.narrow->write_allowance = SIZE_MAX;
    assert_int_equal(tls_client_read_all(&client, &answer, 1), HH_IO_OK);
    (void)end(&client);
    assert_int_equal(into.count, DATA_BYTES);
    assert_memory_equal(into.data, sent_data, DATA_BYTES);
}

static void changing_pieces_pass_a_tiny_socket(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 10; seed++)
        write_in_changing_pieces(seed, false);
}

static void changing_pieces_pass_at_any_stop(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 20; seed++)
        write_in_changing_pieces(seed * 77, true);
}

/* Head and body of a request that had to wait, then offered with more behind them. */
static void a_blocked_record_is_finished_first(void **state)
{
    (void)state;
    record_log log = {.count = 0};
    OPEN(client, ((tls_server_options){.serve = log_records, .context = &log}), TLS_CLIENT_PAIR);
    struct iovec pieces[] = {piece_of(sent_data, 60), piece_of(sent_data + 60, 40),
                             piece_of(sent_data + 100, 500)};
    size_t written = 0;
    char answers[2];
    client.narrow->write_allowance = 30;
    assert_int_equal(hh__stream_write(client.stream, pieces, 2, &written), HH_IO_WAIT);
    narrow_stream_allow(client.narrow, SIZE_MAX / 2);
    tls_client_await(&client, HH_READY_WRITE);
    assert_int_equal(hh__stream_write(client.stream, pieces, 3, &written), HH_IO_OK);
    assert_int_equal(written, 600);
    assert_int_equal(tls_client_read_all(&client, answers, 2), HH_IO_OK);
    (void)end(&client);
    assert_int_equal(log.count, 2);
    assert_int_equal(log.lengths[0], 100);
    assert_int_equal(log.lengths[1], 500);
}

/* --- Pausing ---------------------------------------------------------------------------------- */

/* Runs the loop until nothing is left to do at once. */
static void settle(tls_client *client)
{
    client->ready = 0;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(hh__loop_wait(loop, 0), HH_OK);
        assert_int_equal(hh__loop_run(loop), HH_OK);
    }
}

static void held_bytes_are_reported_without_the_descriptor(void **state)
{
    (void)state;
    char data[12];
    size_t count = 0;
    OPEN(client, ((tls_server_options){.serve = say_hello_and_stay}), TLS_CLIENT_PAIR);
    assert_int_equal(tls_client_read(&client, data, 5, &count), HH_IO_OK);
    assert_int_equal(count, 5);
    /* Seven bytes are inside SSL now; the socket is empty. */
    for (int i = 0; i < 3; i++) {
        client.ready = 0;
        tls_client_run(&client);
        assert_int_equal(client.ready, HH_READY_READ);
        assert_int_equal(hh__stream_read(client.stream, data, 2, &count), HH_IO_OK);
        assert_int_equal(count, 2);
    }
    assert_memory_equal(data, "rl", 2);
    tls_client_run(&client);
    assert_int_equal(hh__stream_read(client.stream, data, 12, &count), HH_IO_OK);
    assert_int_equal(count, 1);
    assert_int_equal(data[0], 'd');
    /* All is drained: no more reports. */
    settle(&client);
    assert_int_equal(client.ready, 0);
    assert_int_equal(hh__stream_read(client.stream, data, 12, &count), HH_IO_WAIT);
    settle(&client);
    assert_int_equal(client.ready, 0);
    (void)end(&client);
}

static void a_paused_stream_is_silent_and_resumes(void **state)
{
    (void)state;
    char data[12];
    size_t count = 0;
    OPEN(client, ((tls_server_options){.serve = say_hello_and_stay}), TLS_CLIENT_PAIR);
    assert_int_equal(tls_client_read(&client, data, 5, &count), HH_IO_OK);
    assert_int_equal(hh__stream_listen(client.stream, 0), HH_OK);
    assert_int_equal(client.narrow->interest, 0);
    settle(&client);
    assert_int_equal(client.ready, 0);
    /* Resuming makes the loop's descriptor readable, from outside of a run too. */
    assert_int_equal(hh__stream_listen(client.stream, HH_READY_READ), HH_OK);
    assert_int_equal(client.narrow->interest, HH_READY_READ);
    tls_client_run(&client);
    assert_int_equal(client.ready, HH_READY_READ);
    assert_int_equal(hh__stream_read(client.stream, data, 12, &count), HH_IO_OK);
    assert_int_equal(count, 7);
    assert_memory_equal(data, ", world", 7);
    /* Nothing held: resuming again reports nothing. */
    assert_int_equal(hh__stream_listen(client.stream, 0), HH_OK);
    assert_int_equal(hh__stream_listen(client.stream, HH_READY_READ), HH_OK);
    settle(&client);
    assert_int_equal(client.ready, 0);
    (void)end(&client);
}

static void a_paused_download_arrives_whole(void **state)
{
    (void)state;
    static char back[100000];
    OPEN(client, plain_options, TLS_CLIENT_PAIR);
    size_t got = 0;
    uint32_t seed = 5;
    assert_int_equal(tls_client_write_all(&client, sent_data, sizeof(back)), HH_IO_OK);
    while (got < sizeof(back)) {
        size_t count = 0;
        size_t room = 1 + next_number(&seed) % 5000;
        if (room > sizeof(back) - got)
            room = sizeof(back) - got;
        assert_int_equal(tls_client_read(&client, back + got, room, &count), HH_IO_OK);
        got += count;
        if (next_number(&seed) % 3 != 0 || got == sizeof(back))
            continue;
        /* Only on_ready says when to go on. */
        assert_int_equal(hh__stream_listen(client.stream, 0), HH_OK);
        settle(&client);
        assert_int_equal(client.ready, 0);
        assert_int_equal(hh__stream_listen(client.stream, HH_READY_READ), HH_OK);
        tls_client_await(&client, HH_READY_READ);
    }
    assert_memory_equal(back, sent_data, sizeof(back));
    (void)end(&client);
}

/* --- Key update: a write that has more to say than its data -------------------------------------
 */

static void update_keys(SSL *ssl, void *context)
{
    char data[100];
    (void)SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
    say_hello(ssl, context);
    while (SSL_read(ssl, data, sizeof(data)) > 0)
        (void)SSL_write(ssl, data, 1);
}

static void keys_are_updated_at_any_pace(void **state)
{
    (void)state;
    static const char text[] = "xyz";
    char data[12];
    OPEN(client, ((tls_server_options){.serve = update_keys, .min_version = 13}), TLS_CLIENT_PAIR);
    assert_int_equal(tls_client_read_all(&client, data, 12), HH_IO_OK);
    assert_memory_equal(data, "hello, world", 12);
    /* The answer to the update goes first and is stopped at each byte. */
    client.narrow->write_allowance = 0;
    unsigned waits = 0;
    size_t written = 0;
    hh_io io;
    do {
        /* The pieces change while the data waits behind the update. */
        const size_t first = 1 + waits % 2;
        const struct iovec pieces[] = {piece_of(text, first), piece_of(text + first, 3 - first)};
        io = hh__stream_write(client.stream, pieces, 2, &written);
        if (io != HH_IO_WAIT)
            break;
        waits++;
        narrow_stream_allow(client.narrow, 1);
        tls_client_await(&client, HH_READY_WRITE);
    } while (waits < 200);
    assert_int_equal(io, HH_IO_OK);
    assert_int_equal(written, 3);
    assert_true(waits > 30); /* both records */
    assert_int_equal(tls_client_read_all(&client, data, 1), HH_IO_OK);
    assert_int_equal(data[0], 'x');
    (void)end(&client);
}

/* --- Ends ------------------------------------------------------------------------------------- */

static void an_orderly_end_isnt_truncation(void **state)
{
    (void)state;
    for (int version = 12; version <= 13; version++) {
        char data[20];
        size_t count = 0;
        OPEN(client, ((tls_server_options){.serve = say_hello, .max_version = version}),
             TLS_CLIENT_TCP);
        assert_int_equal(tls_client_read_all(&client, data, 12), HH_IO_OK);
        assert_int_equal(tls_client_read(&client, data, 20, &count), HH_IO_EOF);
        assert_false(client.stream->was_truncated);
        assert_int_equal(hh__stream_read(client.stream, data, 20, &count), HH_IO_EOF);
        (void)end(&client);
    }
}

/* RFC 9112 §9.8. */
static void an_end_without_close_notify_is_truncation(void **state)
{
    (void)state;
    for (int version = 12; version <= 13; version++) {
        char data[20];
        size_t count = 0;
        OPEN(client,
             ((tls_server_options){
                 .serve = say_hello, .max_version = version, .end = TLS_SERVER_TRUNCATE}),
             TLS_CLIENT_TCP);
        assert_int_equal(tls_client_read_all(&client, data, 12), HH_IO_OK);
        assert_false(client.stream->was_truncated);
        assert_int_equal(tls_client_read(&client, data, 20, &count), HH_IO_EOF);
        assert_true(client.stream->was_truncated);
        assert_int_equal(hh__stream_read(client.stream, data, 20, &count), HH_IO_EOF);
        assert_true(client.stream->was_truncated);
        (void)end(&client);
    }
}

static void an_end_amid_a_record_is_truncation(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < 34; bytes++) { /* the record has 5 + 12 + 17 */
        char data[20];
        size_t count = 0;
        OPEN(client, ((tls_server_options){.serve = say_hello_and_stay, .tickets = -1}),
             TLS_CLIENT_PAIR);
        client.narrow->read_ends_after = bytes;
        assert_int_equal(tls_client_read(&client, data, 20, &count), HH_IO_EOF);
        assert_true(client.stream->was_truncated);
        (void)end(&client);
    }
}

static void data_and_end_in_one_read_are_both_seen(void **state)
{
    (void)state;
    static const tls_server_end ends[] = {TLS_SERVER_NOTIFY, TLS_SERVER_TRUNCATE};
    for (size_t i = 0; i < HH_COUNT_OF(ends); i++) {
        char data[20];
        size_t count = 0;
        OPEN(client, ((tls_server_options){.serve = say_hello, .end = ends[i]}), TLS_CLIENT_PAIR);
        tls_server_join(client.server); /* all it says is in the socket now */
        tls_client_await(&client, HH_READY_READ);
        assert_int_equal(hh__stream_read(client.stream, data, 20, &count), HH_IO_OK);
        assert_int_equal(count, 12);
        client.ready = 0;
        tls_client_await(&client, HH_READY_READ);
        assert_int_equal(hh__stream_read(client.stream, data, 20, &count), HH_IO_EOF);
        assert_int_equal(client.stream->was_truncated, ends[i] == TLS_SERVER_TRUNCATE);
        (void)end(&client);
    }
}

static void a_reset_is_an_error_of_the_socket(void **state)
{
    (void)state;
    char data[20];
    size_t count = 0;
    OPEN(client, ((tls_server_options){.serve = leave, .end = TLS_SERVER_RESET}), TLS_CLIENT_TCP);
    assert_int_equal(tls_client_read(&client, data, 20, &count), HH_IO_ERROR);
    tls_client_describe(&client, HH_PHASE_HEADERS);
    assert_int_equal(client.error.code, HH_ERR_RECEIVE);
    assert_int_equal(client.error.phase, HH_PHASE_HEADERS);
    assert_int_equal(hh__stream_read(client.stream, data, 20, &count), HH_IO_ERROR);
    (void)end(&client);
}

static void a_write_to_a_closed_peer_is_an_error(void **state)
{
    (void)state;
    OPEN(client, ((tls_server_options){.serve = leave}), TLS_CLIENT_PAIR);
    tls_server_join(client.server);
    /* A SIGPIPE would end the test here. */
    assert_int_equal(tls_client_write_all(&client, sent_data, 1000), HH_IO_ERROR);
    tls_client_describe(&client, HH_PHASE_SEND);
    assert_int_not_equal(client.error.os_error, 0);
    assert_int_equal(tls_client_write_all(&client, sent_data, 1000), HH_IO_ERROR);
    (void)end(&client);
}

/* A server may answer and close while the request is still being written. */
static void an_early_answer_can_be_read_after_a_failed_write(void **state)
{
    (void)state;
    char data[12];
    OPEN(client, ((tls_server_options){.serve = say_hello}), TLS_CLIENT_PAIR);
    tls_server_join(client.server);
    assert_int_equal(tls_client_write_all(&client, sent_data, 1000), HH_IO_ERROR);
    assert_int_equal(tls_client_read_all(&client, data, 12), HH_IO_OK);
    assert_memory_equal(data, "hello, world", 12);
    (void)end(&client);
}

static void a_failure_below_passes_up(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 40; bytes++) {
        char data[20];
        size_t count = 0;
        hh_io io;
        OPEN(client, ((tls_server_options){.serve = say_hello_and_stay, .tickets = -1}),
             TLS_CLIENT_PAIR);
        client.narrow->read_fails_after = bytes;
        io = tls_client_read(&client, data, 20, &count);
        if (io == HH_IO_OK) {
            assert_true(bytes >= 34); /* the whole record */
            assert_int_equal(count, 12);
        } else {
            assert_int_equal(io, HH_IO_ERROR);
            tls_client_describe(&client, HH_PHASE_BODY);
            assert_int_equal(client.error.code, HH_ERR_RECEIVE);
            assert_string_equal(client.error.message,
                                "narrow stream to the-peer failed: Input/output error");
        }
        (void)end(&client);
    }
}

static void damaged_bytes_are_never_delivered(void **state)
{
    (void)state;
    for (size_t at = 5; at < 34; at += 4) {
        char data[20];
        size_t count = 0;
        OPEN(client, ((tls_server_options){.serve = say_hello_and_stay, .tickets = -1}),
             TLS_CLIENT_PAIR);
        client.narrow->damage_after = at;
        assert_int_equal(tls_client_read(&client, data, 20, &count), HH_IO_ERROR);
        tls_client_describe(&client, HH_PHASE_BODY);
        assert_int_equal(client.error.code, HH_ERR_TLS);
        assert_int_equal(client.error.phase, HH_PHASE_BODY);
        assert_int_not_equal(client.error.tls_error, 0);
        assert_non_null(strstr(client.error.message, "TLS connection to the-peer broke: "));
        assert_non_null(strstr(client.error.message, "bad record mac"));
        (void)end(&client);
    }
}

/* --- Probing and closing ---------------------------------------------------------------------- */

static void probing_tells_alive_from_dead(void **state)
{
    (void)state;
    char data[12];
    size_t count = 0;
    /* Silent, tickets read on the way. */
    OPEN(idle, ((tls_server_options){.serve = stay}), TLS_CLIENT_PAIR);
    assert_int_equal(hh__stream_probe(idle.stream), HH_IO_WAIT);
    assert_int_equal(hh__stream_probe(idle.stream), HH_IO_WAIT);
    assert_int_equal(hh__stream_listen(idle.stream, 0), HH_OK);
    assert_int_equal(hh__stream_probe(idle.stream), HH_IO_WAIT);
    assert_int_equal(idle.narrow->interest, 0);
    (void)end(&idle);
    /* Data nobody asked for stays to be read. */
    OPEN(talking, ((tls_server_options){.serve = say_hello}), TLS_CLIENT_PAIR);
    tls_server_join(talking.server);
    assert_int_equal(hh__stream_probe(talking.stream), HH_IO_OK);
    assert_int_equal(hh__stream_probe(talking.stream), HH_IO_OK);
    tls_client_await(&talking, HH_READY_READ);
    assert_int_equal(hh__stream_read(talking.stream, data, 12, &count), HH_IO_OK);
    assert_int_equal(count, 12);
    assert_int_equal(hh__stream_probe(talking.stream), HH_IO_EOF);
    (void)end(&talking);
    /* Closed, with and without the word for it. */
    OPEN(closed, ((tls_server_options){.serve = leave}), TLS_CLIENT_PAIR);
    tls_server_join(closed.server);
    assert_int_equal(hh__stream_probe(closed.stream), HH_IO_EOF);
    assert_false(closed.stream->was_truncated);
    (void)end(&closed);
    OPEN(cut_off, ((tls_server_options){.serve = leave, .end = TLS_SERVER_TRUNCATE}),
         TLS_CLIENT_PAIR);
    tls_server_join(cut_off.server);
    assert_int_equal(hh__stream_probe(cut_off.stream), HH_IO_EOF);
    assert_true(cut_off.stream->was_truncated);
    (void)end(&cut_off);
}

static void an_orderly_close_says_so(void **state)
{
    (void)state;
    static const hh_close ways[] = {HH_CLOSE_ORDERLY, HH_CLOSE_ABORT};
    for (size_t i = 0; i < HH_COUNT_OF(ways); i++) {
        char data[5];
        OPEN(client, plain_options, TLS_CLIENT_PAIR);
        assert_int_equal(tls_client_write_all(&client, "hello", 5), HH_IO_OK);
        assert_int_equal(tls_client_read_all(&client, data, 5), HH_IO_OK);
        tls_client_close(&client, ways[i]);
        tls_server_join(client.server);
        tls_server_stats stats = end(&client);
        assert_int_equal(stats.notified, ways[i] == HH_CLOSE_ORDERLY ? 1 : 0);
    }
}

/* A child of fork closes its descriptors and says nothing. */
static void a_forked_child_says_nothing(void **state)
{
    (void)state;
    char data[5];
    OPEN(client, plain_options, TLS_CLIENT_PAIR);
    assert_int_equal(tls_client_write_all(&client, "hello", 5), HH_IO_OK);
    assert_int_equal(tls_client_read_all(&client, data, 5), HH_IO_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        unsigned writes = client.narrow->writes;
        narrow_stream *narrow = client.narrow;
        hh__stream_close(client.stream, HH_CLOSE_ORDERLY);
        _exit(narrow->writes == writes && narrow->is_closed ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(tls_client_write_all(&client, "again", 5), HH_IO_OK);
    assert_int_equal(tls_client_read_all(&client, data, 5), HH_IO_OK);
    assert_memory_equal(data, "again", 5);
    (void)end(&client);
}

/* --- TLS within TLS --------------------------------------------------------------------------- */

static void serve_inner(SSL *ssl, void *context)
{
    static char data[16384];
    SSL_CTX *inner_context = context;
    SSL *inner = SSL_new(inner_context);
    BIO *through = BIO_new(BIO_f_ssl());
    int length;
    BIO_set_ssl(through, ssl, BIO_NOCLOSE);
    SSL_set_bio(inner, through, through);
    if (SSL_accept(inner) == 1)
        while ((length = SSL_read(inner, data, sizeof(data))) > 0)
            if (SSL_write(inner, data, length) != length)
                break;
    SSL_free(inner);
}

static void tls_runs_within_tls(void **state)
{
    (void)state;
    static char back[100000];
    SSL_CTX *inner = SSL_CTX_new(TLS_server_method());
    assert_non_null(inner);
    assert_int_equal(
        SSL_CTX_use_certificate_chain_file(inner, certificates_path(&made, "good.crt")), 1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(inner, certificates_path(&made, "good.key"), SSL_FILETYPE_PEM),
        1);
    OPEN(client, ((tls_server_options){.serve = serve_inner, .context = inner}), TLS_CLIENT_PAIR);
    hh_stream *outer = client.stream;
    void (*on_ready)(hh_stream *, unsigned) = outer->on_ready;
    assert_int_equal(
        hh__tls_stream_create(outer, config, &localhost, &client.stream, &client.error), HH_OK);
    client.stream->owner = &client;
    client.stream->on_ready = on_ready;
    assert_int_equal(tls_client_shake(&client), HH_IO_OK);
    for (int i = 0; i < 5; i++) {
        size_t half = sizeof(back) / 2;
        assert_int_equal(tls_client_write_all(&client, sent_data + i, half), HH_IO_OK);
        assert_int_equal(tls_client_read_all(&client, back, half), HH_IO_OK);
        assert_memory_equal(back, sent_data + i, half);
    }
    (void)end(&client);
    SSL_CTX_free(inner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_comes_back_tls13),
        cmocka_unit_test(every_size_comes_back_tls12),
        cmocka_unit_test(every_size_comes_back_in_small_reads),
        cmocka_unit_test(small_pieces_share_a_record),
        cmocka_unit_test(a_read_takes_several_records),
        cmocka_unit_test(a_short_read_isnt_asked_for_more),
        cmocka_unit_test(errors_of_others_arent_ours),
        cmocka_unit_test(changing_pieces_pass_a_tiny_socket),
        cmocka_unit_test(changing_pieces_pass_at_any_stop),
        cmocka_unit_test(a_blocked_record_is_finished_first),
        cmocka_unit_test(held_bytes_are_reported_without_the_descriptor),
        cmocka_unit_test(a_paused_stream_is_silent_and_resumes),
        cmocka_unit_test(a_paused_download_arrives_whole),
        cmocka_unit_test(keys_are_updated_at_any_pace),
        cmocka_unit_test(an_orderly_end_isnt_truncation),
        cmocka_unit_test(an_end_without_close_notify_is_truncation),
        cmocka_unit_test(an_end_amid_a_record_is_truncation),
        cmocka_unit_test(data_and_end_in_one_read_are_both_seen),
        cmocka_unit_test(a_reset_is_an_error_of_the_socket),
        cmocka_unit_test(a_write_to_a_closed_peer_is_an_error),
        cmocka_unit_test(an_early_answer_can_be_read_after_a_failed_write),
        cmocka_unit_test(a_failure_below_passes_up),
        cmocka_unit_test(damaged_bytes_are_never_delivered),
        cmocka_unit_test(probing_tells_alive_from_dead),
        cmocka_unit_test(an_orderly_close_says_so),
        cmocka_unit_test(a_forked_child_says_nothing),
        cmocka_unit_test(tls_runs_within_tls),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
