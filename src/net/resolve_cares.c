/*
 * resolve_cares.c - searches over a c-ares channel (cares_channel.h); see resolve_cares.h.
 *
 * A search is one query on its way through the candidate names that search domains make of it; for
 * each candidate it has an A and an AAAA question out.
 */
#include "net/resolve_cares.h"

#include "base/ascii.h"
#include "base/memory.h"
#include "net/cares_channel.h"
#include "net/dns_message.h"
#include "net/file_stamp.h"

#define CLASS_INTERNET 1 /* RFC 1035 §3.2.4 */

struct hh_cares {
    hh_loop *loop;
    const hh_name_servers *servers;
    char *path;
    hh_file_stamp stamp;
    int64_t checked_ns;
    hh_cares_channel *current; /* NULL: the next query makes one */
    hh_list channels;
    bool is_closing;
};

/* One of a search's two questions. */
typedef struct question {
    struct search *search;
    hh_dns_type type;
} question;

typedef struct search {
    hh_cares *cares;
    hh_cares_channel *channel;
    hh_resolve_query *query;
    question questions[2];
    unsigned outstanding;
    int next;        /* the candidate that comes next */
    int failure;     /* c-ares' status of the first failure, ARES_SUCCESS: none */
    bool is_stopped; /* further candidates would fail as this one did */
    bool has_name;   /* some candidate exists, without an address */
    int64_t ttl_ms;
    int64_t negative_ttl_ms;
} search;

/* ARES_SUCCESS, then cares->current is set. */
static int open_channel(hh_cares *cares)
{
    if (cares->current != NULL)
        return ARES_SUCCESS;
    int status = hh__cares_channel_open(cares->loop, cares->servers, cares->path, &cares->current);
    if (status == ARES_SUCCESS)
        hh__list_push_back(&cares->channels, &cares->current->link);
    return status;
}

/* ---- search ---- */

static const char *describe(int status)
{
    switch (status) {
    case ARES_ESERVFAIL:
        return "they failed (SERVFAIL)";
    case ARES_EREFUSED:
        return "they refused (REFUSED)";
    case ARES_ETIMEOUT:
        return "no answer in time";
    case ARES_ECONNREFUSED:
        /* What c-ares before 1.20 also says when every server has failed or refused. */
        return "they failed (SERVFAIL), refused (REFUSED) or could not be reached";
    case ARES_EBADRESP:
        return "the answer is damaged";
    default:
        return ares_strerror(status);
    }
}

/* Ends the search; a closing resolver wants to hear nothing. */
static void finish(search *one, hh_resolve_outcome outcome)
{
    hh_resolve_end end = {outcome, 0, 0, NULL};
    if (outcome == HH_RESOLVE_FOUND) {
        end.ttl_ms = one->ttl_ms;
    } else if (outcome == HH_RESOLVE_NO_NAME || outcome == HH_RESOLVE_NO_ADDRESS) {
        end.ttl_ms = one->negative_ttl_ms;
        end.dns_error = outcome == HH_RESOLVE_NO_NAME ? ARES_ENOTFOUND : ARES_ENODATA;
    } else {
        end.dns_error = (uint32_t)one->failure;
        end.detail = describe(one->failure);
    }
    one->channel->searches--;
    if (!one->cares->is_closing)
        hh__query_finish(one->query, &end);
    hh__free(one);
}

static unsigned count_dots(hh_slice name)
{
    unsigned dots = 0;
    for (size_t i = 0; i < name.length; i++)
        dots += name.data[i] == '.';
    return dots;
}

/* Writes the search's next candidate; false: there is none. res_search(3): a name with enough dots
 * is tried as it stands first, another one last; a trailing dot forbids the search domains. */
