/*
 * test_lines.c - lines from files and pipes, whole and byte by byte, in bounded memory.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lines.h"

static int make_file(const char *data, size_t length)
{
    char name[] = "/tmp/hyperhttp-lines-XXXXXX";
    int descriptor = mkstemp(name);
    assert_true(descriptor >= 0);
    unlink(name);
    assert_int_equal(write(descriptor, data, length), (ssize_t)length);
    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    return descriptor;
}

static void expect_line(cli_lines *lines, const char *wanted, uint64_t number)
{
    hh_slice line;
    assert_int_equal(cli_lines_next(lines, &line), CLI_LINES_LINE);
    assert_int_equal(line.length, strlen(wanted));
    assert_memory_equal(line.data, wanted, line.length);
    assert_int_equal(lines->number, number);
}

static const char sample[] = "one\n\ntwo\r\nthree";

static void reads_a_file(void **state)
{
    (void)state;
    cli_lines lines;
    hh_slice line;
    int file = make_file(sample, sizeof(sample) - 1);
    cli_lines_init(&lines, file);
    expect_line(&lines, "one", 1);
    assert_int_equal(lines.consumed, 4);
    expect_line(&lines, "", 2);
    expect_line(&lines, "two\r", 3);
    assert_false(lines.is_unterminated);
    expect_line(&lines, "three", 4);
    assert_true(lines.is_unterminated);
    assert_int_equal(lines.consumed, sizeof(sample) - 1);
    assert_int_equal(cli_lines_next(&lines, &line), CLI_LINES_END);
    assert_int_equal(cli_lines_next(&lines, &line), CLI_LINES_END);
    cli_lines_finish(&lines);
    close(file);
}

static void reads_a_pipe_byte_by_byte(void **state)
{
    (void)state;
    cli_lines lines;
    hh_slice line;
    int ends[2];
    char got[64] = "";
    assert_int_equal(pipe(ends), 0);
    cli_lines_init(&lines, ends[0]);
    for (size_t i = 0; i < sizeof(sample) - 1; i++) {
        assert_int_equal(cli_lines_next(&lines, &line), CLI_LINES_WAIT);
        assert_int_equal(write(ends[1], sample + i, 1), 1);
        if (sample[i] == '\n') {
            assert_int_equal(cli_lines_next(&lines, &line), CLI_LINES_LINE);
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "[%.*s]", HH_SLICE_ARGS(line));
        }
    }
    close(ends[1]);
    assert_int_equal(cli_lines_next(&lines, &line), CLI_LINES_LINE);
    assert_int_equal(line.length, 5);
    assert_int_equal(cli_lines_next(&lines, &line), CLI_LINES_END);
    assert_string_equal(got, "[one][][two\r]");
    cli_lines_finish(&lines);
    close(ends[0]);
}

static void skips_lines_too_long(void **state)
{
    (void)state;
    const size_t longest = CLI_LINE_MAX_BYTES;
    char *data = malloc(2 * longest + 100);
    assert_non_null(data);
    size_t length = 0;
    memset(data, 'x', longest);
    length = longest;
    data[length++] = '\n'; /* just short enough */
    memset(data + length, 'y', longest + 1);
    length += longest + 1;
    memcpy(data + length, "\nafter\n", 7);
    length += 7;
    int file = make_file(data, length);
    free(data);
    cli_lines lines;
    hh_slice line;
    cli_lines_init(&lines, file);
    assert_int_equal(cli_lines_next(&lines, &line), CLI_LINES_LINE);
    assert_int_equal(line.length, longest);
    assert_int_equal(cli_lines_next(&lines, &line), CLI_LINES_TOO_LONG);
    assert_true(line.length < 1000);
    assert_int_equal(lines.number, 2);
    expect_line(&lines, "after", 3);
    assert_int_equal(lines.consumed, length);
    assert_int_equal(cli_lines_next(&lines, &line), CLI_LINES_END);
    assert_true(lines.capacity <= 4 * longest);
    cli_lines_finish(&lines);
    close(file);
}

static void tells_read_errors(void **state)
{
    (void)state;
    cli_lines lines;
    hh_slice line;
    int directory = open("/tmp", O_RDONLY);
    cli_lines_init(&lines, directory);
    assert_int_equal(cli_lines_next(&lines, &line), CLI_LINES_ERROR);
    assert_int_not_equal(lines.os_error, 0);
    cli_lines_finish(&lines);
    close(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file),
        cmocka_unit_test(reads_a_pipe_byte_by_byte),
        cmocka_unit_test(skips_lines_too_long),
        cmocka_unit_test(tells_read_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
