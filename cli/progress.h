/*
 * progress.h - a live line on a terminal, redrawn a few times a second, erased at the end.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "text.h"

typedef enum cli_progress_style {
    CLI_PROGRESS_NONE = 0,
    CLI_PROGRESS_LINE,
    CLI_PROGRESS_BAR
} cli_progress_style;

typedef struct cli_progress {
    cli_progress_style style;
    uint64_t started_ns;
    uint64_t drawn_ns; /* 0: nothing is on the line */
} cli_progress;

void cli_progress_start(cli_progress *progress, cli_progress_style style);
/* Whether it is time to draw again. */
int cli_progress_is_due(const cli_progress *progress);
/* Puts `line` on standard error, over the former one. */
void cli_progress_draw(cli_progress *progress, const cli_text *line);
void cli_progress_erase(cli_progress *progress);

/* The line for one download; `total_bytes` UINT64_MAX when unknown. Pure. */
void cli_progress_format(cli_progress_style style, uint64_t bytes, uint64_t total_bytes,
                         uint64_t elapsed_ns, cli_text *out);
/* 0:07, 12:34, 1:02:03. */
void cli_progress_add_duration(cli_text *out, uint64_t seconds);

#endif
