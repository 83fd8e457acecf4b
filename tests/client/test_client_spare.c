/*
 * A connection whose request was gone before it was made: it lies idle without having served, and
 * may die there unnoticed like any other.
 */
#include "whole.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

typedef struct listener {
    int fd;
    char url[64];
} listener;

static listener start_listener(void)
{
    listener made;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    made.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(made.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(made.fd, 16), 0);
    assert_int_equal(getsockname(made.fd, (struct sockaddr *)&address, &length), 0);
    snprintf(made.url, sizeof made.url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    return made;
}

static void submit(hh_client *client, const char *method, const char *url, answer *to)
{
    hh_request *request = whole_request(client, method, url);
    whole_submit(client, request, to);
    hh_request_destroy(request);
}

/* A client with one idle connection that has never served; the server's end of it. */
static hh_client *with_spare(const listener *server, int *accepted)
{
    hh_client *client = whole_client(NULL);
    answer gone = {.id = 0};
    submit(client, NULL, server->url, &gone);
    assert_int_equal(hh_cancel(client, gone.id), HH_OK);
    int64_t until = clock_ms() + 60000;
    while (whole_stats(client).connections_idle == 0 && clock_ms() < until)
        whole_step(client, 100);
    assert_failed(&gone, HH_ERR_CANCELLED, gone.error.phase, NULL);
    assert_int_equal(whole_stats(client).connections_idle, 1);
    *accepted = accept(server->fd, NULL, NULL);
    assert_true(*accepted >= 0);
    return client;
}

static void test_used(void **state)
{
    (void)state;
    int accepted;
    listener server = start_listener();
    hh_client *client = with_spare(&server, &accepted);
    answer got = {.id = 0};
    submit(client, NULL, server.url, &got);
    assert_int_equal(send(accepted, ANSWER, strlen(ANSWER), MSG_NOSIGNAL), strlen(ANSWER));
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_is_reused(got.response), 0);
    assert_int_equal(whole_stats(client).connections_opened, 1);
    assert_int_equal(whole_stats(client).connections_reused, 0);
    answer_clear(&got);
    hh_client_destroy(client);
    close(accepted);
    close(server.fd);
}

/* RFC 9112 §9.3.1: the server was free to close it, so what is idempotent is sent again. */
static void test_dead_and_idempotent(void **state)
{
    (void)state;
    int accepted;
    listener server = start_listener();
    hh_client *client = with_spare(&server, &accepted);
    answer got = {.id = 0};
    close(accepted);
    submit(client, NULL, server.url, &got);
    int64_t until = clock_ms() + 60000;
    while (whole_stats(client).connections_opened < 2 && got.terminals == 0 && clock_ms() < until)
        whole_step(client, 100);
    assert_int_equal(got.terminals, 0);
    accepted = accept(server.fd, NULL, NULL);
    assert_int_equal(send(accepted, ANSWER, strlen(ANSWER), MSG_NOSIGNAL), strlen(ANSWER));
    whole_drain(client);
    assert_answered(&got, 200, "hello");
    assert_int_equal(hh_response_is_reused(got.response), 0);
    answer_clear(&got);
    assert_at_rest(client);
    hh_client_destroy(client);
    close(accepted);
    close(server.fd);
}

/* RFC 9110 §9.2.2: what isn't, is not. */
static void test_dead_and_not_idempotent(void **state)
{
    (void)state;
    int accepted;
    listener server = start_listener();
    hh_client *client = with_spare(&server, &accepted);
    answer got = {.id = 0};
    close(accepted);
    submit(client, "POST", server.url, &got);
    int64_t until = clock_ms() + 60000;
    while (got.terminals == 0 && whole_stats(client).connections_opened < 2 && clock_ms() < until)
        whole_step(client, 100);
    if (whole_stats(client).connections_opened == 1) /* else it was found dead before use */
        assert_int_not_equal(got.error.code, HH_OK);
    answer_clear(&got);
    assert_int_equal(whole_stats(client).replays, 0);
    hh_client_destroy(client);
    close(server.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_used),
        cmocka_unit_test(test_dead_and_idempotent),
        cmocka_unit_test(test_dead_and_not_idempotent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
