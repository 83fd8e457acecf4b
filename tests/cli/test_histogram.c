/*
 * test_histogram.c - percentiles against sorted values.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "histogram.h"

static int compare(const void *a, const void *b)
{
    uint64_t x;
    uint64_t y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

static void agrees_with_sorting(void **state)
{
    (void)state;
    static cli_histogram histogram;
    static uint64_t values[20000];
    const size_t count = sizeof(values) / sizeof(values[0]);
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < count; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        values[i] = seed >> (24 + seed % 40);
        cli_histogram_add(&histogram, values[i]);
    }
    qsort(values, count, sizeof(values[0]), compare);
    static const double percents[] = {1, 25, 50, 90, 95, 99, 99.9, 100};
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        size_t rank = (size_t)(percents[i] / 100 * (double)count + 0.999999);
        uint64_t exact = values[rank > 0 ? rank - 1 : 0];
        uint64_t told = cli_histogram_percentile(&histogram, percents[i]);
        assert_true(told >= exact);
        assert_true((double)(told - exact) <= (double)exact * 0.008);
    }
}

static void knows_edges(void **state)
{
    (void)state;
    static cli_histogram histogram;
    memset(&histogram, 0, sizeof(histogram));
    assert_int_equal(cli_histogram_percentile(&histogram, 50), 0);
    cli_histogram_add(&histogram, 0);
    assert_int_equal(cli_histogram_percentile(&histogram, 100), 0);
    cli_histogram_add(&histogram, 255);
    cli_histogram_add(&histogram, 256);
    cli_histogram_add(&histogram, 257);
    assert_int_equal(cli_histogram_percentile(&histogram, 50), 255);
    assert_int_equal(cli_histogram_percentile(&histogram, 75), 257);
    cli_histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram.total, 5);
    assert_true(cli_histogram_percentile(&histogram, 100) > 1000000000000u);
    cli_histogram_add(&histogram, ((uint64_t)1 << 40) - 1);
    assert_int_equal(histogram.total, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_sorting),
        cmocka_unit_test(knows_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
