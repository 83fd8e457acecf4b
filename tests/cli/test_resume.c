/*
 * test_resume.c - what a former run finished, from whole and torn files.
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
#include <sys/stat.h>
#include <unistd.h>

#include "batch_item.h"
#include "resume.h"
#include "scratch.h"

static cli_hash key_of_url(const char *url)
{
    return batch_key_of_url(hh_slice_of(url));
}

static cli_hash key_of_line(const char *line)
{
    batch_item *item;
    cli_text problem = {0};
    assert_int_equal(batch_item_parse(hh_slice_of(line), &item, &problem), HH_OK);
    cli_hash key = batch_item_key(item);
    batch_item_destroy(item);
    cli_text_finish(&problem);
    return key;
}

static void holds_many(void **state)
{
    (void)state;
    cli_resume resume = {0};
    char url[64];
    assert_false(cli_resume_has(&resume, key_of_url("x")));
    for (int i = 0; i < 50000; i++) {
        snprintf(url, sizeof(url), "http://h/%d", i);
        assert_int_equal(cli_resume_add(&resume, key_of_url(url)), HH_OK);
        assert_int_equal(cli_resume_add(&resume, key_of_url(url)), HH_OK);
    }
    assert_int_equal(resume.count, 50000);
    assert_true(resume.capacity * sizeof(cli_hash) <= 50000 * 48);
    for (int i = 0; i < 100000; i++) {
        snprintf(url, sizeof(url), "http://h/%d", i);
        assert_int_equal(cli_resume_has(&resume, key_of_url(url)), i < 50000);
    }
    cli_hash zero = {0, 0};
    assert_false(cli_resume_has(&resume, zero));
    assert_int_equal(cli_resume_add(&resume, zero), HH_OK);
    assert_true(cli_resume_has(&resume, zero));
    cli_resume_finish(&resume);
}

static void read_file(scratch *at, const char *content, cli_resume *resume)
{
    cli_text problem = {0};
    scratch_write(at, "r", content);
    int file = open(scratch_path(at, "r"), O_RDWR | O_APPEND);
    assert_true(file >= 0);
    assert_int_equal(cli_resume_read(resume, file, "r", &problem), HH_OK);
    close(file);
    cli_text_finish(&problem);
}

static void reads_results(void **state)
{
    (void)state;
    scratch at;
    cli_resume resume = {0};
    cli_text content = {0};
    cli_hash post = key_of_line("{\"url\":\"http://h/p\",\"method\":\"POST\",\"body\":\"1\"}");
    scratch_init(&at);
    cli_text_add_string(&content,
                        "{\"id\":null,\"url\":\"http://h/ok\",\"error\":null}\n"
                        "{\"id\":null,\"url\":\"http://h/bad\",\"error\":{\"class\":\"dns\"}}\n"
                        "{\"id\":\"a b\",\"url\":\"http://h/id\",\"error\":null}\n"
                        "{\"id\":7,\"url\":\"http://h/seven\",\"error\":null}\n"
                        "\n"
                        "not json\n"
                        "[1]\n"
                        "{\"url\":\"http://h/unended\"}\n"
                        "{\"id\":null,\"url\":\"http://h/p\",\"key\":\"");
    cli_key_add(&content, post);
    cli_text_add_string(&content, "\",\"error\":null}\n"
                                  "{\"id\":null,\"url\":\"http://h/torn\",\"error\":nu");
    read_file(&at, cli_text_string(&content), &resume);
    assert_int_equal(resume.count, 4);
    assert_true(cli_resume_has(&resume, key_of_url("http://h/ok")));
    assert_false(cli_resume_has(&resume, key_of_url("http://h/bad")));
    assert_false(cli_resume_has(&resume, key_of_url("http://h/torn")));
    assert_false(cli_resume_has(&resume, key_of_url("http://h/unended")));
    assert_false(cli_resume_has(&resume, key_of_url("http://h/p")));
    assert_true(cli_resume_has(&resume, post));
    assert_true(cli_resume_has(&resume, key_of_line("{\"id\":\"a b\",\"url\":\"http://other/\"}")));
    assert_true(cli_resume_has(&resume, key_of_line("{\"id\":7,\"url\":\"http://other/\"}")));
    assert_false(cli_resume_has(&resume, key_of_line("{\"id\":\"7\",\"url\":\"http://h/seven\"}")));
    /* The torn line is gone from the file; what was whole is still there. */
    char *left = scratch_read(&at, "r");
    assert_null(strstr(left, "torn"));
    assert_int_equal(left[strlen(left) - 1], '\n');
    assert_non_null(strstr(left, "http://h/p"));
    free(left);
    cli_text_finish(&content);
    cli_resume_finish(&resume);
    scratch_finish(&at);
}

static void reads_edges(void **state)
{
    (void)state;
    scratch at;
    cli_resume resume = {0};
    scratch_init(&at);
    read_file(&at, "", &resume);
    read_file(&at, "{\"id\":null,\"url\":\"http://h/only\",\"error\":null}", &resume);
    assert_int_equal(resume.count, 0);
    char *left = scratch_read(&at, "r");
    assert_string_equal(left, "");
    free(left);
    cli_resume_finish(&resume);
    scratch_finish(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_many),
        cmocka_unit_test(reads_results),
        cmocka_unit_test(reads_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
