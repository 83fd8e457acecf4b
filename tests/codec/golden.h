/*
 * golden.h - golden cases from files: an input with escapes, and the dump it must give.
 *
 *     # a comment
 *     == name of the case
 *     < HTTP/1.1 200 OK\r\n     input; \r \n \t \0 \\ \s (a space) \xNN; lines are joined as they
 * are
 *     * 9000 a                  input too: a text so many times
 *     > complete 200            one line of the expected dump
 *
 * The test gives a function that runs one case and compares; each file may hold many cases.
 */
#ifndef HH_TESTS_CODEC_GOLDEN_H
#define HH_TESTS_CODEC_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/bytes.h"

typedef struct golden_case {
    char name[128];
    hh_bytes input;
    hh_bytes expected;
} golden_case;

typedef void golden_run(const golden_case *golden);

static inline void golden_append(hh_bytes *input, const char *text)
{
    for (; *text != '\0'; text++) {
        char c = *text;
        if (c == '\\') {
            switch (*++text) {
            case 'r':
                c = '\r';
                break;
            case 'n':
                c = '\n';
                break;
            case 't':
                c = '\t';
                break;
            case 's':
                c = ' ';
                break;
            case '0':
                c = '\0';
                break;
            case 'x':
                c = (char)(hh__hex_value(text[1]) * 16 + hh__hex_value(text[2]));
                text += 2;
                break;
            default:
                c = *text;
                break;
            }
        }
        hh__bytes_append_char(input, c);
    }
}

static inline void golden_finish(golden_case *golden, golden_run *run, int *count)
{
    if (golden->name[0] != '\0') {
        run(golden);
        ++*count;
    }
    golden->name[0] = '\0';
    hh__bytes_clear(&golden->input);
    hh__bytes_clear(&golden->expected);
}

static inline void golden_line(golden_case *golden, const char *line)
{
    const char *text = line[0] != '\0' && line[1] == ' ' ? line + 2 : line + 1;
    if (line[0] == '<') {
        golden_append(&golden->input, text);
    } else if (line[0] == '*') {
        char *end;
        for (long count = strtol(text, &end, 10); count > 0; count--) {
            golden_append(&golden->input, end + 1);
        }
    } else if (line[0] == '>') {
        hh__bytes_append_text(&golden->expected, text);
        hh__bytes_append_char(&golden->expected, '\n');
    } else if (line[0] != '#' && line[0] != '\0') {
        fail_msg("case \"%s\": what is \"%s\"?", golden->name, line);
    }
}

/* Runs all cases of HH_GOLDEN_DIR/file; returns how many there were. */
static inline int golden_run_file(const char *file, golden_run *run)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", HH_GOLDEN_DIR, file);
    FILE *stream = fopen(path, "r");
    if (stream == NULL) {
        fail_msg("can't open %s", path);
    }
    golden_case golden = {.name = ""};
    hh__bytes_init(&golden.input, 1u << 20);
    hh__bytes_init(&golden.expected, 1u << 20);
    int count = 0;
    char line[4096];
    while (fgets(line, sizeof(line), stream) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "== ", 3) == 0) {
            golden_finish(&golden, run, &count);
            snprintf(golden.name, sizeof(golden.name), "%.120s", line + 3);
        } else {
            golden_line(&golden, line);
        }
    }
    golden_finish(&golden, run, &count);
    hh__bytes_finish(&golden.input);
    hh__bytes_finish(&golden.expected);
    fclose(stream);
    return count;
}

/* Appends text as a case file would write it. */
static inline void golden_dump(hh_bytes *out, hh_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c > '~' || c == '\\') {
            char escape[8];
            snprintf(escape, sizeof(escape), "\\x%02x", c);
            hh__bytes_append_text(out, escape);
        } else {
            hh__bytes_append_char(out, (char)c);
        }
    }
}

/* Fails with both dumps when they differ. */
static inline void golden_compare(const golden_case *golden, const char *way, hh_slice got)
{
    if (!hh__slice_equal(hh__bytes_slice(&golden->expected), got)) {
        fail_msg("case \"%s\", %s\nexpected:\n%.*sgot:\n%.*s", golden->name, way,
                 HH_SLICE_ARGS(hh__bytes_slice(&golden->expected)), HH_SLICE_ARGS(got));
    }
}

#endif
