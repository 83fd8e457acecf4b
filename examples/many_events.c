/*
 * many_events.c - many requests at once, event by event, on one thread and without a callback.
 *
 *     many_events URL [COUNT]        sends COUNT requests (100) for URL
 *
 * The client's connections are bounded; what is over waits in its queue.
 */
#include <stdio.h>
#include <stdlib.h>

#include <hyperhttp/hyperhttp.h>

/* Looks at one event. Each submit ends in exactly one DONE or ERROR. */
static void look_at(const hh_event *event, size_t *done, size_t *failed)
{
    const int *number = event->tag;
    if (event->type == HH_EVENT_DONE) {
        *done += 1;
        printf("%d: %d, %zu bytes\n", *number, hh_response_status(event->response),
               hh_response_body(event->response).length);
    } else if (event->type == HH_EVENT_ERROR) {
        *failed += 1;
        printf("%d: %s\n", *number, event->error->message);
    }
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 100;
    int *numbers = count > 0 ? calloc((size_t)count, sizeof(int)) : NULL;
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.max_connections = 16;
    hh_client *client = NULL;
    hh_request *request = NULL;
    if (argc < 2 || numbers == NULL || hh_client_create(&options, &client) != HH_OK ||
        hh_request_create(client, "GET", argv[1], &request) != HH_OK ||
        hh_request_set_delivery(request, HH_DELIVER_WHOLE) != HH_OK) {
        fprintf(stderr, "usage: many_events URL [COUNT]\n");
        hh_request_destroy(request);
        hh_client_destroy(client);
        free(numbers);
        return EXIT_FAILURE;
    }

    /* A request is fixed at its first submit and may be sent as often as you like. */
    size_t done = 0, failed = 0;
    for (int i = 0; i < count; i++) {
        numbers[i] = i;
        if (hh_submit(client, request, &numbers[i], NULL) != HH_OK)
            failed++;
    }
    hh_request_destroy(request);

    while (hh_client_pending(client) > 0 && hh_client_step(client, -1) == HH_OK) {
        for (const hh_event *event; (event = hh_next_event(client)) != NULL;) {
            look_at(event, &done, &failed);
            hh_event_release(client, event);
        }
    }

    printf("%zu answers, %zu failures\n", done, failed);
    hh_client_destroy(client);
    free(numbers);
    return failed == 0 && done == (size_t)count ? EXIT_SUCCESS : EXIT_FAILURE;
}
