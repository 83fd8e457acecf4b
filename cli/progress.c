/*
 * progress.c - see progress.h.
 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "files.h"

#define REDRAW_NS 200000000u
#define BAR_COLUMNS 50

void cli_progress_start(cli_progress *progress, cli_progress_style style)
{
    progress->style = style;
    progress->started_ns = cli_clock_ns();
    progress->drawn_ns = 0;
}

int cli_progress_is_due(const cli_progress *progress)
{
    uint64_t last = progress->drawn_ns != 0 ? progress->drawn_ns : progress->started_ns;
    return progress->style != CLI_PROGRESS_NONE && cli_clock_ns() - last >= REDRAW_NS;
}

void cli_progress_draw(cli_progress *progress, const cli_text *line)
{
    cli_text whole = {0};
    cli_text_add_string(&whole, "\r");
    cli_text_add_slice(&whole, cli_text_slice(line));
    cli_text_add_string(&whole, "\033[K");
    cli_file_write(STDERR_FILENO, cli_text_slice(&whole));
    cli_text_finish(&whole);
    progress->drawn_ns = cli_clock_ns();
}

void cli_progress_erase(cli_progress *progress)
{
    if (progress->drawn_ns != 0)
        cli_file_write(STDERR_FILENO, hh_slice_of("\r\033[K"));
    progress->drawn_ns = 0;
}

void cli_progress_add_duration(cli_text *out, uint64_t seconds)
{
    if (seconds >= 3600)
        cli_text_printf(out, "%llu:%02u:%02u", (unsigned long long)(seconds / 3600),
                        (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    else
        cli_text_printf(out, "%u:%02u", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
}

static void format_bar(uint64_t bytes, uint64_t total_bytes, cli_text *out)
{
    double share = total_bytes > 0 ? (double)bytes / (double)total_bytes : 1;
    unsigned filled = share >= 1 ? BAR_COLUMNS : (unsigned)(share * BAR_COLUMNS);
    for (unsigned i = 0; i < BAR_COLUMNS; i++)
        cli_text_add_char(out, i < filled ? '#' : ' ');
    cli_text_printf(out, " %5.1f%%", share >= 1 ? 100.0 : share * 100);
}

void cli_progress_format(cli_progress_style style, uint64_t bytes, uint64_t total_bytes,
                         uint64_t elapsed_ns, cli_text *out)
{
    double seconds = (double)elapsed_ns / 1e9;
    double speed = seconds > 0 ? (double)bytes / seconds : 0;
    int is_known = total_bytes != UINT64_MAX;
    if (style == CLI_PROGRESS_BAR && is_known) {
        format_bar(bytes, total_bytes, out);
        return;
    }
    if (is_known && total_bytes > 0)
        cli_text_printf(out, "%3.0f%%  ",
                        bytes >= total_bytes ? 100.0 : (double)bytes / (double)total_bytes * 100);
    cli_text_add_size(out, (double)bytes);
    if (is_known) {
        cli_text_add_string(out, " of ");
        cli_text_add_size(out, (double)total_bytes);
    }
    cli_text_add_string(out, "  ");
    cli_text_add_size(out, speed);
    cli_text_add_string(out, "/s  ");
    if (is_known && speed > 0 && total_bytes > bytes) {
        double left = (double)(total_bytes - bytes) / speed;
        cli_progress_add_duration(out, left < 3.6e6 ? (uint64_t)left : 3600000);
        cli_text_add_string(out, " left");
    } else {
        cli_progress_add_duration(out, elapsed_ns / 1000000000u);
    }
}
