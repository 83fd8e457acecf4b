/*
 * batch_hosts.c - see batch_hosts.h.
 */
#include "batch_hosts.h"

#include <stdlib.h>

#define BUCKETS 4096

struct batch_host {
    batch_host *next;
    char *place;
    uint64_t in_flight;
    batch_item *first; /* in line */
    batch_item *last;
};

hh_status batch_hosts_init(batch_hosts *hosts, uint64_t limit)
{
    memset(hosts, 0, sizeof(*hosts));
    hosts->limit = limit;
    if (limit == 0)
        return HH_OK;
    hosts->buckets = calloc(BUCKETS, sizeof(batch_host *));
    return hosts->buckets != NULL ? HH_OK : HH_ERR_NO_MEMORY;
}

static void destroy_queue(batch_item *item)
{
    while (item != NULL) {
        batch_item *next = item->next;
        batch_item_destroy(item);
        item = next;
    }
}

void batch_hosts_finish(batch_hosts *hosts)
{
    destroy_queue(hosts->ready);
    for (size_t i = 0; hosts->buckets != NULL && i < BUCKETS; i++) {
        while (hosts->buckets[i] != NULL) {
            batch_host *host = hosts->buckets[i];
            hosts->buckets[i] = host->next;
            destroy_queue(host->first);
            free(host->place);
            free(host);
        }
    }
    free(hosts->buckets);
    memset(hosts, 0, sizeof(*hosts));
}

/* The link that points, or would point, to the host of that place. */
static batch_host **link_of(const batch_hosts *hosts, const char *place)
{
    size_t bucket = (size_t)(cli_hash_of(hh_slice_of(place)).low % BUCKETS);
    batch_host **link = &hosts->buckets[bucket];
    while (*link != NULL && strcmp((*link)->place, place) != 0)
        link = &(*link)->next;
    return link;
}

static void push(batch_item **first, batch_item **last, batch_item *item)
{
    item->next = NULL;
    if (*first == NULL)
        *first = item;
    else
        (*last)->next = item;
    *last = item;
}

static hh_status create_host(batch_host **link, const char *place)
{
    batch_host *host = calloc(1, sizeof(*host));
    if (host == NULL)
        return HH_ERR_NO_MEMORY;
    host->place = strdup(place);
    if (host->place == NULL) {
        free(host);
        return HH_ERR_NO_MEMORY;
    }
    *link = host;
    return HH_OK;
}

hh_status batch_hosts_admit(batch_hosts *hosts, batch_item *item)
{
    if (hosts->limit == 0) {
        push(&hosts->ready, &hosts->ready_last, item);
        return HH_OK;
    }
    batch_host **link = link_of(hosts, item->place);
    if (*link == NULL && create_host(link, item->place) != HH_OK)
        return HH_ERR_NO_MEMORY;
    batch_host *host = *link;
    if (host->in_flight < hosts->limit) {
        host->in_flight++;
        push(&hosts->ready, &hosts->ready_last, item);
    } else {
        hosts->waiting++;
        push(&host->first, &host->last, item);
    }
    return HH_OK;
}

batch_item *batch_hosts_next(batch_hosts *hosts)
{
    batch_item *item = hosts->ready;
    if (item != NULL) {
        hosts->ready = item->next;
        item->next = NULL;
    }
    return item;
}

void batch_hosts_release(batch_hosts *hosts, const char *place)
{
    if (hosts->limit == 0)
        return;
    batch_host **link = link_of(hosts, place);
    batch_host *host = *link;
    if (host == NULL)
        return;
    host->in_flight--;
    if (host->first != NULL) {
        batch_item *item = host->first;
        host->first = item->next;
        host->in_flight++;
        hosts->waiting--;
        push(&hosts->ready, &hosts->ready_last, item);
    } else if (host->in_flight == 0) {
        *link = host->next;
        free(host->place);
        free(host);
    }
}
