/*
 * inside.c - see inside.h.
 */
#include "inside.h"

#include "client/client.h"

int inside_pool_balances(hh_client *client)
{
    pthread_mutex_lock(&client->mutex);
    int balances = hh__pool_check(&client->pool);
    pthread_mutex_unlock(&client->mutex);
    return balances;
}
