/* Parsing and keeping of the hosts file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/memory.h"
#include "net/hosts_file.h"

#define SECOND 1000000000LL

static const char text[] = "# a comment\n"
                           "127.0.0.1 localhost\n"
                           "\t192.0.2.1\tOne.Example  alias # more\r\n"
                           "192.0.2.2 one.example two.example.\n"
                           "2001:db8::1 one.example\n"
                           "192.0.2.1 one.example\n"
                           "nonsense three.example\n"
                           "192.0.2.300 three.example\n"
                           "[2001:db8::2] three.example\n"
                           "192.0.2.9\n"
                           "192.0.2.4 .\n"
                           "192.0.2.5#four.example\n"
                           "192.0.2.6 last.example";

/* The addresses of `name`, joined by blanks. */
static const char *find(const hh_hosts *hosts, const char *name)
{
    static char joined[1024];
    hh_address found[HH_ADDRESSES_MAX];
    size_t count = hh__hosts_find(hosts, hh_slice_of(name), found, HH_COUNT_OF(found));
    joined[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        char one[HH_ADDRESS_TEXT_BYTES];
        hh__address_format(&found[i], one);
        strcat(joined, i != 0 ? " " : "");
        strcat(joined, one);
    }
    return joined;
}

static void test_names(void **state)
{
    (void)state;
    hh_hosts *hosts = NULL;
    assert_int_equal(hh__hosts_parse(hh_slice_of(text), &hosts), HH_OK);
    assert_string_equal(find(hosts, "one.example"), "192.0.2.1:0 192.0.2.2:0 [2001:db8::1]:0");
    assert_string_equal(find(hosts, "ONE.example"), "192.0.2.1:0 192.0.2.2:0 [2001:db8::1]:0");
    assert_string_equal(find(hosts, "alias"), "192.0.2.1:0");
    assert_string_equal(find(hosts, "two.example"), "192.0.2.2:0");
    assert_string_equal(find(hosts, "two.example."), "192.0.2.2:0");
    assert_string_equal(find(hosts, "last.example"), "192.0.2.6:0");
    assert_string_equal(find(hosts, "three.example"), "");
    assert_string_equal(find(hosts, "four.example"), "");
    assert_string_equal(find(hosts, "example"), "");
    assert_string_equal(find(hosts, "more"), "");
    assert_string_equal(find(hosts, ""), "");
    assert_string_equal(find(hosts, "."), "");
    hh__hosts_destroy(hosts);
}

static void test_capacity(void **state)
{
    (void)state;
    hh_hosts *hosts = NULL;
    hh_address found[2];
    assert_int_equal(hh__hosts_parse(hh_slice_of(text), &hosts), HH_OK);
    assert_int_equal(hh__hosts_find(hosts, hh_slice_of("one.example"), found, 2), 2);
    assert_int_equal(hh__hosts_find(hosts, hh_slice_of("one.example"), found, 0), 0);
    char longest[HH_HOST_MAX_BYTES + 2];
    memset(longest, 'a', sizeof(longest));
    hh_slice name = {longest, sizeof(longest)};
    assert_int_equal(hh__hosts_find(hosts, name, found, 2), 0);
    hh__hosts_destroy(hosts);
}

/* Each beginning of the text, in memory of its exact size. */
static void test_cut_texts(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        char *copy = hh__malloc(cut + 1);
        assert_non_null(copy);
        memcpy(copy, text, cut);
        hh_slice beginning = {copy, cut};
        hh_hosts *hosts = NULL;
        assert_int_equal(hh__hosts_parse(beginning, &hosts), HH_OK);
        assert_string_equal(find(hosts, "nowhere.example"), "");
        hh__hosts_destroy(hosts);
        hh__free(copy);
    }
}

static void test_many_names(void **state)
{
    (void)state;
    hh_bytes bytes;
    hh__bytes_init(&bytes, HH_HOSTS_FILE_MAX_BYTES);
    for (unsigned i = 0; i < 20000; i++) {
        char line[64];
        snprintf(line, sizeof(line), "10.0.%u.%u host-%u.example\n", i / 256 % 256, i % 256, i);
        hh__bytes_append_text(&bytes, line);
    }
    assert_int_equal(bytes.status, HH_OK);
    hh_hosts *hosts = NULL;
    assert_int_equal(hh__hosts_parse(hh__bytes_slice(&bytes), &hosts), HH_OK);
    assert_string_equal(find(hosts, "host-0.example"), "10.0.0.0:0");
    assert_string_equal(find(hosts, "host-19999.example"), "10.0.78.31:0");
    assert_string_equal(find(hosts, "host-20000.example"), "");
    hh__hosts_destroy(hosts);
    hh__bytes_finish(&bytes);
}

static void write_file(const char *path, const char *content, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static size_t count_in(hh_hosts_file *file, const char *name, int64_t now_ns)
{
    hh_address found[4];
    return hh__hosts_file_find(file, hh_slice_of(name), now_ns, found, 4);
}

static void test_file_is_read_again(void **state)
{
    (void)state;
    char directory[] = "/tmp/hh-hosts-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/hosts", directory);
    hh_hosts_file file = {.path = path};
    int64_t now = SECOND;
    assert_int_equal(count_in(&file, "a.example", now), 0); /* there is no file */
    write_file(path, "192.0.2.1 a.example\n", 20);
    assert_int_equal(count_in(&file, "a.example", now + SECOND / 2), 0); /* too soon to look */
    now += SECOND;
    assert_int_equal(count_in(&file, "a.example", now), 1);
    write_file(path, "192.0.2.1 bb.example\n", 21);
    now += SECOND;
    assert_int_equal(count_in(&file, "a.example", now), 0);
    assert_int_equal(count_in(&file, "bb.example", now), 1);
    unlink(path);
    assert_int_equal(count_in(&file, "bb.example", now), 1);
    now += SECOND;
    assert_int_equal(count_in(&file, "bb.example", now), 0);
    /* A pipe must not stop us. */
    assert_int_equal(mkfifo(path, 0600), 0);
    now += SECOND;
    assert_int_equal(count_in(&file, "bb.example", now), 0);
    hh__hosts_file_finish(&file);
    unlink(path);
    rmdir(directory);
}

/* The line that the limit cuts would be another name. */
static void test_file_is_cut_at_a_line(void **state)
{
    (void)state;
    char directory[] = "/tmp/hh-hosts-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/hosts", directory);
    size_t length = HH_HOSTS_FILE_MAX_BYTES + 64;
    char *content = malloc(length);
    assert_non_null(content);
    memset(content, '#', length);
    memcpy(content, "192.0.2.1 first.example\n", 24);
    memcpy(content + HH_HOSTS_FILE_MAX_BYTES - 17, "\n192.0.2.1 cut.ex.ample\n", 23);
    write_file(path, content, length);
    hh_hosts_file file = {.path = path};
    assert_int_equal(count_in(&file, "first.example", SECOND), 1);
    assert_int_equal(count_in(&file, "cut.ex", SECOND), 0);
    assert_int_equal(count_in(&file, "cut.ex.ample", SECOND), 0);
    hh__hosts_file_finish(&file);
    free(content);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_cut_texts),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_file_is_read_again),
        cmocka_unit_test(test_file_is_cut_at_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
