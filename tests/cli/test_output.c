/*
 * test_output.c - files appear only when whole, and only where they belong.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch_directory.h"
#include "output.h"
#include "scratch.h"

static void expect(scratch *at, const char *name, const char *wanted)
{
    char *content = scratch_read(at, name);
    assert_string_equal(content, wanted);
    free(content);
}

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *listing = opendir(path);
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(listing);
    return count;
}

static void appears_only_when_committed(void **state)
{
    (void)state;
    scratch at;
    cli_output output;
    scratch_init(&at);
    scratch_write(&at, "x", "old");
    assert_int_equal(chmod(scratch_path(&at, "x"), 0640), 0);
    assert_int_equal(cli_output_open_path(&output, scratch_path(&at, "x")), HH_OK);
    assert_int_equal(cli_output_write(&output, hh_slice_of("half")), HH_OK);
    expect(&at, "x", "old");
    assert_int_equal(cli_output_rewind(&output), HH_OK);
    assert_int_equal(cli_output_write(&output, hh_slice_of("new")), HH_OK);
    assert_int_equal(cli_output_commit(&output), HH_OK);
    expect(&at, "x", "new");
    struct stat file;
    assert_int_equal(stat(scratch_path(&at, "x"), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0640);
    assert_int_equal(count_entries(at.path), 1);
    scratch_finish(&at);
}

static void leaves_nothing_when_discarded(void **state)
{
    (void)state;
    scratch at;
    cli_output output;
    scratch_init(&at);
    assert_int_equal(cli_output_open_path(&output, scratch_path(&at, "x")), HH_OK);
    assert_int_equal(cli_output_write(&output, hh_slice_of("half")), HH_OK);
    assert_int_equal(count_entries(at.path), 1);
    cli_output_discard(&output);
    cli_output_discard(&output);
    assert_int_equal(count_entries(at.path), 0);
    memset(&output, 0, sizeof(output));
    cli_output_discard(&output);
    assert_true(fcntl(0, F_GETFD) >= 0 || errno == EBADF);
    scratch_finish(&at);
}

static void writes_devices_directly(void **state)
{
    (void)state;
    cli_output output;
    assert_int_equal(cli_output_open_path(&output, "/dev/null"), HH_OK);
    assert_int_equal(output.kind, CLI_OUTPUT_DIRECT);
    assert_int_equal(cli_output_write(&output, hh_slice_of("x")), HH_OK);
    assert_int_equal(cli_output_rewind(&output), HH_ERR_STATE);
    assert_int_equal(cli_output_commit(&output), HH_OK);
    assert_int_equal(cli_output_open_path(&output, "/dev/full"), HH_OK);
    assert_int_equal(cli_output_write(&output, hh_slice_of("x")), HH_ERR_FILE);
    assert_int_equal(output.os_error, ENOSPC);
    cli_output_discard(&output);
}

static void keeps_links(void **state)
{
    (void)state;
    scratch at;
    cli_output output;
    struct stat file;
    scratch_init(&at);
    scratch_write(&at, "real", "old");
    assert_int_equal(symlink("real", scratch_path(&at, "link")), 0);
    assert_int_equal(cli_output_open_path(&output, scratch_path(&at, "link")), HH_OK);
    assert_int_equal(cli_output_write(&output, hh_slice_of("new")), HH_OK);
    assert_int_equal(cli_output_commit(&output), HH_OK);
    expect(&at, "real", "new");
    assert_int_equal(lstat(scratch_path(&at, "link"), &file), 0);
    assert_true(S_ISLNK(file.st_mode));
    scratch_finish(&at);
}

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    scratch at;
    cli_output output;
    cli_text problem = {0};
    scratch_init(&at);
    assert_int_equal(cli_output_open_path(&output, at.path), HH_ERR_FILE);
    assert_int_equal(output.os_error, EISDIR);
    assert_int_equal(cli_output_open_path(&output, scratch_path(&at, "no/x")), HH_ERR_FILE);
    assert_int_equal(output.os_error, ENOENT);
    assert_int_equal(cli_output_check_path(scratch_path(&at, "no/x"), &problem), HH_ERR_FILE);
    assert_non_null(strstr(cli_text_string(&problem), "no/x"));
    assert_int_equal(cli_output_check_path(at.path, &problem), HH_ERR_FILE);
    assert_int_equal(cli_output_make_parents(scratch_path(&at, "no/yes/x"), &problem), HH_OK);
    assert_int_equal(cli_output_check_path(scratch_path(&at, "no/yes/x"), &problem), HH_OK);
    assert_int_equal(cli_output_check_path("/dev/null", &problem), HH_OK);
    cli_text_finish(&problem);
    scratch_finish(&at);
}

static hh_status place(int directory, const char *path, int *os_error)
{
    cli_output output;
    assert_int_equal(cli_output_open_temporary(&output, directory), HH_OK);
    assert_int_equal(cli_output_write(&output, hh_slice_of("data")), HH_OK);
    hh_status status = batch_directory_place(directory, &output, path);
    *os_error = output.os_error;
    return status;
}

static void stays_inside_the_directory(void **state)
{
    (void)state;
    scratch at;
    int directory;
    int os_error;
    cli_text problem = {0};
    scratch_init(&at);
    char inside[128];
    snprintf(inside, sizeof(inside), "%s/made/out", at.path);
    assert_int_equal(batch_directory_open(inside, &directory, &problem), HH_OK);
    assert_int_equal(place(directory, "host/a/b", &os_error), HH_OK);
    assert_int_equal(place(directory, "host/a/c", &os_error), HH_OK);
    expect(&at, "made/out/host/a/b", "data");
    /* A link to outside isn't followed, whether as a directory or as the file. */
    assert_int_equal(mkdir(scratch_path(&at, "outside"), 0777), 0);
    assert_int_equal(symlink("../../outside", scratch_path(&at, "made/out/evil")), 0);
    assert_int_equal(place(directory, "evil/x", &os_error), HH_ERR_FILE);
    assert_true(os_error == ELOOP || os_error == ENOTDIR);
    expect(&at, "outside/x", "<none>");
    scratch_write(&at, "outside/target", "safe");
    assert_int_equal(symlink("../../../outside/target", scratch_path(&at, "made/out/host/l")), 0);
    assert_int_equal(place(directory, "host/l", &os_error), HH_OK);
    expect(&at, "outside/target", "safe");
    expect(&at, "made/out/host/l", "data");
    /* Directories in the way of a file, and the other way round. */
    assert_int_equal(place(directory, "host/a", &os_error), HH_ERR_FILE);
    assert_int_equal(place(directory, "host/a/b/c", &os_error), HH_ERR_FILE);
    assert_int_equal(count_entries(inside), 2);
    close(directory);
    scratch_finish(&at);
    cli_text_finish(&problem);
}

