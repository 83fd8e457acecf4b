/*
 * tls_bio.c - a BIO_METHOD whose reads and writes are those of the stream below.
 *
 * No memory BIO stands between OpenSSL's record buffer and the socket, so nothing is copied twice,
 * and since the stream below never raises SIGPIPE neither does TLS. HH_IO_WAIT becomes BIO's retry
 * flags; the stream below has armed itself by then. End and failure are remembered in hh_tls_bio,
 * as OpenSSL's own reports of them differ between versions: BIO_CTRL_EOF always says no.
 */
#include "net/tls_bio.h"

#include <stdatomic.h>

static _Atomic(BIO_METHOD *) shared_method;

static int bio_read(BIO *bio, char *data, int capacity)
{
    hh_tls_bio *state = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (capacity <= 0)
        return 0;
    if (state->is_drained) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t count = 0;
    switch (hh__stream_read(state->below, data, (size_t)capacity, &count)) {
    case HH_IO_OK:
        state->is_drained = state->below->short_read_is_last && count < (size_t)capacity;
        return (int)count;
    case HH_IO_WAIT:
        BIO_set_retry_read(bio);
        return -1;
    case HH_IO_EOF:
        state->is_ended = true;
        return 0;
    case HH_IO_ERROR:
        break;
    }
    state->has_failed = true;
    return -1;
}

static int bio_write(BIO *bio, const char *data, int length)
{
    hh_tls_bio *state = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (length <= 0)
        return 0;
    struct iovec piece;
    /* iovec knows no const; writing doesn't change the bytes. */
    memcpy(&piece.iov_base, &data, sizeof(data));
    piece.iov_len = (size_t)length;
    size_t written = 0;
    switch (hh__stream_write(state->below, &piece, 1, &written)) {
    case HH_IO_OK:
        return (int)written;
    case HH_IO_WAIT:
        BIO_set_retry_write(bio);
        return -1;
    case HH_IO_EOF:
    case HH_IO_ERROR:
        break;
    }
    state->has_failed = true;
    return -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *make_method(void)
{
    int type = BIO_get_new_index();
    if (type == -1)
        return NULL;
    BIO_METHOD *method = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "stream");
    if (method == NULL)
        return NULL;
    if (BIO_meth_set_read(method, bio_read) != 1 || BIO_meth_set_write(method, bio_write) != 1 ||
        BIO_meth_set_ctrl(method, bio_ctrl) != 1 || BIO_meth_set_create(method, bio_create) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* Made once for the process; a failed try may be repeated, unlike with pthread_once. */
static BIO_METHOD *obtain_method(void)
{
    BIO_METHOD *method = atomic_load_explicit(&shared_method, memory_order_acquire);
    if (method != NULL)
        return method;
    method = make_method();
    if (method == NULL)
        return NULL;
    BIO_METHOD *other = NULL;
    if (atomic_compare_exchange_strong(&shared_method, &other, method))
        return method;
    BIO_meth_free(method);
    return other;
}

BIO *hh__tls_bio_create(hh_tls_bio *state)
{
    BIO_METHOD *method = obtain_method();
    if (method == NULL)
        return NULL;
    BIO *bio = BIO_new(method);
    if (bio != NULL)
        BIO_set_data(bio, state);
    return bio;
}