static bool next_candidate(search *one, char out[HH_HOST_MAX_BYTES + 1])
{
    const struct ares_options *options = &one->channel->options;
    hh_slice name = one->query->name;
    int domains = options->ndomains < HH_DNS_SEARCH_MAX ? options->ndomains : HH_DNS_SEARCH_MAX;
    if (name.data[name.length - 1] == '.') {
        name.length--;
        domains = 0;
    }
    int bare_place = count_dots(name) >= (unsigned)options->ndots ? 0 : domains;
    while (one->next <= domains) {
        int place = one->next++;
        hh_slice domain = {"", 0};
        if (place != bare_place)
            domain = hh_slice_of(options->domains[place < bare_place ? place : place - 1]);
        while (domain.length != 0 && domain.data[domain.length - 1] == '.')
            domain.length--;
        if (place != bare_place &&
            (domain.length == 0 || name.length + 1 + domain.length > HH_HOST_MAX_BYTES))
            continue;
        memcpy(out, name.data, name.length);
        out[name.length] = domain.length != 0 ? '.' : '\0';
        if (domain.length != 0) {
            memcpy(out + name.length + 1, domain.data, domain.length);
            out[name.length + 1 + domain.length] = '\0';
        }
        return true;
    }
    return false;
}

static void on_answer(void *data, int status, int timeouts, unsigned char *text, int length);

static void ask(search *one, const char *candidate)
{
    /* RFC 8305 §3: AAAA first, A right behind it. The answers may come, and the search may go,
     * within the second call. */
    ares_channel ares = one->channel->ares;
    question *first = &one->questions[0];
    question *second = &one->questions[1];
    one->outstanding = 2;
    ares_query(ares, candidate, CLASS_INTERNET, first->type, on_answer, first);
    ares_query(ares, candidate, CLASS_INTERNET, second->type, on_answer, second);
}

static void note_failure(search *one, int status)
{
    if (one->failure == ARES_SUCCESS || status == ARES_ENOMEM)
        one->failure = status;
    /* As res_search(3): a server that fails for one name may know the next; silence won't end. */
    if (status != ARES_ESERVFAIL && status != ARES_ECONNREFUSED)
        one->is_stopped = true;
}

static void note_negative(search *one, const hh_dns_message *message)
{
    int64_t ttl_ms = HH_DNS_NEGATIVE_TTL_DEFAULT_MS;
    if (message != NULL && message->has_negative_ttl)
        ttl_ms = (int64_t)message->negative_ttl_s * 1000;
    if (ttl_ms < HH_DNS_TTL_MIN_MS)
        ttl_ms = HH_DNS_TTL_MIN_MS;
    if (one->negative_ttl_ms == 0 || ttl_ms < one->negative_ttl_ms)
        one->negative_ttl_ms = ttl_ms;
}

static void note_addresses(search *one, const hh_dns_message *message)
{
    int64_t ttl_ms = (int64_t)message->ttl_s * 1000;
    if (ttl_ms < HH_DNS_TTL_MIN_MS)
        ttl_ms = HH_DNS_TTL_MIN_MS;
    if (one->ttl_ms == 0 || ttl_ms < one->ttl_ms)
        one->ttl_ms = ttl_ms;
    hh__query_add(one->query, message->addresses, message->count);
}

static void note_answer(question *asked, int status, const unsigned char *text, int length)
{
    search *one = asked->search;
    hh_dns_message message;
    hh_status parsed =
        hh__dns_message_parse(text, text != NULL ? (size_t)length : 0, asked->type, &message);
    switch (status) {
    case ARES_SUCCESS:
        if (parsed != HH_OK)
            note_failure(one, ARES_EBADRESP);
        else if (message.count != 0)
            note_addresses(one, &message);
        else
            note_negative(one, &message);
        one->has_name = true;
        break;
    case ARES_ENODATA:
        one->has_name = true;
        note_negative(one, parsed == HH_OK ? &message : NULL);
        break;
    case ARES_ENOTFOUND:
        note_negative(one, parsed == HH_OK ? &message : NULL);
        break;
    default:
        note_failure(one, status);
        break;
    }
}

