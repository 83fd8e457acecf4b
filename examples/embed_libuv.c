/*
 * embed_libuv.c - the client in a libuv loop: one poll handle, no thread.
 *
 *     embed_libuv URL
 *
 * The same few lines fit any loop that can watch a descriptor for reading.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include <hyperhttp/hyperhttp.h>

typedef struct program {
    uv_poll_t watcher;
    hh_client *client;
    int result;
} program;

/* libuv calls this; the engine itself never calls anything, so whatever is called in here may
 * submit, cancel, or close the watcher. */
static void on_readable(uv_poll_t *watcher, int status, int events)
{
    (void)events;
    program *self = watcher->data;
    hh_client *client = self->client;
    if (status < 0 || hh_client_step(client, 0) == HH_ERR_SYSTEM) {
        uv_close((uv_handle_t *)watcher, NULL);
        return;
    }
    for (const hh_event *event; (event = hh_next_event(client)) != NULL;) {
        if (event->type == HH_EVENT_BODY)
            fwrite(event->body.data, 1, event->body.length, stdout);
        if (event->type == HH_EVENT_DONE)
            self->result = EXIT_SUCCESS;
        if (event->type == HH_EVENT_ERROR)
            fprintf(stderr, "%s\n", event->error->message);
        hh_event_release(client, event);
    }
    if (hh_client_pending(client) == 0)
        uv_close((uv_handle_t *)watcher, NULL);
}

int main(int argc, char **argv)
{
    program self = {.result = EXIT_FAILURE};
    hh_request *request = NULL;
    if (argc != 2 || hh_client_create(NULL, &self.client) != HH_OK ||
        hh_request_create(self.client, "GET", argv[1], &request) != HH_OK ||
        hh_submit(self.client, request, NULL, NULL) != HH_OK) {
        fprintf(stderr, "usage: embed_libuv URL\n");
        hh_request_destroy(request);
        hh_client_destroy(self.client);
        return EXIT_FAILURE;
    }
    hh_request_destroy(request);

    uv_loop_t *loop = uv_default_loop();
    self.watcher.data = &self;
    if (loop == NULL || uv_poll_init(loop, &self.watcher, hh_client_fd(self.client)) != 0 ||
        uv_poll_start(&self.watcher, UV_READABLE, on_readable) != 0) {
        fprintf(stderr, "libuv can't watch the client\n");
    } else {
        uv_run(loop, UV_RUN_DEFAULT);
        uv_loop_close(loop);
    }
    hh_client_destroy(self.client);
    return self.result;
}
