/*
 * stream_to_file.c - a body of any size to a file, in memory that doesn't grow with it.
 *
 *     stream_to_file URL FILE
 *
 * Bytes come as BODY events. Releasing an event returns its credit: whoever writes slowly is sent
 * slowly, since the engine stops reading.
 */
#include <stdio.h>
#include <stdlib.h>

#include <hyperhttp/hyperhttp.h>

typedef enum progress { RUNNING, FINISHED, FAILED } progress;

static progress look_at(const hh_event *event, FILE *file)
{
    switch (event->type) {
    case HH_EVENT_HEADERS:
        fprintf(stderr, "%d\n", hh_response_status(event->response));
        return hh_response_status(event->response) == 200 ? RUNNING : FAILED;
    case HH_EVENT_BODY:
        return fwrite(event->body.data, 1, event->body.length, file) == event->body.length ? RUNNING
                                                                                           : FAILED;
    case HH_EVENT_DONE:
        return FINISHED;
    case HH_EVENT_ERROR:
        fprintf(stderr, "%s\n", event->error->message);
        return FAILED;
    case HH_EVENT_WANT_BODY:
    case HH_EVENT_INFORMATION:
    case HH_EVENT_ASK:
    case HH_EVENT_TRACE:
        break; /* not asked for, so they don't come */
    }
    return RUNNING;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 3 ? fopen(argv[2], "wb") : NULL;
    hh_client *client = NULL;
    hh_request *request = NULL;
    progress state = RUNNING;
    if (file == NULL || hh_client_create(NULL, &client) != HH_OK ||
        hh_request_create(client, "GET", argv[1], &request) != HH_OK ||
        hh_submit(client, request, NULL, NULL) != HH_OK) {
        fprintf(stderr, "usage: stream_to_file URL FILE (that can be written)\n");
        state = FAILED;
    }
    hh_request_destroy(request);

    while (state == RUNNING && hh_client_step(client, -1) == HH_OK) {
        for (const hh_event *event; state == RUNNING && (event = hh_next_event(client)) != NULL;) {
            state = look_at(event, file);
            hh_event_release(client, event);
        }
    }

    hh_client_destroy(client); /* also ends what is under way, after a failure */
    if (file != NULL && fclose(file) != 0)
        state = FAILED;
    return state == FINISHED ? EXIT_SUCCESS : EXIT_FAILURE;
}
