/*
 * writeout.h - the text of -w: %{variables} and escapes, as curl has them.
 *
 * Pure: facts in, text out. %{stderr} and %{stdout} switch between the two texts. An unknown
 * variable prints nothing and is named in `err`; a lone '%' stands for itself.
 */
#ifndef CLI_WRITEOUT_H
#define CLI_WRITEOUT_H

#include "text.h"

typedef struct cli_writeout_facts {
    const char *url; /* as given */
    hh_slice effective_url;
    hh_slice method; /* of the last request sent */
    hh_slice remote_address;
    hh_slice content_type;
    hh_slice redirect_url; /* where a redirect not followed would have led */
    const char *filename;  /* NULL: standard output */
    const char *error_message;
    const hh_field *headers;
    size_t header_count;
    size_t header_bytes;
    int status;  /* 0: no answer */
    int version; /* 10, 11; 0: no answer */
    int exit;
    unsigned redirect_count;
    uint64_t connect_count;
    uint64_t retry_count;
    uint64_t url_number;
    uint64_t download_bytes;
    uint64_t upload_bytes;
    hh_timings timings; /* total_ns is what the user waited */
} cli_writeout_facts;

void cli_writeout_format(const char *format, const cli_writeout_facts *facts, cli_text *out,
                         cli_text *err);

#endif
