/*
 * test_batch_paths.c - names on disk: safe, apart, and the same each time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "batch_paths.h"

static batch_paths paths;

static int setup(void **state)
{
    (void)state;
    return batch_paths_init(&paths) == HH_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    batch_paths_finish(&paths);
    return 0;
}

static void check(const char *host, const char *path, const char *query, uint64_t index,
                  const char *wanted)
{
    cli_text out = {0};
    batch_url_parts parts = {hh_slice_of(host), hh_slice_of(path), hh_slice_of(query)};
    assert_int_equal(batch_paths_assign_parts(&paths, &parts, index, &out), HH_OK);
    assert_string_equal(cli_text_string(&out), wanted);
    cli_text_finish(&out);
}

static void mirrors_the_path(void **state)
{
    (void)state;
    check("h", "/", "", 1, "h/index");
    check("h", "/a/b.html", "", 2, "h/a/b.html");
    check("h", "/a/", "", 3, "h/a/index");
    check("h_8080", "/a", "q=1&r=2", 4, "h_8080/a@q=1%26r=2");
    check("h", "/", "q", 5, "h/index@q");
    check("h", "/d//e", "", 6, "h/d/_/e");
}

static void never_leaves(void **state)
{
    (void)state;
    check("h", "/../../etc/passwd", "", 1, "h/%2E%2E/%2E%2E/etc/passwd");
    check("..", "/x", "", 2, "_../x");
    check(".hyperhttp-batch.jsonl", "/x", "", 3, "_.hyperhttp-batch.jsonl/x");
    check("i", "/..", "", 4, "i/%2E%2E");
    check("h", "/a\\b", "../../x", 5, "h/a%5Cb@..%2F..%2Fx");
    check("", "", "", 6, "_/index");
}

static void tells_repeats_apart(void **state)
{
    (void)state;
    check("h", "/a", "", 1, "h/a");
    check("h", "/a", "", 2, "h/a~2");
    check("h", "/a", "", 77, "h/a~77");
    check("h", "/a~78", "", 3, "h/a~78");
    check("h", "/a", "", 78, "h/a~78~78");
}

static void tells_files_and_directories_apart(void **state)
{
    (void)state;
    check("h", "/a", "", 1, "h/a");
    check("h", "/a/b", "", 2, "h/a~d/b");
    check("h", "/a/c", "", 3, "h/a~d/c");
    check("h", "/x/y", "", 4, "h/x/y");
    check("h", "/x", "", 5, "h/x~5");
    check("h", "/x/z", "", 6, "h/x/z");
}

static void bounds_depth_and_length(void **state)
{
    (void)state;
    cli_text path = {0};
    cli_text out = {0};
    for (int i = 0; i < 5000; i++)
        cli_text_add_string(&path, "/d");
    batch_url_parts parts = {hh_slice_of("h"), cli_text_slice(&path), hh_slice_of("")};
    assert_int_equal(batch_paths_assign_parts(&paths, &parts, 1, &out), HH_OK);
    size_t slashes = 0;
    size_t longest = 0;
    size_t here = 0;
    for (const char *at = cli_text_string(&out); *at != '\0'; at++) {
        slashes += *at == '/';
        here = *at == '/' ? 0 : here + 1;
        longest = here > longest ? here : longest;
    }
    assert_in_range(slashes, 30, 40);
    assert_true(longest <= 255);
    cli_text_finish(&path);
    cli_text_finish(&out);
}

static void seldom_errs_on_the_safe_side(void **state)
{
    (void)state;
    char path[32];
    char wanted[32];
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(path, sizeof(path), "/f%u", i);
        snprintf(wanted, sizeof(wanted), "h/f%u", i);
        check("h", path, "", i, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mirrors_the_path, setup, teardown),
        cmocka_unit_test_setup_teardown(never_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_repeats_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_files_and_directories_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_depth_and_length, setup, teardown),
        cmocka_unit_test_setup_teardown(seldom_errs_on_the_safe_side, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
