/*
 * exchange_answer.c - what comes back before a body: 1xx, a welcome for the request's own body, the
 * head, and what it makes of the exchange: the answer, committed to and announced, or a step on the
 * way there (exchange_next.c).
 */
#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"

void hh__exchange_fail_no_memory(hh_exchange *exchange)
{
    hh__exchange_fail(exchange, HH_ERR_NO_MEMORY, HH_PHASE_BODY, "no memory for the answer");
}

/* --- events ---------------------------------------------------------------------------------- */

hh_event_node *hh__exchange_take_event(hh_exchange *exchange, hh_event_type type)
{
    hh_event_node *node = hh__events_take(&exchange->client->events);
    if (node == NULL) {
        hh__exchange_fail_no_memory(exchange);
        return NULL;
    }
    node->event.type = type;
    node->event.id = exchange->id;
    node->event.tag = exchange->tag;
    return node;
}

void hh__exchange_on_information(hh_exchange *exchange, const hh_head *head)
{
    hh_response *response;
    hh__exchange_trace_head(exchange, HH_TRACE_RESPONSE_HEAD, head->text);
    if (!exchange->request->has_trace || exchange->mailbox != NULL)
        return;
    if (hh__response_create(head, exchange->wire->url, "", 0, &response) != HH_OK)
        return; /* a 1xx is only told for the story */
    hh_event_node *node = hh__events_take(&exchange->client->events);
    if (node == NULL) {
        hh_response_destroy(response);
        return;
    }
    node->event.type = HH_EVENT_INFORMATION;
    node->event.id = exchange->id;
    node->event.tag = exchange->tag;
    node->event.response = response;
    hh__client_emit(exchange, node);
}

void hh__exchange_on_want_body(hh_exchange *exchange)
{
    if (exchange->is_want_queued || exchange->state == HH_EXCHANGE_FINISHED)
        return;
    if (exchange->mailbox != NULL) {
        hh__exchange_fail(exchange, HH_ERR_STATE, HH_PHASE_SEND,
                          "a blocking call can't push a body: give it as memory");
        return;
    }
    hh_event_node *node = hh__exchange_take_event(exchange, HH_EVENT_WANT_BODY);
    if (node == NULL)
        return;
    exchange->is_want_queued = true;
    hh__client_emit(exchange, node);
}

/* --- the commit point ------------------------------------------------------------------------ */

static bool has_body(const hh_exchange *exchange)
{
    int status = exchange->response->status;
    return exchange->wire->kind != HH_REQUEST_HEAD && status != 204 && status != 304;
}

static bool announces_headers(const hh_exchange *exchange)
{
    if (exchange->mailbox != NULL || exchange->request->delivery == HH_DELIVER_WHOLE)
        return false;
    if (exchange->request->delivery == HH_DELIVER_STREAM)
        return true;
    /* An unknown length is UINT64_MAX. */
    return has_body(exchange) && exchange->response->content_length >= HH_SINK_MIN_BYTES;
}

static void announce(hh_exchange *exchange)
{
    hh_event_node *node = hh__exchange_take_event(exchange, HH_EVENT_HEADERS);
    if (node == NULL)
        return;
    exchange->response->redirect_count = exchange->redirects;
    exchange->response->attempt_count = exchange->attempt_count;
    exchange->response->previous = exchange->history;
    exchange->history = NULL;
    node->event.response = hh_response_ref(exchange->response);
    exchange->waits_for_sink = exchange->request->delivery == HH_DELIVER_SINK;
    hh__client_emit(exchange, node);
}

void hh__exchange_commit(hh_exchange *exchange)
{
    hh__attempt_enter(exchange->winner, HH_ATTEMPT_ANSWERING);
    hh__exchange_enter(exchange, HH_EXCHANGE_COMMITTED);
    if (has_body(exchange) && !hh__exchange_expect_body(exchange))
        return;
    if (announces_headers(exchange))
        announce(exchange);
}

static void drop_losers(hh_exchange *exchange, const hh_attempt *winner)
{
    for (size_t i = HH_EXCHANGE_ATTEMPTS_MAX; i-- > 0;)
        if (exchange->attempts[i] != NULL && exchange->attempts[i] != winner)
            hh__exchange_drop_attempt(exchange, exchange->attempts[i]);
}

/* A small body that is to be collected lies in the response's own block. */
static size_t inline_room(const hh_exchange *exchange, const hh_head *head)
{
    bool is_collected =
        exchange->mailbox != NULL || exchange->request->delivery != HH_DELIVER_STREAM;
    if (!is_collected || head->framing != HH_FRAMING_LENGTH ||
        head->content_length > HH_SMALL_BODY_BYTES)
        return 0;
    return (size_t)head->content_length;
}

hh_flow hh__exchange_on_head(hh_exchange *exchange, hh_attempt *attempt, const hh_head *head)
{
    hh__exchange_trace_stream(exchange, attempt);
    hh__exchange_trace_head(exchange, HH_TRACE_RESPONSE_HEAD, head->text);
    exchange->winner = attempt;
    drop_losers(exchange, attempt);
    if (hh__response_create(head, attempt->wire->url, attempt->pooled->conn->remote,
                            inline_room(exchange, head), &exchange->response) != HH_OK) {
        hh__exchange_fail_no_memory(exchange);
        return HH_FLOW_GO;
    }
    exchange->response->is_reused = attempt->is_reused;
    if (!hh__exchange_decide_next(exchange))
        return HH_FLOW_GO;
    if (exchange->next_wire == NULL)
        hh__exchange_commit(exchange);
    else if ((exchange->request->questions & HH_ASK_REDIRECT) != 0 &&
             !hh__exchange_repeats(exchange))
        hh__exchange_ask_redirect(exchange);
    else
        hh__exchange_leave(exchange);
    return hh__exchange_flow(exchange);
}
