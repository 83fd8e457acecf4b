/*
 * cares_channel.h - c-ares in the loop: its state, its sockets, its one timer.
 *
 * Every visit to c-ares, from the loop or from here, ends in hh__cares_channel_settle, which sets
 * the timer anew and buries a retired channel once its last search is over. c-ares calls back at
 * any moment, also from within ares_query(); nothing here depends on when. Belongs to
 * resolve_cares.c.
 */
#ifndef HH_NET_CARES_CHANNEL_H
#define HH_NET_CARES_CHANNEL_H

#define CARES_NO_DEPRECATED 1 /* newer releases deprecate what older ones have only */
#include <ares.h>

#include "net/loop.h"
#include "net/resolv_conf.h"

typedef struct hh_cares_channel {
    hh_loop *loop;
    hh_link link; /* in a list of its owner's */
    hh_discard discard;
    ares_channel ares;
    struct ares_options options; /* as c-ares read them: domains, ndots */
    hh_list sockets;
    hh_timer timer;
    size_t searches;   /* that are under way, counted by their owner */
    hh_status trouble; /* a watch or timer could not be set */
    bool is_retired;
} hh_cares_channel;

/* Configured as resolv.conf says, but with these servers, NULL: its own. Returns c-ares' status. */
int hh__cares_channel_open(hh_loop *loop, const hh_name_servers *servers, char *resolv_conf_path,
                           hh_cares_channel **out);
/* After each visit to c-ares. The channel may be gone afterwards. */
void hh__cares_channel_settle(hh_cares_channel *channel);
/* No search comes any more. */
void hh__cares_channel_retire(hh_cares_channel *channel);
/* Ends every question with ARES_EDESTRUCTION. */
void hh__cares_channel_destroy(hh_cares_channel *channel);

#endif
