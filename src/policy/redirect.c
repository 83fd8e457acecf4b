/*
 * redirect.c - the rules of RFC 9110 §15.4, and what security asks beyond them: credentials stay
 * with the origin they were meant for, only http and https are followed, and encryption isn't left
 * unasked.
 *
 * User info in a Location is dropped, wherever it leads: the server that answered has no business
 * choosing credentials, and what the caller gave stands in Authorization.
 */
#include "policy/redirect.h"

#include "base/ascii.h"
#include "base/failure.h"
#include "base/memory.h"
#include "codec/url.h"

/* Names that the origin alone may see. Host goes too: it would name the old origin. */
static const char *const credential_fields[] = {"Authorization", "Cookie", "Cookie2", "Host"};

/* Names that describe the body, beside Content-* (RFC 9110 §15.4), and how it is sent. */
static const char *const body_fields[] = {
    "Transfer-Encoding", "Expect", "Trailer", "Digest", "Repr-Digest", "Last-Modified",
};

static bool is_redirect_status(int status)
{
    /* 300, 304, 305 and 306 lead nowhere by themselves (RFC 9110 §15.4.1, §15.4.5 to §15.4.7). */
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static hh_redirect_method decide_method(int status, hh_slice method)
{
    if ((status == 301 || status == 302) && hh__slice_is(method, "POST"))
        return HH_METHOD_GET; /* RFC 9110 §15.4.2 and §15.4.3 */
    if (status == 303 && !hh__slice_is(method, "HEAD"))
        return HH_METHOD_GET; /* §15.4.4 */
    return HH_METHOD_KEEP;
}

static size_t utf8_sequence_length(const unsigned char *text, size_t room)
{
    unsigned char first = text[0];
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4 || length > room)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    /* Overlong forms, surrogates, beyond U+10FFFF (RFC 3629 §4). */
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
        (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

static bool is_utf8(hh_slice text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;

    for (size_t i = 0; i < text.length;) {
        size_t length = utf8_sequence_length(bytes + i, text.length - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

/* Bytes that are no UTF-8 mean only themselves: each one from 0x80 on becomes %XX. *copy is the
 * caller's to free; NULL when out of memory. */
static hh_slice escape_bytes(hh_slice text, char **copy)
{
    static const char digits[] = "0123456789ABCDEF";
    hh_slice escaped = {NULL, 0};
    char *to = hh__realloc_array(NULL, text.length, 3);

    *copy = to;
    if (to == NULL)
        return escaped;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x80) {
            *to++ = (char)byte;
            continue;
        }
        *to++ = '%';
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 0x0f];
    }
    escaped.data = *copy;
    escaped.length = (size_t)(to - *copy);
    return escaped;
}

static hh_status fail_location(const hh_redirect_input *input, hh_status status, hh_error *error)
{
    hh_slice scheme = hh_url_scheme(input->url);
    hh_slice authority = hh__url_authority(input->url);

    if (status == HH_ERR_NO_MEMORY)
        return hh__fail(error, status, HH_PHASE_REDIRECT,
                        "Out of memory while following a redirect");
    if (status == HH_ERR_UNSUPPORTED_PROTOCOL)
        return hh__fail(error, HH_ERR_REDIRECT_REFUSED, HH_PHASE_REDIRECT,
                        "Refused the redirect from %.*s://%.*s: it leads to neither http nor https",
                        HH_SLICE_ARGS(scheme), HH_SLICE_ARGS(authority));
    return hh__fail(error, HH_ERR_PROTOCOL, HH_PHASE_REDIRECT,
                    "The Location in the %d answer of %.*s://%.*s is no valid URL", input->status,
                    HH_SLICE_ARGS(scheme), HH_SLICE_ARGS(authority));
}

/* Location against the URL it came from: a hh_url_parse status. */
static hh_status parse_location(const hh_redirect_input *input, hh_url **out)
{
    hh_slice text = input->location;
    char *copy = NULL;

    if (!is_utf8(text)) {
        text = escape_bytes(text, &copy);
        if (copy == NULL)
            return HH_ERR_NO_MEMORY;
    }
    hh_status status = hh_url_parse(text, input->url, out, NULL);
    hh__free(copy);
    return status;
}

/* Replaces *url by what is asked of the next request: no user info, and the fragment of the URL
 * before when Location has none (RFC 9110 §10.2.2). *url stays the caller's on failure. */
static hh_status settle_url(const hh_redirect_input *input, hh_url **url)
{
    hh_slice fragment = hh_url_fragment(input->url);
    hh_url *next = NULL;

    if (hh__url_has_userinfo(*url)) {
        hh_status status = hh__url_without_userinfo(*url, &next);
        if (status != HH_OK)
            return status;
        hh_url_destroy(*url);
        *url = next;
    }
    if (fragment.length > 0) {
        hh_status status = hh__url_with_fragment(*url, fragment, &next);
        if (status != HH_OK)
            return status;
        hh_url_destroy(*url);
        *url = next;
    }
    return HH_OK;
}

static hh_status check_schemes(const hh_redirect_input *input, const hh_url *to, hh_error *error)
{
    hh_slice from_scheme = hh_url_scheme(input->url);
    hh_slice from_authority = hh__url_authority(input->url);
    hh_slice to_scheme = hh_url_scheme(to);
    hh_slice to_authority = hh__url_authority(to);
    hh_scheme scheme = hh__url_scheme_id(to);

    if (scheme != HH_SCHEME_HTTP && scheme != HH_SCHEME_HTTPS)
        return hh__fail(error, HH_ERR_REDIRECT_REFUSED, HH_PHASE_REDIRECT,
                        "Refused the redirect from %.*s://%.*s to %.*s://%.*s: only http and https "
                        "are followed",
                        HH_SLICE_ARGS(from_scheme), HH_SLICE_ARGS(from_authority),
                        HH_SLICE_ARGS(to_scheme), HH_SLICE_ARGS(to_authority));
    if (hh__url_is_secure(input->url) && !hh__url_is_secure(to) &&
        input->downgrade == HH_REDIRECT_DOWNGRADE_REFUSE)
        return hh__fail(error, HH_ERR_REDIRECT_REFUSED, HH_PHASE_REDIRECT,
                        "Refused the redirect from %.*s://%.*s to %.*s://%.*s: it would leave "
                        "encryption; the option downgrade = HH_DOWNGRADE_ALLOW permits it",
                        HH_SLICE_ARGS(from_scheme), HH_SLICE_ARGS(from_authority),
                        HH_SLICE_ARGS(to_scheme), HH_SLICE_ARGS(to_authority));
    return HH_OK;
}

static hh_redirect_plan plan_follow(const hh_redirect_input *input, hh_url *url)
{
    hh_redirect_plan plan = {HH_REDIRECT_FOLLOW, url, HH_METHOD_KEEP, input->body,
                             input->credentials};

    plan.method = decide_method(input->status, input->method);
    if (plan.method == HH_METHOD_GET || input->status == 303)
        plan.body = HH_BODY_DROP;
    if (!hh__url_same_origin(input->url, url))
        plan.credentials = HH_CREDENTIALS_DROP;
    return plan;
}

hh_status hh__decide_redirect(const hh_redirect_input *input, hh_redirect_plan *out,
                              hh_error *error)
{
    hh_slice location = hh__slice_trim(input->location);
    hh_url *url = NULL;

    /* An empty Location would lead back to where it came from, for ever: taken as none. */
    if (!is_redirect_status(input->status) || location.length == 0) {
        *out = (hh_redirect_plan){HH_REDIRECT_NONE, NULL, HH_METHOD_KEEP, input->body,
                                  input->credentials};
        return HH_OK;
    }
    if (input->followed >= input->max)
        return hh__fail(error, HH_ERR_TOO_MANY_REDIRECTS, HH_PHASE_REDIRECT,
                        "gave up after %u redirect%s at %.*s://%.*s; max_redirects sets how many "
                        "are followed",
                        input->followed, input->followed == 1 ? "" : "s",
                        HH_SLICE_ARGS(hh_url_scheme(input->url)),
                        HH_SLICE_ARGS(hh__url_authority(input->url)));
    hh_status status = parse_location(input, &url);
    if (status != HH_OK)
        return fail_location(input, status, error);
    status = check_schemes(input, url, error);
    if (status != HH_OK)
        goto refused;
    status = settle_url(input, &url);
    if (status != HH_OK) {
        status = fail_location(input, status, error);
        goto refused;
    }
    *out = plan_follow(input, url);
    return HH_OK;

refused:
    hh_url_destroy(url);
    return status;
}

static bool is_in(hh_slice name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (hh__slice_is_nocase(name, names[i]))
            return true;
    }
    return false;
}

bool hh__is_field_dropped_on_redirect(hh_slice name, const hh_redirect_plan *plan)
{
    static const char prefix[] = "Content-";
    hh_slice start = {name.data, sizeof(prefix) - 1};

    if (plan->kind == HH_REDIRECT_NONE)
        return false;
    /* Meant for a proxy of the first hop; what the next hop's proxy gets, its settings say. */
    if (hh__slice_is_nocase(name, "Proxy-Authorization"))
        return true;
    if (plan->credentials == HH_CREDENTIALS_DROP &&
        is_in(name, credential_fields, HH_COUNT_OF(credential_fields)))
        return true;
    if (plan->body == HH_BODY_KEEP)
        return false;
    if (name.length >= start.length && hh__slice_is_nocase(start, prefix))
        return true;
    return is_in(name, body_fields, HH_COUNT_OF(body_fields));
}
