/*
 * get.c - one request, the blocking way: hh_get sends, waits and gives the whole answer.
 *
 *     get URL
 */
#include <stdio.h>
#include <stdlib.h>

#include <hyperhttp/hyperhttp.h>

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: get URL\n");
        return EXIT_FAILURE;
    }

    /* Options that are zero have good values; only what differs is set. */
    hh_client_options options = HH_CLIENT_OPTIONS_INIT;
    options.timeout.total_ms = 20000;

    hh_client *client;
    hh_error error;
    if (hh_client_create_error(&options, &client, &error) != HH_OK) {
        fprintf(stderr, "no client: %s\n", error.message);
        return EXIT_FAILURE;
    }

    int result = EXIT_FAILURE;
    hh_response *response;
    if (hh_get(client, argv[1], &response, &error) == HH_OK) {
        /* Any status is an answer, 404 too. */
        hh_slice type = hh_response_header(response, "content-type");
        fprintf(stderr, "%d, %.*s\n", hh_response_status(response), HH_SLICE_ARGS(type));
        hh_slice body = hh_response_body(response);
        fwrite(body.data, 1, body.length, stdout);
        hh_response_destroy(response);
        result = EXIT_SUCCESS;
    } else {
        fprintf(stderr, "%s: %s\n", hh_category_name(error.category), error.message);
    }

    hh_client_destroy(client);
    return result;
}
