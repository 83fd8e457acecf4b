/* Which "hosts" lines of nsswitch.conf the built-in resolver may stand in for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "net/nsswitch.h"

static const struct {
    const char *text;
    hh_nsswitch expected;
} cases[] = {
    {"", HH_NSSWITCH_FILES_DNS},
    {"passwd: files\n", HH_NSSWITCH_FILES_DNS},
    {"hosts: files dns\n", HH_NSSWITCH_FILES_DNS},
    {"hosts: files dns", HH_NSSWITCH_FILES_DNS},
    {"  HOSTS :\tFiles   DNS\r\n", HH_NSSWITCH_FILES_DNS},
    {"passwd: mdns\nhosts:files dns # mdns\n", HH_NSSWITCH_FILES_DNS},
    {"# hosts: mdns\nhosts: files dns\n", HH_NSSWITCH_FILES_DNS},
    {"hosts: files dns [!UNAVAIL=return]\n", HH_NSSWITCH_FILES_DNS},
    {"hosts: files [SUCCESS=return NOTFOUND=continue] dns\n", HH_NSSWITCH_FILES_DNS},
    {"hosts: files[notfound=continue tryagain=continue]dns\n", HH_NSSWITCH_FILES_DNS},
    {"hosts: mdns\nhosts: files dns\n", HH_NSSWITCH_FILES_DNS},
    {"hosts: files dns\nhosts: files mdns dns\n", HH_NSSWITCH_OTHER},
    {"hosts: files [NOTFOUND=return] dns\n", HH_NSSWITCH_OTHER},
    {"hosts: files [!UNAVAIL=return] dns\n", HH_NSSWITCH_OTHER},
    {"hosts: files [SUCCESS=merge] dns\n", HH_NSSWITCH_OTHER},
    {"hosts: files [SUCCESS=continue] dns\n", HH_NSSWITCH_OTHER},
    {"hosts: files [NOTFOUND=continue dns\n", HH_NSSWITCH_OTHER},
    {"hosts: files [] dns\n", HH_NSSWITCH_FILES_DNS},
    {"hosts: files [x] dns\n", HH_NSSWITCH_OTHER},
    {"hosts: [NOTFOUND=continue] files dns\n", HH_NSSWITCH_OTHER},
    {"hosts: files mdns4_minimal [NOTFOUND=return] dns\n", HH_NSSWITCH_OTHER},
    {"hosts: files dns myhostname\n", HH_NSSWITCH_OTHER},
    {"hosts: dns files\n", HH_NSSWITCH_OTHER},
    {"hosts: files\n", HH_NSSWITCH_OTHER},
    {"hosts: dns\n", HH_NSSWITCH_OTHER},
    {"hosts:\n", HH_NSSWITCH_OTHER},
    {"hosts: files files dns\n", HH_NSSWITCH_OTHER},
    {"hosts: files dns dns\n", HH_NSSWITCH_OTHER},
    {"hosts: resolve [!UNAVAIL=return] files dns\n", HH_NSSWITCH_OTHER},
    {"hosts files dns\n", HH_NSSWITCH_FILES_DNS},
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        if (hh__nsswitch_parse(hh_slice_of(cases[i].text)) != cases[i].expected)
            fail_msg("wrong answer for: %s", cases[i].text);
    }
}

/* Every beginning of every text, in memory of its exact size: ASan sees a read past the end. */
static void test_cut_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < HH_COUNT_OF(cases); i++) {
        size_t length = strlen(cases[i].text);
        for (size_t cut = 1; cut < length; cut++) {
            char *copy = hh__malloc(cut);
            assert_non_null(copy);
            memcpy(copy, cases[i].text, cut);
            hh_slice text = {copy, cut};
            hh_nsswitch answer = hh__nsswitch_parse(text);
            assert_true(answer == HH_NSSWITCH_FILES_DNS || answer == HH_NSSWITCH_OTHER);
            hh__free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_cut_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
