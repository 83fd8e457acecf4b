/*
 * inside.c - see inside.h.
 */
#include "inside.h"

#include "base/memory.h"
#include "client/client.h"
#include "client/pool_internal.h"
#include "conn/h2.h"

int inside_pool_balances(hh_client *client)
{
    pthread_mutex_lock(&client->mutex);
    int balances = hh__pool_check(&client->pool);
    pthread_mutex_unlock(&client->mutex);
    return balances;
}

/* The HTTP/2 connections one has met: the same one serves many. */
typedef struct inside_met {
    const hh_conn *conns[32];
    size_t count;
} inside_met;

static int streams_balance(inside_met *met, const hh_conn *conn)
{
    if (conn == NULL || conn->protocol != HH_PROTOCOL_HTTP2)
        return 1;
    for (size_t i = 0; i < met->count; i++)
        if (met->conns[i] == conn)
            return 1;
    if (met->count < 32)
        met->conns[met->count++] = conn;
    return hh__h2_check(conn);
}

static int rested_streams_balance(inside_met *met, hh_client *client)
{
    int balances = 1;
    for (hh_link *link = hh__list_first(&client->pool.lru); link != NULL;
         link = hh__list_next(&client->pool.lru, link))
        balances &= streams_balance(met, HH_CONTAINER_OF(link, hh_pooled, lru_link)->conn);
    return balances;
}

int inside_streams_balance(hh_client *client)
{
    inside_met met = {.count = 0};
    pthread_mutex_lock(&client->mutex);
    int balances = hh__pool_check(&client->pool) && rested_streams_balance(&met, client);
    for (uint32_t i = 0; i < client->table.capacity; i++) {
        const hh_exchange *exchange = client->table.slots[i].exchange;
        for (size_t k = 0; exchange != NULL && k < HH_EXCHANGE_ATTEMPTS_MAX; k++)
            if (exchange->attempts[k] != NULL && exchange->attempts[k]->pooled != NULL)
                balances &= streams_balance(&met, exchange->attempts[k]->pooled->conn);
    }
    pthread_mutex_unlock(&client->mutex);
    return balances;
}

int inside_race(hh_client *client, hh_id id)
{
    hh_pooled *pooled = NULL;
    pthread_mutex_lock(&client->mutex);
    hh_exchange *exchange = hh__client_find(client, id);
    if (exchange != NULL && exchange->attempts[0] != NULL)
        pooled = hh__pool_take(&client->pool, exchange->attempts[0]->pooled->origin);
    if (pooled != NULL)
        hh__exchange_launch(exchange, pooled);
    pthread_mutex_unlock(&client->mutex);
    return pooled != NULL;
}

int inside_idle_is_dead(hh_client *client)
{
    pthread_mutex_lock(&client->mutex);
    hh_link *link = hh__list_first(&client->pool.lru);
    int is_dead = link != NULL &&
                  hh__conn_probe(HH_CONTAINER_OF(link, hh_pooled, lru_link)->conn) != HH_IO_WAIT;
    pthread_mutex_unlock(&client->mutex);
    return is_dead;
}

size_t inside_most_open_here(hh_client *client)
{
    size_t most = 0, cursor = 0;
    pthread_mutex_lock(&client->mutex);
    for (const hh_origin *origin; (origin = hh__map_next(&client->pool.origins, &cursor)) != NULL;)
        if (origin->open > most)
            most = origin->open;
    pthread_mutex_unlock(&client->mutex);
    return most;
}

void inside_lock(hh_client *client)
{
    pthread_mutex_lock(&client->mutex);
}

void inside_unlock(hh_client *client)
{
    pthread_mutex_unlock(&client->mutex);
}

size_t inside_exchange_bytes(void)
{
    return sizeof(hh_exchange);
}
