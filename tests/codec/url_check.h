/*
 * url_check.h - what the tests of URLs share: parsing that must work or must fail, and what is true
 * of every URL.
 */
#ifndef HH_TESTS_CODEC_URL_CHECK_H
#define HH_TESTS_CODEC_URL_CHECK_H

#include "codec/url.h"

#define assert_slice(slice, text) assert_slice_at(slice, text, __LINE__)
void assert_slice_at(hh_slice slice, const char *text, int line);

/* The text must parse. */
hh_url *parse_url(const char *text);
/* The text must fail with `status`; *error has the sentence. */
void parse_fails(hh_slice text, const hh_url *base, hh_status status, hh_error *error);
/* The parts put together are the text, and nothing in it is a control. */
void check_invariants(const hh_url *url);
/* parse(serialize(x)) is x, with a base or without. */
void check_idempotent(const hh_url *url);

#endif
