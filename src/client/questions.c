/*
 * questions.c - decisions that belong to the caller: ASKING, the event, the answer.
 *
 * The total deadline runs on and cancel works while the caller thinks; the connect time-out bounds
 * resolving. A question's text lives in one block with it, freed when the event is released, so it
 * may outlive the exchange.
 */
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "client/client.h"

typedef struct question_block {
    hh_question question;
    char text[];
} question_block;

static hh_slice put_text(char **cursor, hh_slice text)
{
    hh_slice copy = {*cursor, text.length};
    memcpy(*cursor, text.data, text.length);
    *cursor += text.length;
    return copy;
}

static void ask(hh_exchange *exchange, unsigned what, question_block *block)
{
    hh_event_node *node = block != NULL ? hh__events_take(&exchange->client->events) : NULL;
    if (node == NULL) {
        hh__free(block);
        hh__exchange_fail(exchange, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "no memory for a question");
        return;
    }
    hh__exchange_enter(exchange, HH_EXCHANGE_ASKING);
    exchange->asking = (uint8_t)what;
    block->question.ask = what;
    node->extra = block;
    node->event.type = HH_EVENT_ASK;
    node->event.id = exchange->id;
    node->event.tag = exchange->tag;
    node->event.question = &block->question;
    if (block->question.response != NULL)
        node->event.response = hh_response_ref(block->question.response);
    hh__client_emit(exchange, node);
}

void hh__exchange_ask_resolve(hh_exchange *exchange)
{
    hh_slice host = hh_url_host(exchange->wire->url);
    question_block *block = hh__calloc(1, sizeof *block + host.length);
    if (block != NULL) {
        char *cursor = block->text;
        block->question.host = put_text(&cursor, host);
        block->question.port = hh_url_port(exchange->wire->url);
    }
    ask(exchange, HH_ASK_RESOLVE, block);
}

void hh__exchange_ask_redirect(hh_exchange *exchange)
{
    hh_slice location = hh_url_text(exchange->next_wire->url);
    hh_slice method = exchange->next_wire->method;
    question_block *block = hh__calloc(1, sizeof *block + location.length + method.length);
    if (block != NULL) {
        char *cursor = block->text;
        block->question.location = put_text(&cursor, location);
        block->question.method = put_text(&cursor, method);
        block->question.response = exchange->response;
    }
    ask(exchange, HH_ASK_REDIRECT, block);
}

/* The caller's IP literals as addresses with the URL's port. */
static hh_status take_addresses(hh_exchange *exchange, const hh_answer_data *answer)
{
    uint16_t port = hh_url_port(exchange->wire->url);
    if (answer->address_count == 0 || answer->address_count > HH_ADDRESSES_MAX ||
        answer->addresses == NULL)
        return HH_ERR_INVALID_ARGUMENT;
    hh_address *addresses = hh__calloc(answer->address_count, sizeof *addresses);
    if (addresses == NULL)
        return HH_ERR_NO_MEMORY;
    for (size_t i = 0; i < answer->address_count; i++) {
        if (hh__address_parse(hh_slice_of(answer->addresses[i]), port, &addresses[i]) != HH_OK) {
            hh__free(addresses);
            return HH_ERR_INVALID_ARGUMENT;
        }
    }
    hh__free(exchange->addresses);
    exchange->addresses = addresses;
    exchange->address_count = (uint8_t)answer->address_count;
    return HH_OK;
}

static hh_status answer_resolve(hh_exchange *exchange, const hh_answer_data *answer)
{
    if (answer->verdict == HH_ANSWER_NO) {
        hh__exchange_fail(exchange, HH_ERR_RESOLVE, HH_PHASE_RESOLVE,
                          "the caller's resolver has no address for %.*s",
                          HH_SLICE_ARGS(hh_url_host(exchange->wire->url)));
        return HH_OK;
    }
    if (answer->verdict == HH_ANSWER_YES) {
        hh_status status = take_addresses(exchange, answer);
        if (status != HH_OK)
            return status;
    }
    exchange->asking = 0;
    exchange->wait_due_ns = 0;
    exchange->was_asked_resolve = true;
    hh__exchange_seek(exchange);
    return HH_OK;
}

static hh_status answer_redirect(hh_exchange *exchange, const hh_answer_data *answer)
{
    hh_attempt *attempt = exchange->winner;
    exchange->asking = 0;
    exchange->is_paused = false;
    if (answer->verdict == HH_ANSWER_NO) {
        hh__wire_unref(exchange->next_wire);
        exchange->next_wire = NULL;
        hh__exchange_commit(exchange);
    } else {
        hh__exchange_enter(exchange, HH_EXCHANGE_ACTIVE);
        hh__exchange_leave(exchange);
    }
    /* The connection waits since the question; unless that attempt is gone, it goes on now. */
    if (exchange->state != HH_EXCHANGE_FINISHED && exchange->winner == attempt) {
        if (exchange->waits_for_sink)
            exchange->is_paused = true;
        else
            hh__conn_resume(attempt->pooled->conn, &attempt->call);
    }
    return HH_OK;
}

hh_status hh__exchange_answer(hh_exchange *exchange, const hh_answer_data *answer)
{
    if (exchange->state != HH_EXCHANGE_ASKING || exchange->asking == 0)
        return HH_ERR_STATE;
    if (answer->verdict == HH_ANSWER_FAIL) {
        hh__exchange_fail(exchange, HH_ERR_CANCELLED, HH_PHASE_NONE,
                          "the caller's answer ended it");
        return HH_OK;
    }
    return exchange->asking == HH_ASK_RESOLVE ? answer_resolve(exchange, answer)
                                              : answer_redirect(exchange, answer);
}
