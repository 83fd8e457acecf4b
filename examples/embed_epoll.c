/*
 * embed_epoll.c - the client in an epoll loop of your own, beside other descriptors.
 *
 *     embed_epoll URL
 *
 * The client is one descriptor that turns readable whenever a step has something to do, deadlines
 * included. A timer stands for the rest of the program: it ticks on while the request is under way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <hyperhttp/hyperhttp.h>

/* Whatever the engine has to tell; returns how many requests came to their end. */
static int pull(hh_client *client)
{
    int ended = 0;
    for (const hh_event *event; (event = hh_next_event(client)) != NULL;) {
        if (event->type == HH_EVENT_BODY)
            fwrite(event->body.data, 1, event->body.length, stdout);
        if (event->type == HH_EVENT_ERROR)
            fprintf(stderr, "%s\n", event->error->message);
        ended += event->type == HH_EVENT_DONE || event->type == HH_EVENT_ERROR;
        hh_event_release(client, event);
    }
    return ended;
}

static void watch(int loop, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        perror("epoll_ctl");
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    hh_client *client = NULL;
    hh_request *request = NULL;
    if (argc != 2 || hh_client_create(NULL, &client) != HH_OK ||
        hh_request_create(client, "GET", argv[1], &request) != HH_OK ||
        hh_submit(client, request, NULL, NULL) != HH_OK) {
        fprintf(stderr, "usage: embed_epoll URL\n");
        hh_request_destroy(request);
        hh_client_destroy(client);
        return EXIT_FAILURE;
    }
    hh_request_destroy(request);

    int loop = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec every_10_ms = {{0, 10000000}, {0, 10000000}};
    timerfd_settime(timer, 0, &every_10_ms, NULL);
    watch(loop, timer);
    watch(loop, hh_client_fd(client));

    int ended = 0, failed = 0;
    while (ended == 0 && !failed) {
        struct epoll_event ready;
        uint64_t ticks;
        if (epoll_wait(loop, &ready, 1, -1) != 1)
            continue; /* a signal */
        if (ready.data.fd == timer)
            failed = read(timer, &ticks, sizeof(ticks)) < 0; /* the rest of the program */
        else
            failed = hh_client_step(client, 0) == HH_ERR_SYSTEM; /* 0: never waits */
        ended += pull(client);
    }

    hh_client_destroy(client);
    close(timer);
    close(loop);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
