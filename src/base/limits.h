/*
 * limits.h - every cap and default of the engine, each under one name.
 *
 * A buffer, queue, count or loop without a limit here is a bug. Units end the name.
 */
#ifndef HH_BASE_LIMITS_H
#define HH_BASE_LIMITS_H

/* URL (codec/url). */
#define HH_URL_MAX_BYTES 65536
#define HH_URL_SHOWN_BYTES 200       /* of it in an error's sentence, its NUL included */
#define HH_HOST_INPUT_MAX_BYTES 4096 /* as written, before it is mapped to ASCII; %XX counts 1 */
#define HH_HOST_MAX_BYTES 253        /* RFC 1035 §2.3.4, without the root's dot */

/* HTTP/1 response (codec/h1_parser, codec/chunked). */
#define HH_HEAD_MAX_BYTES 65536
#define HH_HEAD_MAX_FIELDS 256
#define HH_STATUS_LINE_MAX_BYTES 8192
#define HH_INFORMATIONAL_MAX 16 /* 1xx heads before the final one */
#define HH_LEADING_CRLF_MAX 1   /* empty lines tolerated before a status line, RFC 9112 §2.2 */
#define HH_CHUNK_SIZE_MAX_DIGITS 16
#define HH_CHUNK_EXTENSION_MAX_BYTES 4096   /* of one chunk */
#define HH_CHUNK_EXTENSIONS_MAX_BYTES 65536 /* of one body */
#define HH_TRAILER_MAX_BYTES 16384
#define HH_TRAILER_MAX_FIELDS 64

/* Request (client/request, codec/h1_writer). */
#define HH_METHOD_MAX_BYTES 64
#define HH_REQUEST_MAX_FIELDS 256
#define HH_REQUEST_HEAD_MAX_BYTES 65536
#define HH_URGENCY_LAST 7              /* RFC 9218 §4.1 */
#define HH_PUSH_BUFFER_MAX_BYTES 65536 /* body bytes taken by a push and not yet on the wire */

/* Content decoders (codec/decoder). */
#define HH_DECODER_MAX_LAYERS 5
#define HH_DECODER_BUFFER_BYTES 16384 /* between two layers */
#define HH_DECODER_RATIO_MAX 200
#define HH_DECODER_RATIO_FREE_BYTES (64u << 20) /* the ratio counts only beyond so much output */
#define HH_ZSTD_WINDOW_LOG_MAX 23               /* 8 MiB, RFC 8878 §3.1.1.1.2 and RFC 9659 */
#define HH_DECODER_MEMBERS_MAX 65536            /* gzip members or zstd frames in one body */

/* Names and addresses (net/resolver, net/dial). */
#define HH_ADDRESSES_MAX 32
#define HH_DNS_TTL_MAX_MS 300000
#define HH_DNS_TTL_MIN_MS 1000
#define HH_DNS_NEGATIVE_TTL_MAX_MS 30000
#define HH_DNS_NEGATIVE_TTL_DEFAULT_MS 5000
#define HH_DNS_CACHE_MAX_ENTRIES 4096
#define HH_DNS_QUERIES_MAX 4096         /* names under way at once */
#define HH_DNS_ALIASES_MAX 16           /* CNAME records of one answer that are followed */
#define HH_DNS_FILE_CHECK_MS 1000       /* resolv.conf and hosts are looked at no more often */
#define HH_DNS_PARTIAL_TTL_MAX_MS 30000 /* one family answered, the other failed */
#define HH_DNS_SEARCH_MAX 32            /* search domains of resolv.conf */
#define HH_DNS_SERVERS_MAX 16
#define HH_DNS_SYSTEM_TTL_MS 30000 /* what getaddrinfo said; it tells no time to live */
#define HH_DNS_TRIES 3             /* of each server, unless resolv.conf says otherwise */
#define HH_DNS_TRY_MS 2000         /* the first of them; later ones are longer */
#define HH_HOSTS_FILE_MAX_BYTES (4u << 20)
#define HH_OVERRIDES_MAX 4096 /* addresses given by hand */
#define HH_RESOLV_CONF_MAX_BYTES 65536
#define HH_RESOLUTION_DELAY_MS 50 /* RFC 8305 §3 */
#define HH_CONNECT_STAGGER_MS 250 /* RFC 8305 §5 */
#define HH_UNIX_RETRY_MS 10       /* a Unix socket's listener with a full backlog is asked again */
#define HH_TCP_KEEPALIVE_IDLE_S 60
#define HH_TCP_KEEPALIVE_INTERVAL_S 15
#define HH_WORKERS_MAX 4 /* threads for blocking work */
#define HH_WORKER_QUEUE_MAX 4096

