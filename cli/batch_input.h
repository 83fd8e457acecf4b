/*
 * batch_input.h - where items come from: the command line first, then the list, a line at a time.
 */
#ifndef CLI_BATCH_INPUT_H
#define CLI_BATCH_INPUT_H

#include "batch_options.h"
#include "batch_item.h"
#include "lines.h"

typedef enum batch_input_result {
    BATCH_INPUT_ITEM = 0,
    BATCH_INPUT_INVALID, /* the item is there to be reported; the sentence says why */
    BATCH_INPUT_WAIT,    /* nothing there yet: poll batch_input_descriptor */
    BATCH_INPUT_END,
    BATCH_INPUT_ERROR /* the list can't be read on; the sentence says why */
} batch_input_result;

typedef struct batch_input {
    const cli_list *urls;
    size_t next_url;
    const char *path;
    cli_lines lines; /* descriptor -1: no list */
    uint64_t index;
    int is_first_line;
} batch_input;

/* HH_ERR_FILE with a sentence when the list can't be opened. */
hh_status batch_input_open(batch_input *input, const batch_options *options, cli_text *problem);
void batch_input_finish(batch_input *input);
/* On ITEM and INVALID *out is the caller's. */
batch_input_result batch_input_next(batch_input *input, batch_item **out, cli_text *problem);
int batch_input_descriptor(const batch_input *input);

#endif
