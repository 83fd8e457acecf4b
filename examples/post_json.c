/*
 * post_json.c - a POST with a body, a header and credentials of its own.
 *
 *     post_json URL
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hyperhttp/hyperhttp.h>

static const char json[] = "{\"name\": \"hyperhttp\", \"fast\": true}";

/* A request is built call by call; each says whether it could. */
static hh_status build(hh_client *client, const char *url, hh_request **out)
{
    hh_request *request;
    hh_status status = hh_request_create(client, "POST", url, &request);
    if (status != HH_OK)
        return status;
    status = hh_request_set_header(request, "Content-Type", "application/json");
    if (status == HH_OK)
        status = hh_request_set_basic_auth(request, "user", "secret");
    /* The bytes stay ours and stay put, so nothing need be copied. */
    if (status == HH_OK)
        status = hh_request_set_body_borrowed(request, json, strlen(json));
    if (status == HH_OK)
        *out = request;
    else
        hh_request_destroy(request);
    return status;
}

int main(int argc, char **argv)
{
    hh_client *client;
    if (argc != 2 || hh_client_create(NULL, &client) != HH_OK) {
        fprintf(stderr, "usage: post_json URL\n");
        return EXIT_FAILURE;
    }

    hh_request *request;
    hh_response *response = NULL;
    hh_error error;
    hh_status status = build(client, argv[1], &request);
    if (status != HH_OK) {
        fprintf(stderr, "no request: %s\n", hh_status_name(status));
    } else {
        status = hh_send(client, request, &response, &error);
        hh_request_destroy(request);
        if (status != HH_OK)
            fprintf(stderr, "%s (in phase %s)\n", error.message, hh_phase_name(error.phase));
    }

    if (status == HH_OK) {
        printf("%d\n%.*s\n", hh_response_status(response),
               HH_SLICE_ARGS(hh_response_body(response)));
        hh_response_destroy(response);
    }
    hh_client_destroy(client);
    return status == HH_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
