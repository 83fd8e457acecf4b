/*
 * test_remote_name.c - names from URLs never lead out of their directory.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hash.h"
#include "remote_name.h"

static void check_remote(const char *path, const char *wanted)
{
    cli_text out = {0};
    hh_status status = cli_remote_name(hh_slice_of(path), &out);
    assert_int_equal(status, wanted != NULL ? HH_OK : HH_ERR_INVALID_ARGUMENT);
    if (wanted != NULL)
        assert_string_equal(cli_text_string(&out), wanted);
    cli_text_finish(&out);
}

static void names_files(void **state)
{
    (void)state;
    check_remote("/a/b/file.tar.gz", "file.tar.gz");
    check_remote("file", "file");
    check_remote("/a/%2e%2e%2fb", "%2e%2e%2fb");
    check_remote("/a/..", "__");
    check_remote("/a/.", "_");
    check_remote("/a/.x", ".x");
    check_remote("/a\\..\\b", "b");
    check_remote("/a/b\n\x1b[0m", "b__[0m");
    check_remote("/a/ b ", "_b_");
    check_remote("/", NULL);
    check_remote("", NULL);
    check_remote("/a/", NULL);
    char longest[1002] = "/";
    memset(longest + 1, 'x', 1000);
    cli_text out = {0};
    assert_int_equal(cli_remote_name(hh_slice_of(longest), &out), HH_OK);
    assert_int_equal(out.length, CLI_NAME_MAX_BYTES);
    cli_text_finish(&out);
}

static void check_component(const char *segment, size_t length, const char *wanted)
{
    cli_text out = {0};
    hh_slice slice = {segment, length};
    cli_safe_component(slice, &out);
    assert_string_equal(cli_text_string(&out), wanted);
    cli_text_finish(&out);
}

static void makes_components_safe(void **state)
{
    (void)state;
    check_component("", 0, "_");
    check_component(".", 1, "%2E");
    check_component("..", 2, "%2E%2E");
    check_component("...", 3, "...");
    check_component("a/b", 3, "a%2Fb");
    check_component("a\0b", 3, "a%00b");
    check_component("a b?c", 5, "a%20b%3Fc");
    check_component("\xC3\xA9", 2, "%C3%A9");
    check_component("x%20y", 5, "x%20y");
    check_component("con", 3, "%63on");
    check_component("NUL.txt", 7, "%4EUL.txt");
    check_component("com1", 4, "%63om1");
    check_component("com", 3, "com");
    check_component("console", 7, "console");
    check_component("[::1]", 5, "%5B%3A%3A1%5D");
}

static void cuts_long_components_apart(void **state)
{
    (void)state;
    char one[1000];
    char two[1000];
    memset(one, 'a', sizeof(one));
    memset(two, 'a', sizeof(two));
    two[999] = 'b';
    hh_slice first = {one, sizeof(one)};
    hh_slice second = {two, sizeof(two)};
    cli_text a = {0};
    cli_text b = {0};
    cli_safe_component(first, &a);
    cli_safe_component(second, &b);
    assert_int_equal(a.length, CLI_NAME_MAX_BYTES);
    assert_int_equal(strlen(cli_text_string(&a)), CLI_NAME_MAX_BYTES);
    assert_string_not_equal(cli_text_string(&a), cli_text_string(&b));
    cli_text_finish(&a);
    cli_text_finish(&b);
}

/* The reference implementation's 128-bit vectors for the inputs of 0, 1, 8 and 15 bytes. */
static void hashes_as_published(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        unsigned char digest[16];
    } vectors[] = {
        {0,
         {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
          0x93}},
        {1,
         {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
          0x45}},
    };
    char input[16];
    for (size_t i = 0; i < sizeof(input); i++)
        input[i] = (char)i;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        hh_slice slice = {input, vectors[i].length};
        cli_hash hash = cli_hash_of(slice);
        for (unsigned k = 0; k < 8; k++) {
            assert_int_equal(hash.low >> (8 * k) & 0xff, vectors[i].digest[k]);
            assert_int_equal(hash.high >> (8 * k) & 0xff, vectors[i].digest[8 + k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_files),
        cmocka_unit_test(makes_components_safe),
        cmocka_unit_test(cuts_long_components_apart),
        cmocka_unit_test(hashes_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
