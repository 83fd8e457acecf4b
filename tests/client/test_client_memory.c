/*
 * The client's books about memory: what each of them counts, and that it falls back.
 */
#include "whole.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "inside.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define LARGE_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"
#define ENDLESS_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
#define BUFFER_BYTES 65536u

static char piece_1k[1025], piece_60k[60001];

static int make_piece(void **state)
{
    (void)state;
    memset(piece_1k, 'p', 1024);
    memset(piece_60k, 'p', 60000);
    return 0;
}

/* The struct has grown within its reserved room. */
static void test_sizes_stay(void **state)
{
    (void)state;
    assert_int_equal(sizeof(hh_client_stats), 31 * sizeof(uint64_t));
    hh_client *client = whole_client(NULL);
    struct {
        hh_client_stats stats;
        uint64_t beyond;
    } room;
    memset(&room, 0xee, sizeof room);
    room.stats.size = offsetof(hh_client_stats, buffers_in_use_bytes);
    hh_client_get_stats(client, &room.stats);
    assert_int_equal(room.stats.buffers_in_use, 0);
    assert_true(room.stats.buffers_in_use_bytes == 0xeeeeeeeeeeeeeeee);
    hh_client_destroy(client);
}

static void test_nothing_in_use_at_rest(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ, SEND(OK_HELLO), LOOP));
    hh_client *client = whole_client(NULL);
    hh_client_stats fresh = whole_stats(client);
    assert_int_equal(fresh.buffers_in_use_bytes, 0);
    assert_int_equal(fresh.buffers_kept_bytes, 0);
    assert_int_equal(fresh.exchanges_bytes, 0);
    assert_int_equal(fresh.spares_bytes, 0);
    answer got = {.id = 0};
    whole_get(client, peer_url(server, "/"), &got);
    answer_clear(&got);
    hh_client_stats first = whole_stats(client);
    assert_int_equal(first.buffers_in_use_bytes, 0);
    assert_int_equal(first.collected_bytes, 0);
    assert_int_equal(first.unreleased_bytes, 0);
    assert_int_equal(first.unsent_bytes, 0);
    assert_int_equal(first.buffers_kept_bytes, BUFFER_BYTES);
    assert_true(first.spares_bytes >= inside_exchange_bytes());
    /* The next ones add nothing, but for a few blocks when frames of HTTP/2 meet for once. */
    size_t slack = whole_version() == 20 ? 1024 : 0;
    for (int i = 0; i < 50; i++) {
        whole_get(client, peer_url(server, "/"), &got);
        answer_clear(&got);
    }
    hh_client_stats second = whole_stats(client);
    assert_int_equal(second.buffers_kept_bytes, first.buffers_kept_bytes);
    assert_in_range(second.spares_bytes, first.spares_bytes, first.spares_bytes + slack);
    assert_int_equal(second.exchanges_bytes, first.exchanges_bytes);
    hh_client_destroy(client);
    peer_stop(server);
}

/* How much of what the test holds lies in shared blocks: of a small piece it got a copy. */
static size_t shared_bytes(const answer *of)
{
    size_t sum = 0;
    for (size_t i = 0; i < of->held_count; i++)
        if (of->held[i]->body.length >= HH_SMALL_BODY_BYTES)
            sum += of->held[i]->body.length;
    return sum;
}

