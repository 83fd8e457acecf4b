/*
 * client.c - the life of a client, its step, its books.
 *
 * One mutex, held by every call, released while a step waits. Memory of what has ended goes back at
 * the end of a step, through the loop.
 */
#include "client/client.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/failure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "conn/h1.h"

const hh_settings *hh__client_settings(const hh_client *client)
{
    return &client->settings;
}

bool hh__client_lock(hh_client *client)
{
    if (hh__loop_is_forked(client->loop))
        return false;
    pthread_mutex_lock(&client->mutex);
    return true;
}

/* --- exchanges by id ------------------------------------------------------------------------- */

static hh_id make_id(const hh_exchange_table *table, uint32_t index)
{
    return ((hh_id)table->slots[index].generation << 32) | (index + 1);
}

static bool grow_table(hh_exchange_table *table)
{
    uint32_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
    if (capacity > 2 * HH_EXCHANGES_MAX)
        return false;
    hh_exchange_slot *slots = hh__realloc_array(table->slots, capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = table->capacity; i < capacity; i++) {
        slots[i] = (hh_exchange_slot){.generation = 1, .next_free = table->free_head};
        table->free_head = i + 1;
    }
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

static bool give_id(hh_exchange_table *table, hh_exchange *exchange)
{
    if (table->free_head == 0 && !grow_table(table))
        return false;
    uint32_t index = table->free_head - 1;
    table->free_head = table->slots[index].next_free;
    table->slots[index].exchange = exchange;
    table->count++;
    exchange->id = make_id(table, index);
    return true;
}

static void take_id(hh_exchange_table *table, hh_id id)
{
    uint32_t index = (uint32_t)id - 1;
    hh_exchange_slot *slot = &table->slots[index];
    slot->exchange = NULL;
    slot->generation++;
    slot->next_free = table->free_head;
    table->free_head = index + 1;
    table->count--;
}

hh_exchange *hh__client_find(const hh_client *client, hh_id id)
{
    uint32_t index = (uint32_t)id - 1;
    if ((uint32_t)id == 0 || index >= client->table.capacity)
        return NULL;
    const hh_exchange_slot *slot = &client->table.slots[index];
    return slot->generation == (uint32_t)(id >> 32) ? slot->exchange : NULL;
}

hh_status hh__client_admit(hh_client *client, hh_request *request, hh_exchange **out)
{
    if (client->is_closed || hh__loop_is_forked(client->loop))
        return HH_ERR_CLIENT_CLOSED;
    if (request == NULL || request->client_serial != client->serial)
        return HH_ERR_INVALID_ARGUMENT;
    if (client->table.count >= HH_EXCHANGES_MAX)
        return HH_ERR_LIMIT;
    hh_status status = hh__request_fix(request, &client->settings);
    if (status != HH_OK)
        return status;
    hh_exchange *exchange = hh__exchange_create(client);
    if (exchange == NULL)
        return HH_ERR_NO_MEMORY;
    if (!give_id(&client->table, exchange)) {
        hh__exchange_destroy(exchange);
        return HH_ERR_NO_MEMORY;
    }
    exchange->request = hh__request_ref(request);
    exchange->wire = hh__wire_ref(request->wire);
    client->in_flight++;
    client->stats.exchanges_started++;
    hh__loop_refresh(client->loop);
    *out = exchange;
    return HH_OK;
}

const char *hh__client_describe_refusal(const hh_client *client, const hh_request *request,
                                        hh_status status)
{
    if (request == NULL)
        return "it is NULL";
    if (status == HH_ERR_INVALID_ARGUMENT && request->client_serial != client->serial)
        return "it was made with another client";
    if (status == HH_ERR_CLIENT_CLOSED)
        return "the client is closed";
    if (status == HH_ERR_LIMIT)
        return "its head is too large, or there are too many requests under way";
    return hh_status_name(status);
}

void hh__client_forget(hh_client *client, hh_exchange *exchange)
{
    assert(exchange->state == HH_EXCHANGE_FINISHED);
    take_id(&client->table, exchange->id);
    hh__exchange_destroy(exchange);
}

static void destroy_retired(hh_discard *discard)
{
    hh__exchange_destroy(HH_CONTAINER_OF(discard, hh_exchange, discard));
}

void hh__client_retire(hh_client *client, hh_exchange *exchange)
{
    take_id(&client->table, exchange->id);
    hh__loop_discard(client->loop, &exchange->discard, destroy_retired);
}

/* --- events and resuming --------------------------------------------------------------------- */

void hh__client_emit(hh_exchange *exchange, hh_event_node *node)
{
    hh_client *client = exchange->client;
    if (exchange->channel != NULL) {
        hh__channel_deliver(exchange->channel, node);
        return;
    }
    hh__events_push(&client->events, node);
    /* Answers are pulled while they are in the caches, and their memory goes to the next ones. */
    if (client->events.queued >= HH_STEP_ANSWERS_MAX)
        hh__loop_cut_short(client->loop);
    if (!client->is_stepping)
        hh__loop_wake(client->loop);
}

void hh__client_make_ready(hh_client *client, hh_exchange *exchange)
{
    hh__list_remove(&exchange->ready_link);
    if (exchange->state == HH_EXCHANGE_FINISHED)
        return; /* credit may come back long after the end */
    hh__list_push_back(&client->ready, &exchange->ready_link);
    hh__task_post(client->loop, &client->ready_task);
}

static void resume_ready(hh_task *task)
{
    hh_client *client = HH_CONTAINER_OF(task, hh_client, ready_task);
    for (hh_link *link; (link = hh__list_pop_front(&client->ready)) != NULL;)
        hh__exchange_resume(HH_CONTAINER_OF(link, hh_exchange, ready_link));
}

/* --- life ------------------------------------------------------------------------------------ */

static void start_parts(hh_client *client)
{
    const hh_settings *settings = &client->settings;
    hh_pool_limits limits = {
        .max_total = settings->max_connections,
        .max_per_origin = settings->max_per_origin,
        .max_idle = settings->max_idle,
        .idle_limit_ns = settings->idle_limit_ns,
        .protocols = settings->protocols,
        .plain_protocols = settings->plain_protocols,
        .unix_path = settings->unix_socket,
        .local_address = settings->local_address,
    };
    hh__buf_pool_init(&client->buffers, HH_BUFFER_BYTES, HH_BUFFERS_KEPT_MAX);
    client->env = (hh_conn_env){
        .loop = client->loop,
        .buffers = &client->buffers,
        .h2_keepalive_ns = settings->h2_keepalive_ns,
        .max_head_bytes = HH_HEAD_MAX_BYTES,
        .max_fields = HH_HEAD_MAX_FIELDS,
    };
    hh__pool_init(&client->pool, &client->env, client->resolver, settings->tls, &limits);
    hh__events_init(&client->events);
    hh__list_init(&client->ready);
    hh__list_init(&client->stalled);
    hh__list_init(&client->channels);
    hh__list_init(&client->blocked);
    client->ready_task.run = resume_ready;
}

hh_status hh_client_create_error(const hh_client_options *options, hh_client **out, hh_error *error)
{
    if (out == NULL)
        return hh__fail(error, HH_ERR_INVALID_ARGUMENT, HH_PHASE_NONE, "out is NULL");
    static atomic_uint_fast64_t clients_made;
    hh_client *client = hh__calloc(1, sizeof *client);
    if (client == NULL)
        return hh__fail(error, HH_ERR_NO_MEMORY, HH_PHASE_NONE, "no memory for a client");
    hh_status status = hh__settings_init(&client->settings, options, error);
    if (status != HH_OK)
        goto free_client;
    status = hh__loop_create(&client->loop, error);
    if (status != HH_OK)
        goto finish_settings;
    status =
        hh__resolver_create(client->loop, &client->settings.resolver, &client->resolver, error);
    if (status != HH_OK)
        goto destroy_loop;
    if (pthread_mutex_init(&client->mutex, NULL) != 0) {
        status = hh__fail(error, HH_ERR_SYSTEM, HH_PHASE_NONE, "can't make a mutex");
        goto destroy_resolver;
    }
    client->serial = atomic_fetch_add_explicit(&clients_made, 1, memory_order_relaxed) + 1;
    start_parts(client);
    *out = client;
    return HH_OK;

destroy_resolver:
    hh__resolver_destroy(client->resolver);
destroy_loop:
    hh__loop_destroy(client->loop);
finish_settings:
    hh__settings_finish(&client->settings);
free_client:
    hh__free(client);
    return status;
}

hh_status hh_client_create(const hh_client_options *options, hh_client **out)
{
    return hh_client_create_error(options, out, NULL);
}

static void close_exchanges(hh_client *client)
{
    for (uint32_t i = 0; i < client->table.capacity; i++) {
        hh_exchange *exchange = client->table.slots[i].exchange;
        if (exchange != NULL && exchange->state != HH_EXCHANGE_FINISHED)
            hh__exchange_fail(exchange, HH_ERR_CLIENT_CLOSED, HH_PHASE_NONE,
                              "the client was closed while %s was under way",
                              hh__exchange_show_url(exchange).text);
    }
}

void hh_client_close(hh_client *client)
{
    if (!hh__client_lock(client))
        return;
    client->is_closed = true;
    client->pool.is_closed = true;
    hh__loop_refresh(client->loop);
    close_exchanges(client);
    pthread_mutex_unlock(&client->mutex);
}

/* In a child after fork: whether another thread of the parent was inside a call then. What it was
 * changing stays half done for ever. */
static bool is_torn_by_fork(hh_client *client)
{
    if (!hh__loop_is_forked(client->loop))
        return false;
    if (pthread_mutex_trylock(&client->mutex) != 0)
        return true;
    pthread_mutex_unlock(&client->mutex);
    return false;
}

void hh_client_destroy(hh_client *client)
{
    if (client == NULL || is_torn_by_fork(client))
        return;
    client->is_closed = true;
    client->pool.is_closed = true;
    client->is_stepping = true; /* nobody is there to be woken */
    close_exchanges(client);
    for (hh_link *link; (link = hh__list_pop_front(&client->channels)) != NULL;)
        hh__channel_orphan(link);
    for (uint32_t i = 0; i < client->table.capacity; i++) {
        hh_exchange *exchange = client->table.slots[i].exchange;
        if (exchange != NULL) {
            hh__list_remove(&exchange->terminal.link);
            hh__events_release(&client->events, &client->buffers, &exchange->terminal);
            hh__client_forget(client, exchange);
        }
    }
    hh__pool_finish(&client->pool);
    hh__resolver_destroy(client->resolver);
    hh__task_cancel(&client->ready_task);
    hh__conn_env_finish(&client->env);
    hh__loop_destroy(client->loop);
    hh__events_finish(&client->events, &client->buffers);
    hh__attempt_store_finish(&client->attempts);
    hh__exchange_store_finish(&client->exchanges);
    hh__buf_pool_finish(&client->buffers);
    hh__settings_finish(&client->settings);
    hh__free(client->table.slots);
    pthread_mutex_destroy(&client->mutex);
    hh__free(client);
}

/* --- the step -------------------------------------------------------------------------------- */

int hh_client_fd(const hh_client *client)
{
    return hh__loop_fd(client->loop);
}

hh_status hh__client_run(hh_client *client)
{
    if (hh__loop_is_forked(client->loop))
        return HH_ERR_CLIENT_CLOSED;
    client->is_stepping = true;
    hh_status status = hh__loop_run(client->loop);
    client->is_stepping = false;
    client->pool.last_step_ns = hh__loop_now(client->loop);
    return status;
}

hh_status hh_client_step(hh_client *client, int timeout_ms)
{
    hh_status status = HH_OK;
    if (!hh__client_lock(client))
        return HH_ERR_CLIENT_CLOSED;
    bool has_events = client->events.queued > 0;
    if (timeout_ms != 0 && !has_events) {
        client->waiting_steps++;
        pthread_mutex_unlock(&client->mutex);
        status = hh__loop_wait(client->loop, timeout_ms);
        pthread_mutex_lock(&client->mutex);
        client->waiting_steps--;
    }
    hh_status run_status = hh__client_run(client);
    if (client->waiting_steps > 0 && client->events.queued > 0)
        hh__loop_wake(client->loop); /* another thread sleeps beside what this run has queued */
    if (status == HH_OK)
        status = run_status;
    pthread_mutex_unlock(&client->mutex);
    return status;
}

size_t hh_client_pending(hh_client *client)
{
    if (!hh__client_lock(client))
        return 0;
    size_t pending = client->pending;
    pthread_mutex_unlock(&client->mutex);
    return pending;
}

static void add_exchange(const hh_exchange *exchange, hh_client_stats *stats)
{
    stats->exchanges_bytes += sizeof *exchange;
    stats->unreleased_bytes += exchange->window_used;
    if (exchange->response != NULL)
        stats->collected_bytes += exchange->response->body_capacity;
    for (size_t i = 0; i < HH_EXCHANGE_ATTEMPTS_MAX && exchange->attempts[i] != NULL; i++) {
        const hh_attempt *attempt = exchange->attempts[i];
        stats->exchanges_bytes += sizeof *attempt;
        if (attempt->pooled != NULL)
            stats->unsent_bytes += hh__conn_unsent(attempt->pooled->conn, &attempt->call);
    }
}

/* Counted when asked, so a request costs nothing more for it. */
static void fill_memory(const hh_client *client, hh_client_stats *stats)
{
    const hh_exchange_table *table = &client->table;
    const hh_buf_pool *buffers = &client->buffers;
    stats->buffers_in_use = hh__buf_pool_in_use(buffers);
    stats->buffers_in_use_bytes = stats->buffers_in_use * buffers->capacity;
    stats->buffers_kept_bytes = (uint64_t)buffers->free_count * buffers->capacity;
    stats->exchanges_bytes = (uint64_t)table->capacity * sizeof *table->slots;
    for (uint32_t i = 0; i < table->capacity; i++)
        if (table->slots[i].exchange != NULL)
            add_exchange(table->slots[i].exchange, stats);
    stats->spares_bytes = client->exchanges.count * sizeof(hh_exchange) +
                          client->attempts.count * sizeof(hh_attempt) +
                          client->events.free_count * sizeof(hh_event_node) +
                          hh__conn_env_spare_bytes(&client->env);
}

static void fill_stats(hh_client *client, hh_client_stats *stats)
{
    const hh_pool *pool = &client->pool;
    hh_resolver_stats resolver = hh__resolver_stats(client->resolver);
    *stats = client->stats;
    stats->connections_opened = pool->stats.opened;
    stats->connections_reused = pool->stats.reused;
    stats->connections_evicted = pool->stats.evicted;
    stats->connections_expired = pool->stats.expired;
    stats->tls_handshakes = pool->stats.tls_handshakes;
    stats->tls_resumptions = pool->stats.tls_resumptions;
    stats->dns_queries = resolver.queries;
    stats->dns_cache_hits = resolver.cache_hits;
    stats->bytes_sent = client->env.bytes_sent;
    stats->bytes_received = client->env.bytes_received;
    stats->connections_open = pool->open;
    stats->connections_idle = pool->idle;
    stats->connections_dialling = pool->dialling;
    stats->exchanges_queued = pool->waiting;
    stats->exchanges_in_flight = client->in_flight;
    fill_memory(client, stats);
}

void hh_client_get_stats(hh_client *client, hh_client_stats *stats)
{
    hh_client_stats full = {.size = sizeof full};
    size_t size = stats->size < sizeof full ? stats->size : sizeof full;
    if (hh__client_lock(client)) {
        fill_stats(client, &full);
        pthread_mutex_unlock(&client->mutex);
    }
    full.size = stats->size;
    memcpy(stats, &full, size);
}
