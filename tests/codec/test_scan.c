/*
 * test_scan.c - every scanner this CPU runs, against the definition written out, at each alignment
 * and length, with a page behind the bytes that can't be read.
 */
#include "codec/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/ascii.h"

#define LENGTH_MAX 100
#define ALIGNMENTS 64

typedef struct guarded {
    char *map;
    size_t page;
    char *end; /* what lies from here on can't be read */
} guarded;

static void guarded_open(guarded *memory)
{
    memory->page = (size_t)sysconf(_SC_PAGESIZE);
    memory->map =
        mmap(NULL, 3 * memory->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory->map != MAP_FAILED);
    assert_int_equal(mprotect(memory->map, memory->page, PROT_NONE), 0);
    assert_int_equal(mprotect(memory->map + 2 * memory->page, memory->page, PROT_NONE), 0);
    memory->end = memory->map + 2 * memory->page;
}

static void guarded_close(guarded *memory)
{
    munmap(memory->map, 3 * memory->page);
}

static bool is_value_byte(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

static bool is_line_byte(char c)
{
    return c != '\r' && c != '\n';
}

static const char *expected_end(const char *data, const char *end, bool (*belongs)(char c))
{
    while (data != end && belongs(*data)) {
        data++;
    }
    return data;
}

static void check(const hh_scanner *scan, const char *data, const char *end)
{
    const char *name = expected_end(data, end, hh__is_tchar);
    const char *value = expected_end(data, end, is_value_byte);
    const char *line = expected_end(data, end, is_line_byte);
    if (scan->name_end(data, end) != name || scan->value_end(data, end) != value ||
        scan->line_end(data, end) != line) {
        fail_msg("%s: length %td, name %td not %td, value %td not %td, line %td not %td",
                 scan->label, end - data, scan->name_end(data, end) - data, name - data,
                 scan->value_end(data, end) - data, value - data, scan->line_end(data, end) - data,
                 line - data);
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Each byte value at each place, among bytes that stop nothing, the buffer against the page that
 * can't be read. */
static void test_each_byte_at_each_place(void **state)
{
    (void)state;
    guarded memory;
    guarded_open(&memory);
    const hh_scanner *scan;
    for (unsigned v = 0; (scan = hh__scanner_variant(v)) != NULL; v++) {
        for (size_t length = 0; length <= LENGTH_MAX; length++) {
            char *data = memory.end - length;
            memset(data, 'a', length);
            check(scan, data, memory.end);
            for (size_t place = 0; place < length; place++) {
                for (unsigned byte = 0; byte < 256; byte++) {
                    data[place] = (char)byte;
                    check(scan, data, memory.end);
                }
                data[place] = 'a';
            }
        }
    }
    guarded_close(&memory);
}

/* What stops a scan stands right behind the end, at every alignment: it must not be seen. */
static void test_each_alignment(void **state)
{
    (void)state;
    static const char fillers[] = {'x', '-', '_', '~', '0'};
    guarded memory;
    guarded_open(&memory);
    const hh_scanner *scan;
    for (unsigned v = 0; (scan = hh__scanner_variant(v)) != NULL; v++) {
        for (size_t offset = 0; offset < ALIGNMENTS; offset++) {
            for (size_t length = 0; length <= LENGTH_MAX; length++) {
                char *data = memory.map + memory.page + offset;
                memset(data - offset, '\r', ALIGNMENTS + 2 * LENGTH_MAX);
                memset(data, fillers[(offset + length) % sizeof(fillers)], length);
                check(scan, data, data + length);
                check(scan, data, data + length + 1);
                data[length] = '\n';
                check(scan, data, data + length + LENGTH_MAX / 2);
            }
        }
    }
    guarded_close(&memory);
}

static void test_random_bytes(void **state)
{
    (void)state;
    static const char likely[] = "aZ9-_: \t\r\n\x7f\x80\xff!~,";
    guarded memory;
    guarded_open(&memory);
    const hh_scanner *scan;
    uint32_t seed = 1;
    for (int round = 0; round < 4000; round++) {
        size_t length = next_random(&seed) % (LENGTH_MAX + 1);
        unsigned kind = next_random(&seed) % 4;
        char *data = memory.end - length;
        for (size_t i = 0; i < length; i++) {
            uint32_t r = next_random(&seed);
            bool is_odd = kind == 0 || r % (1u << (kind * 2)) == 0;
            data[i] = !is_odd ? 'b' : kind % 2 ? (char)(r >> 8) : likely[r / 64 % 16];
        }
        for (unsigned v = 0; (scan = hh__scanner_variant(v)) != NULL; v++) {
            for (size_t from = 0; from <= length; from++) {
                check(scan, data + from, memory.end);
            }
        }
    }
    guarded_close(&memory);
}

static void test_classes_are_the_definitions(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool is_name = hh__is_tchar((char)byte);
        bool is_capital = byte >= 'A' && byte <= 'Z';
        unsigned class_bits = (is_name ? HH__SCAN_NAME : 0u) |
                              (is_value_byte((char)byte) ? HH__SCAN_VALUE : 0u) |
                              (is_name && !is_capital ? HH__SCAN_LOWER : 0u);
        assert_int_equal(hh__scan_class[byte], class_bits);
    }
}

static void *choose(void *unused)
{
    (void)unused;
    return (void *)(uintptr_t)hh__scanner();
}

static void test_choice_is_the_first_variant_for_all_threads(void **state)
{
    (void)state;
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    atomic_store(&hh__scanner_chosen, NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, choose, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *chosen;
        assert_int_equal(pthread_join(threads[i], &chosen), 0);
        assert_ptr_equal(chosen, hh__scanner_variant(0));
    }
}

static void test_plain_is_always_there(void **state)
{
    (void)state;
    const hh_scanner *last = NULL;
    const hh_scanner *scan;
    for (unsigned v = 0; (scan = hh__scanner_variant(v)) != NULL; v++) {
        last = scan;
    }
    assert_non_null(last);
    assert_ptr_equal(last, &hh__scanner_plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_byte_at_each_place),
        cmocka_unit_test(test_each_alignment),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_classes_are_the_definitions),
        cmocka_unit_test(test_choice_is_the_first_variant_for_all_threads),
        cmocka_unit_test(test_plain_is_always_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
