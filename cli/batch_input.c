/*
 * batch_input.c - see batch_input.h.
 */
#include "batch_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

hh_status batch_input_open(batch_input *input, const batch_options *options, cli_text *problem)
{
    int descriptor = -1;
    memset(input, 0, sizeof(*input));
    input->urls = &options->urls;
    input->path = options->input;
    input->is_first_line = 1;
    cli_lines_init(&input->lines, -1);
    if (options->input == NULL)
        return HH_OK;
    if (strcmp(options->input, "-") == 0) {
        input->path = "standard input";
        descriptor = STDIN_FILENO;
    } else {
        descriptor = open(options->input, O_RDONLY | O_CLOEXEC);
    }
    struct stat file;
    if (descriptor > STDIN_FILENO && fstat(descriptor, &file) == 0 && S_ISDIR(file.st_mode)) {
        close(descriptor);
        descriptor = -1;
        errno = EISDIR;
    }
    if (descriptor < 0) {
        cli_text_printf(problem, "can't open '%s': %s", options->input, strerror(errno));
        return HH_ERR_FILE;
    }
    cli_lines_init(&input->lines, descriptor);
    return HH_OK;
}

void batch_input_finish(batch_input *input)
{
    if (input->lines.descriptor > STDIN_FILENO)
        close(input->lines.descriptor);
    cli_lines_finish(&input->lines);
}

int batch_input_descriptor(const batch_input *input)
{
    return input->lines.descriptor;
}

static batch_input_result make(batch_input *input, hh_slice text, uint64_t line, batch_item **out,
                               cli_text *problem)
{
    hh_status status = batch_item_parse(text, out, problem);
    if (status == HH_ERR_NO_MEMORY) {
        cli_text_add_string(problem, "out of memory");
        return BATCH_INPUT_ERROR;
    }
    (*out)->index = ++input->index;
    (*out)->line = line;
    return status == HH_OK ? BATCH_INPUT_ITEM : BATCH_INPUT_INVALID;
}

static batch_input_result make_too_long(batch_input *input, batch_item **out, cli_text *problem)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL) {
        cli_text_add_string(problem, "out of memory");
        return BATCH_INPUT_ERROR;
    }
    (*out)->index = ++input->index;
    (*out)->line = input->lines.number;
    cli_text_printf(problem, "the line is longer than %u bytes", CLI_LINE_MAX_BYTES);
    return BATCH_INPUT_INVALID;
}

/* Some editors put a byte order mark before the first line. */
static hh_slice without_mark(batch_input *input, hh_slice line)
{
    static const char mark[] = "\xEF\xBB\xBF";
    if (input->is_first_line && line.length >= 3 && memcmp(line.data, mark, 3) == 0) {
        line.data += 3;
        line.length -= 3;
    }
    input->is_first_line = 0;
    return line;
}

batch_input_result batch_input_next(batch_input *input, batch_item **out, cli_text *problem)
{
    if (input->next_url < input->urls->count) {
        const char *text = input->urls->entries[input->next_url++].text;
        return make(input, hh_slice_of(text), 0, out, problem);
    }
    if (input->lines.descriptor < 0)
        return BATCH_INPUT_END;
    for (;;) {
        hh_slice line = {NULL, 0};
        switch (cli_lines_next(&input->lines, &line)) {
        case CLI_LINES_LINE:
            line = without_mark(input, line);
            if (!batch_line_is_blank(line))
                return make(input, line, input->lines.number, out, problem);
            break;
        case CLI_LINES_TOO_LONG:
            input->is_first_line = 0;
            return make_too_long(input, out, problem);
        case CLI_LINES_WAIT:
            return BATCH_INPUT_WAIT;
        case CLI_LINES_END:
            return BATCH_INPUT_END;
        case CLI_LINES_ERROR:
            cli_text_printf(problem, "can't read '%s': %s", input->path,
                            strerror(input->lines.os_error));
            return BATCH_INPUT_ERROR;
        }
    }
}