static void test_streamed_body(void **state)
{
    (void)state;
    peer *server = peer_of(
        SCRIPT(READ, SEND(ENDLESS_HEAD), {PEER_SEND_REPEATED, piece_60k, 10000}, WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    static answer got;
    got = (answer){.holds = 1};
    whole_submit(client, request, &got);
    int64_t until = clock_ms() + 60000;
    while (shared_bytes(&got) < 102400) {
        assert_true(clock_ms() < until);
        whole_step(client, 1000);
    }
    hh_client_stats stats = whole_stats(client);
    assert_true(stats.unreleased_bytes >= got.length);
    assert_true(stats.unreleased_bytes <= got.length + 512 * got.held_count);
    assert_true(stats.buffers_in_use_bytes >= shared_bytes(&got));
    assert_int_equal(stats.buffers_in_use_bytes, stats.buffers_in_use * BUFFER_BYTES);
    assert_int_equal(stats.collected_bytes, 0);
    assert_true(stats.exchanges_bytes > inside_exchange_bytes());
    whole_release(client, &got, got.held_count);
    assert_int_equal(whole_stats(client).unreleased_bytes, 0);
    assert_int_equal(hh_cancel(client, got.id), HH_OK);
    whole_drain(client);
    assert_int_equal(whole_stats(client).buffers_in_use_bytes, 0);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static hh_buf *kept_share;

static void keep_share(hh_client *client, const hh_event *event, answer *to)
{
    (void)client;
    (void)to;
    if (event->type == HH_EVENT_BODY && kept_share == NULL)
        kept_share = hh_buf_ref(event->buf);
}

/* A caller's share counts as long as it lives, and no longer. */
static void test_share_kept_by_the_caller(void **state)
{
    (void)state;
    peer *server =
        peer_of(SCRIPT(READ, SEND(LARGE_HEAD), {PEER_SEND_REPEATED, piece_1k, 150}, WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    answer got = {.hook = keep_share};
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    whole_submit(client, request, &got);
    while (got.length < 102400)
        whole_step(client, 1000);
    assert_int_equal(hh_cancel(client, got.id), HH_OK);
    whole_drain(client);
    assert_non_null(kept_share);
    assert_true(whole_stats(client).buffers_in_use <= 1); /* none: a small piece was copied */
    hh_buf_unref(kept_share);
    kept_share = NULL;
    assert_int_equal(whole_stats(client).buffers_in_use, 0);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static void test_collected_body(void **state)
{
    (void)state;
    peer *server =
        peer_of(SCRIPT(READ, SEND(LARGE_HEAD), {PEER_SEND_REPEATED, piece_1k, 100}, WAIT_CLOSE));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, NULL, peer_url(server, "/"));
    assert_int_equal(hh_request_set_delivery(request, HH_DELIVER_WHOLE), HH_OK);
    answer got = {.id = 0};
    whole_submit(client, request, &got);
    while (whole_stats(client).bytes_received < 102400)
        whole_step(client, 1000);
    hh_client_stats stats = whole_stats(client);
    assert_true(stats.collected_bytes >= 102400 && stats.collected_bytes <= 200000);
    assert_int_equal(hh_cancel(client, got.id), HH_OK);
    whole_drain(client);
    assert_int_equal(whole_stats(client).collected_bytes, 0);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_stop(server);
}

static size_t pushed;

/* Until no more is taken: the peer doesn't read. */
static void push_much(hh_client *client, const hh_event *event, answer *to)
{
    (void)to;
    if (event->type != HH_EVENT_WANT_BODY)
        return;
    for (size_t taken = 1024; taken == 1024; pushed += taken)
        if (hh_body_push(client, event->id, (hh_slice){piece_1k, 1024}, HH_BODY_MORE, &taken) !=
            HH_OK)
            return;
}

static void test_pushed_body(void **state)
{
    (void)state;
    peer *server = peer_of(SCRIPT(READ_HEAD, WAIT_SIGNAL));
    hh_client *client = whole_client(NULL);
    hh_request *request = whole_request(client, "PUT", peer_url(server, "/"));
    assert_int_equal(hh_request_set_body_stream(request, HH_LENGTH_UNKNOWN, HH_REWIND_IMPOSSIBLE),
                     HH_OK);
    answer got = {.hook = push_much};
    whole_submit(client, request, &got);
    int64_t until = clock_ms() + 60000;
    hh_client_stats stats = whole_stats(client);
    while (stats.unsent_bytes == 0) {
        assert_true(clock_ms() < until);
        whole_step(client, 100);
        stats = whole_stats(client);
    }
    assert_true(stats.unsent_bytes <= pushed + pushed / 64);
    assert_int_equal(hh_cancel(client, got.id), HH_OK);
    whole_drain(client);
    assert_int_equal(whole_stats(client).unsent_bytes, 0);
    answer_clear(&got);
    hh_request_destroy(request);
    hh_client_destroy(client);
    peer_signal(server);
    peer_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_stay),     cmocka_unit_test(test_nothing_in_use_at_rest),
        cmocka_unit_test(test_streamed_body),  cmocka_unit_test(test_share_kept_by_the_caller),
        cmocka_unit_test(test_collected_body), cmocka_unit_test(test_pushed_body),
    };
    return whole_run(&(whole_suite){WHOLE_TESTS(tests), .setup = make_piece});
}
