/*
 * hyperhttp.h - the whole public API in one include.
 *
 * base.h      slices and status codes
 * error.h     a failure as a value
 * url.h       URLs
 * request.h   what is sent
 * response.h  what comes back
 * event.h     submit, pull, cancel, answer
 * client.h    the client, its step, the blocking calls
 * channel.h   one exchange event by event, blocking
 */
#ifndef HYPERHTTP_HYPERHTTP_H
#define HYPERHTTP_HYPERHTTP_H

#include <hyperhttp/base.h>
#include <hyperhttp/channel.h>
#include <hyperhttp/client.h>
#include <hyperhttp/error.h>
#include <hyperhttp/event.h>
#include <hyperhttp/request.h>
#include <hyperhttp/response.h>
#include <hyperhttp/url.h>

#endif
