/*
 * nsswitch.h - does the system ask only its hosts file and DNS for host names, in that order?
 *
 * A pure reading of nsswitch.conf(5)'s "hosts" line. Everything that the built-in resolver would
 * not answer in the same way (mdns, myhostname, resolve, ldap, another order, an action that
 * changes the course) is HH_NSSWITCH_OTHER: then the system's own getaddrinfo has to be asked.
 */
#ifndef HH_NET_NSSWITCH_H
#define HH_NET_NSSWITCH_H

#include <hyperhttp/base.h>

typedef enum hh_nsswitch { HH_NSSWITCH_FILES_DNS = 0, HH_NSSWITCH_OTHER } hh_nsswitch;

/* A text without a "hosts" line means files, then DNS. */
hh_nsswitch hh__nsswitch_parse(hh_slice text);

#endif