/* HTTP/2 (conn/h2). */
#define HH_H2_WINDOW_BYTES (1u << 20)       /* of a stream, to start with */
#define HH_H2_WINDOW_MAX_BYTES (16u << 20)  /* of a stream, grown */
#define HH_H2_CONN_WINDOW_BYTES (16u << 20) /* of a connection, to start with */
#define HH_H2_CONN_WINDOW_MAX_BYTES (64u << 20)
#define HH_H2_HELD_MAX_BYTES (64u << 20) /* of all paused streams of a client; then no credit */
#define HH_H2_STREAMS_MAX 1024           /* at once on one connection, whatever the peer allows */
#define HH_H2_STREAMS_ASSUMED 100        /* until the peer's SETTINGS have come, RFC 9113 §6.5.2 */
#define HH_H2_FRAME_MAX_BYTES 16384      /* payload we accept, and send at most */
#define HH_H2_OUTBOUND_FRAMES_MAX 256    /* answers of ours to a peer that doesn't read them */
#define HH_H2_REFUSALS_MAX 8             /* of one exchange, each sent again elsewhere */
#define HH_H2_BLOCKS_KEPT_MAX 4096       /* of the framing library, of each size, by a client */
#define HH_H2_BLOCK_CLASSES 8            /* sizes, in steps of 64 bytes */
#define HH_H2_DIAL_WAIT_MIN_MS 5         /* full connections are waited for, before one more */
#define HH_H2_GROWTH_RETRY_MS 1000       /* the same after one more has failed */
/* What a peer may send in vain: so many at once, and so many a second in the long run. */
#define HH_H2_SETTINGS_BURST 32
#define HH_H2_SETTINGS_PER_S 2
#define HH_H2_SETTINGS_ENTRIES_MAX 64 /* in one frame */
#define HH_H2_PING_BURST 128
#define HH_H2_PING_PER_S 10
#define HH_H2_EMPTY_DATA_BURST 64 /* DATA without a byte of body that doesn't end its stream */
#define HH_H2_EMPTY_DATA_PER_S 10
#define HH_H2_UNKNOWN_BURST 128 /* extension frames: ALTSVC, ORIGIN, greasing */
#define HH_H2_UNKNOWN_PER_S 10
#define HH_H2_PRIORITY_SLACK 64            /* beyond one for each stream of ours */
#define HH_H2_RESET_SLACK 32               /* likewise */
#define HH_H2_WINDOW_UPDATE_SLACK 256      /* beyond four for each stream and DATA frame of ours */
#define HH_H2_WINDOW_UPDATE_BYTES 128      /* and one for so many body bytes: some read slowly */
#define HH_H2_CONTINUATIONS_MAX 8          /* of one header block */
#define HH_H2_HEADER_BLOCK_MAX_BYTES 65536 /* coded, all its frames together */
#define HH_H2_HEAD_KEPT_BYTES 4096         /* memory of the last head, kept for the next */

/* Loop, pool, exchange. */
#define HH_LOOP_EVENTS_MAX 256 /* readiness reports taken a step */
#define HH_LOOP_TIMERS_MAX 4000000
#define HH_STEP_ANSWERS_MAX                                                                        \
    64 /* events a step has queued when it leaves other connections for later */
#define HH_STEP_EVENTS_MAX 1024 /* events a step may add to the queue before it stops reading */
#define HH_CONN_STEP_BYTES_MAX (512u << 10) /* read from one connection in one step */
#define HH_BUFFER_BYTES 65536               /* one pooled buffer */
#define HH_BUFFERS_KEPT_MAX 64              /* free ones a pool keeps */
#define HH_EXCHANGES_MAX 1000000
#define HH_ATTEMPTS_MAX 64                 /* of one exchange, redirects and replays together */
#define HH_REPLAYS_MAX 2                   /* of one exchange, unasked, refusals aside */
#define HH_BODY_AHEAD_MAX_BYTES (1u << 20) /* allocated beyond what has come */
#define HH_BODY_WINDOW_BYTES (1u << 20)
#define HH_POOL_CHECK_AFTER_MS                                                                     \
    100                        /* an idle connection unseen for longer is checked before lending */
#define HH_POOL_STARVE_MS 1000 /* an origin waiting so long may take another's connection */
#define HH_POOL_ORIGINS_KEPT_MAX 1024   /* remembered without a connection */
#define HH_DRAIN_MAX_BYTES (256u << 10) /* of a redirect's body, to keep its connection */
#define HH_DRAIN_MAX_MS 100             /* likewise */
#define HH_DRIVER_NAP_MS 1              /* of a blocking call beside events that nobody pulls */
#define HH_EXPECT_WAIT_MS 1000          /* RFC 9110 §10.1.1: not for ever */
#define HH_SMALL_BODY_BYTES 16384       /* copied into one exact allocation */
#define HH_SINK_MIN_BYTES 65536

/* TLS (net/tls). */
#define HH_TLS_SESSIONS_MAX 4  /* tickets kept for one configuration and peer */
#define HH_TLS_CONTEXTS_MAX 64 /* shared contexts kept by the process */
#define HH_TLS_RECORD_BYTES 16384
#define HH_TLS_KEY_MAX_BYTES 65536     /* a configuration's key: its paths, mostly */
#define HH_TLS_PROBE_READS_MAX 8       /* for what isn't data, before an idle stream is lent */
#define HH_TLS_PASSWORD_MAX_BYTES 1024 /* OpenSSL's own bound on a key's password */
#define HH_TLS_PEM_MAX_BYTES (16u << 20)
#define HH_TLS_NAMES_SHOWN_MAX 3 /* of a wrong certificate, in an error's sentence */

/* Client defaults. */
#define HH_DEFAULT_CONNECT_MS 10000
#define HH_DEFAULT_READ_MS 30000
#define HH_DEFAULT_WRITE_MS 30000
#define HH_DEFAULT_MAX_CONNECTIONS 100
#define HH_MAX_CONNECTIONS_MAX 1000000
#define HH_DEFAULT_KEEPALIVE_EXPIRY_MS 45000
#define HH_DEFAULT_MAX_REDIRECTS 20
#define HH_MAX_REDIRECTS_MAX 60

#endif