/* Both questions about the candidate are answered. */
static void conclude(search *one)
{
    char candidate[HH_HOST_MAX_BYTES + 1];
    if (one->query->count != 0) {
        if (one->failure != ARES_SUCCESS && one->ttl_ms > HH_DNS_PARTIAL_TTL_MAX_MS)
            one->ttl_ms = HH_DNS_PARTIAL_TTL_MAX_MS;
        finish(one, HH_RESOLVE_FOUND);
    } else if (!one->is_stopped && next_candidate(one, candidate)) {
        ask(one, candidate);
    } else if (one->failure == ARES_ENOMEM || one->failure == ARES_ECANCELLED) {
        finish(one, HH_RESOLVE_NO_MEMORY);
    } else if (one->failure != ARES_SUCCESS) {
        finish(one, HH_RESOLVE_NO_ANSWER);
    } else {
        finish(one, one->has_name ? HH_RESOLVE_NO_ADDRESS : HH_RESOLVE_NO_NAME);
    }
}

static void on_answer(void *data, int status, int timeouts, unsigned char *text, int length)
{
    question *asked = data;
    search *one = asked->search;
    (void)timeouts;
    one->outstanding--;
    if (status == ARES_EDESTRUCTION) {
        one->is_stopped = true;
        one->failure = status;
    } else {
        note_answer(asked, status, text, length);
    }
    if (one->outstanding == 0)
        conclude(one);
}

/* ---- the resolver's side ---- */

hh_status hh__cares_create(hh_loop *loop, const hh_name_servers *servers, char *resolv_conf_path,
                           hh_cares **out)
{
    hh_cares *cares = hh__calloc(1, sizeof(*cares));
    if (cares == NULL)
        return HH_ERR_NO_MEMORY;
    cares->loop = loop;
    cares->servers = servers;
    cares->path = resolv_conf_path;
    hh__list_init(&cares->channels);
    *out = cares;
    return HH_OK;
}

void hh__cares_destroy(hh_cares *cares)
{
    if (cares == NULL)
        return;
    cares->is_closing = true;
    for (hh_link *link; (link = hh__list_first(&cares->channels)) != NULL;)
        hh__cares_channel_destroy(HH_CONTAINER_OF(link, hh_cares_channel, link));
    hh__free(cares);
}

hh_cares_change hh__cares_refresh(hh_cares *cares, int64_t now_ns)
{
    if (cares->checked_ns != 0 &&
        now_ns - cares->checked_ns < (int64_t)HH_DNS_FILE_CHECK_MS * 1000000)
        return HH_CARES_SAME;
    bool is_first = cares->checked_ns == 0;
    cares->checked_ns = now_ns;
    hh_file_stamp stamp = hh__file_stamp(cares->path);
    if (!is_first && hh__file_stamp_equal(&stamp, &cares->stamp))
        return HH_CARES_SAME;
    cares->stamp = stamp;
    if (cares->current != NULL)
        hh__cares_channel_retire(cares->current);
    cares->current = NULL;
    return is_first ? HH_CARES_SAME : HH_CARES_CHANGED;
}

void hh__cares_start(hh_cares *cares, hh_resolve_query *query)
{
    search *fresh = hh__calloc(1, sizeof(*fresh));
    int status = fresh != NULL ? open_channel(cares) : ARES_ENOMEM;
    if (status != ARES_SUCCESS) {
        hh_resolve_end end = {HH_RESOLVE_NO_ANSWER, 0, (uint32_t)status, describe(status)};
        if (status == ARES_ENOMEM)
            end.outcome = HH_RESOLVE_NO_MEMORY;
        hh__free(fresh);
        hh__query_finish(query, &end);
        return;
    }
    hh_cares_channel *on = cares->current;
    fresh->cares = cares;
    fresh->channel = on;
    fresh->query = query;
    fresh->questions[0] = (question){fresh, HH_DNS_AAAA};
    fresh->questions[1] = (question){fresh, HH_DNS_A};
    on->searches++;
    /* The first candidate is one like the others: none of their answers stands in its way. */
    conclude(fresh);
    hh__cares_channel_settle(on);
}
