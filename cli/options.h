/*
 * options.h - a command line read by table: one row an option, one table a group of the help.
 *
 * Spelling as curl has it: short options combine (-sS), take their value attached or next (-XPOST,
 * -X POST); long ones take it next, or after '='. Options and operands may mix; "--" ends options.
 * A bad line gives one sentence and changes nothing that matters: the caller prints it with the
 * usage line and exits with 2.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdio.h>

#include "text.h"

/* Texts with a tag each, in the order given. The texts are borrowed, mostly from argv. */
typedef struct cli_list_entry {
    int tag;
    const char *text;
} cli_list_entry;

typedef struct cli_list {
    cli_list_entry *entries;
    size_t count;
    size_t capacity;
} cli_list;

/* HH_ERR_NO_MEMORY leaves the list as it was. */
hh_status cli_list_add(cli_list *list, int tag, const char *text);
void cli_list_finish(cli_list *list);

typedef enum cli_option_kind {
    CLI_OPTION_FLAG,    /* int: becomes `tag` */
    CLI_OPTION_MARK,    /* cli_list: an entry with `tag` and no text */
    CLI_OPTION_TEXT,    /* const char *: the last one counts */
    CLI_OPTION_SECRET,  /* char *: a copy for cli_secret_finish; in argv it is blanked out */
    CLI_OPTION_LIST,    /* cli_list: each adds an entry with `tag` */
    CLI_OPTION_COUNT,   /* uint64_t: digits */
    CLI_OPTION_SIZE,    /* uint64_t: digits and k, M, G or T, powers of 1024 */
    CLI_OPTION_SECONDS, /* int64_t: milliseconds, from a decimal number of seconds */
    CLI_OPTION_RATE     /* double: above zero */
} cli_option_kind;

typedef struct cli_option {
    char letter;      /* 0: none */
    const char *name; /* without "--" */
    cli_option_kind kind;
    size_t offset; /* of its field in the set's target */
    int tag;
    const char *placeholder; /* NULL: takes no value */
    const char *help;        /* NULL: not shown */
} cli_option;

typedef struct cli_option_set {
    const char *title;
    const cli_option *options;
    size_t count;
    void *target;
} cli_option_set;

/* The two members for a table. */
#define CLI_OPTION_ROWS(table) table, sizeof(table) / sizeof(table[0])

typedef struct cli_command_line {
    const cli_option_set *sets;
    size_t set_count;
    cli_list *operands; /* what is no option, with operand_tag */
    int operand_tag;
} cli_command_line;

/* Reads argv[0..argc), and blanks out the secrets in it, which others could read in a list of
 * processes. HH_ERR_INVALID_ARGUMENT: `problem` says what is wrong, without newline;
 * HH_ERR_NO_MEMORY. */
hh_status cli_options_parse(const cli_command_line *line, int argc, char **argv, cli_text *problem);

/* The rows with help, grouped, in 80 columns. */
void cli_options_print_help(FILE *out, const cli_option_set *sets, size_t set_count);

/* Overwrites and frees what CLI_OPTION_SECRET copied; NULL is fine. */
void cli_secret_finish(char *secret);

/* The parsers of values, for tests and for lone values. HH_ERR_INVALID_ARGUMENT. */
hh_status cli_parse_count(const char *text, uint64_t *out);
hh_status cli_parse_size(const char *text, uint64_t *out);
hh_status cli_parse_seconds(const char *text, int64_t *out_ms);
hh_status cli_parse_rate(const char *text, double *out);

#endif