static void locks_and_sweeps_the_directory(void **state)
{
    (void)state;
    scratch at;
    int first;
    int second;
    cli_text problem = {0};
    scratch_init(&at);
    scratch_write(&at, ".hyperhttp-1-1.part", "left");
    scratch_write(&at, ".hyperhttp-batch.jsonl", "{}\n");
    scratch_write(&at, "keep.part", "kept");
    assert_int_equal(batch_directory_open(at.path, &first, &problem), HH_OK);
    assert_int_equal(count_entries(at.path), 2);
    assert_int_equal(batch_directory_open(at.path, &second, &problem), HH_ERR_FILE);
    assert_non_null(strstr(cli_text_string(&problem), "another run"));
    close(first);
    assert_int_equal(batch_directory_open(at.path, &second, &problem), HH_OK);
    close(second);
    cli_text_clear(&problem);
    assert_int_equal(batch_directory_open(scratch_path(&at, "keep.part"), &first, &problem),
                     HH_ERR_FILE);
    cli_text_finish(&problem);
    scratch_finish(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appears_only_when_committed),
        cmocka_unit_test(leaves_nothing_when_discarded),
        cmocka_unit_test(writes_devices_directly),
        cmocka_unit_test(keeps_links),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(stays_inside_the_directory),
        cmocka_unit_test(locks_and_sweeps_the_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
