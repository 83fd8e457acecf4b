/*
 * options.c - see options.h.
 */
#include "options.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#define SECONDS_MAX 31536000.0 /* a year: keeps milliseconds far from overflow */
#define HELP_COLUMNS 80
#define HELP_INDENT 30

hh_status cli_list_add(cli_list *list, int tag, const char *text)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        cli_list_entry *entries = realloc(list->entries, capacity * sizeof(*entries));
        if (entries == NULL)
            return HH_ERR_NO_MEMORY;
        list->entries = entries;
        list->capacity = capacity;
    }
    list->entries[list->count].tag = tag;
    list->entries[list->count].text = text;
    list->count++;
    return HH_OK;
}

void cli_list_finish(cli_list *list)
{
    free(list->entries);
    memset(list, 0, sizeof(*list));
}

hh_status cli_parse_count(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (*text == '\0')
        return HH_ERR_INVALID_ARGUMENT;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return HH_ERR_INVALID_ARGUMENT;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return HH_ERR_INVALID_ARGUMENT;
        value = value * 10 + digit;
    }
    *out = value;
    return HH_OK;
}

hh_status cli_parse_size(const char *text, uint64_t *out)
{
    static const char suffixes[] = "kmgt";
    char digits[32];
    size_t length = strlen(text);
    unsigned shift = 0;
    if (length == 0 || length >= sizeof(digits))
        return HH_ERR_INVALID_ARGUMENT;
    const char *suffix = strchr(suffixes, tolower((unsigned char)text[length - 1]));
    if (suffix != NULL) {
        shift = 10 * (unsigned)(suffix - suffixes + 1);
        length--;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    uint64_t value;
    if (cli_parse_count(digits, &value) != HH_OK || value > UINT64_MAX >> shift)
        return HH_ERR_INVALID_ARGUMENT;
    *out = value << shift;
    return HH_OK;
}

/* A plain decimal number: strtod alone would also take "inf", hexadecimal and leading blanks. */
static hh_status parse_decimal(const char *text, double *out)
{
    size_t length = strspn(text, "0123456789.");
    char *end;
    if (length == 0 || text[length] != '\0' || strpbrk(text, "0123456789") == NULL)
        return HH_ERR_INVALID_ARGUMENT;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return HH_ERR_INVALID_ARGUMENT;
    *out = value;
    return HH_OK;
}

hh_status cli_parse_seconds(const char *text, int64_t *out_ms)
{
    double seconds;
    if (parse_decimal(text, &seconds) != HH_OK || seconds > SECONDS_MAX)
        return HH_ERR_INVALID_ARGUMENT;
    /* Rounded up: a bound too small for a millisecond must not turn into "no bound". */
    *out_ms = (int64_t)ceil(seconds * 1000);
    return HH_OK;
}

hh_status cli_parse_rate(const char *text, double *out)
{
    double rate;
    if (parse_decimal(text, &rate) != HH_OK || rate <= 0 || rate > 1e9)
        return HH_ERR_INVALID_ARGUMENT;
    *out = rate;
    return HH_OK;
}

typedef struct row {
    const cli_option *option;
    char *target;
} row;

static row find_row(const cli_command_line *line, char letter, hh_slice name)
{
    row found = {NULL, NULL};
    for (size_t i = 0; i < line->set_count; i++) {
        const cli_option_set *set = &line->sets[i];
        for (size_t k = 0; k < set->count; k++) {
            const cli_option *option = &set->options[k];
            int matches = letter != 0 ? option->letter == letter
                                      : strlen(option->name) == name.length &&
                                            memcmp(option->name, name.data, name.length) == 0;
            if (matches) {
                found.option = option;
                found.target = set->target;
                return found;
            }
        }
    }
    return found;
}

static const char *wanted_value(cli_option_kind kind)
{
    switch (kind) {
    case CLI_OPTION_COUNT:
        return "a whole number";
    case CLI_OPTION_SIZE:
        return "a number of bytes";
    case CLI_OPTION_SECONDS:
        return "a number of seconds";
    case CLI_OPTION_RATE:
        return "a number above zero";
    case CLI_OPTION_FLAG:
    case CLI_OPTION_MARK:
    case CLI_OPTION_TEXT:
    case CLI_OPTION_SECRET:
    case CLI_OPTION_LIST:
        break;
    }
    return "a value";
}

void cli_secret_finish(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static hh_status store_secret(char **field, char *value)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return HH_ERR_NO_MEMORY;
    cli_secret_finish(*field);
    *field = copy;
    memset(value, ' ', strlen(value));
    return HH_OK;
}

static hh_status store(row at, char *value)
{
    void *field = at.target + at.option->offset;
    switch (at.option->kind) {
    case CLI_OPTION_FLAG:
        *(int *)field = at.option->tag;
        return HH_OK;
    case CLI_OPTION_MARK:
        return cli_list_add(field, at.option->tag, NULL);
    case CLI_OPTION_TEXT:
        *(const char **)field = value;
        return HH_OK;
    case CLI_OPTION_SECRET:
        return store_secret(field, value);
    case CLI_OPTION_LIST:
        return cli_list_add(field, at.option->tag, value);
    case CLI_OPTION_COUNT:
        return cli_parse_count(value, field);
    case CLI_OPTION_SIZE:
        return cli_parse_size(value, field);
    case CLI_OPTION_SECONDS:
        return cli_parse_seconds(value, field);
    case CLI_OPTION_RATE:
        return cli_parse_rate(value, field);
    }
    return HH_ERR_INVALID_ARGUMENT;
}

static hh_status apply(row at, const char *spelled, char *value, cli_text *problem)
{
    hh_status status = store(at, value);
    if (status == HH_ERR_INVALID_ARGUMENT)
        cli_text_printf(problem, "option %s wants %s, not '%s'", spelled,
                        wanted_value(at.option->kind), value);
    return status;
}

/* Where the parser stands in argv. */
typedef struct reader {
    const cli_command_line *line;
    int argc;
    char **argv;
    int next;
    cli_text *problem;
} reader;

static hh_status take_value(reader *in, const char *spelled, char **out)
{
    if (in->next >= in->argc) {
        cli_text_printf(in->problem, "option %s wants a value", spelled);
        return HH_ERR_INVALID_ARGUMENT;
    }
    *out = in->argv[in->next++];
    return HH_OK;
}

static hh_status read_long(reader *in, char *argument)
{
    char *equals = strchr(argument, '=');
    hh_slice name = {argument + 2,
                     equals != NULL ? (size_t)(equals - argument - 2) : strlen(argument + 2)};
    row at = find_row(in->line, 0, name);
    if (at.option == NULL) {
        cli_text_printf(in->problem, "option --%.*s is unknown", HH_SLICE_ARGS(name));
        return HH_ERR_INVALID_ARGUMENT;
    }
    char spelled[64];
    snprintf(spelled, sizeof(spelled), "--%s", at.option->name);
    if (at.option->placeholder == NULL) {
        if (equals != NULL) {
            cli_text_printf(in->problem, "option %s takes no value", spelled);
            return HH_ERR_INVALID_ARGUMENT;
        }
        return apply(at, spelled, NULL, in->problem);
    }
    char *value = equals != NULL ? equals + 1 : NULL;
    if (value == NULL) {
        hh_status status = take_value(in, spelled, &value);
        if (status != HH_OK)
            return status;
    }
    return apply(at, spelled, value, in->problem);
}

static hh_status read_short(reader *in, char *argument)
{
    for (char *letter = argument + 1; *letter != '\0'; letter++) {
        row at = find_row(in->line, *letter, hh_slice_of(NULL));
        char spelled[3] = {'-', *letter, '\0'};
        if (at.option == NULL) {
            cli_text_printf(in->problem, "option -%c is unknown", *letter);
            return HH_ERR_INVALID_ARGUMENT;
        }
        char *value = NULL;
        hh_status status = HH_OK;
        if (at.option->placeholder != NULL) {
            if (letter[1] != '\0')
                value = letter + 1;
            else
                status = take_value(in, spelled, &value);
        }
        if (status == HH_OK)
            status = apply(at, spelled, value, in->problem);
        if (status != HH_OK || value != NULL)
            return status;
    }
    return HH_OK;
}

hh_status cli_options_parse(const cli_command_line *line, int argc, char **argv, cli_text *problem)
{
    reader in = {line, argc, argv, 0, problem};
    int options_over = 0;
    while (in.next < argc) {
        char *argument = argv[in.next++];
        hh_status status;
        if (options_over || argument[0] != '-' || argument[1] == '\0')
            status = cli_list_add(line->operands, line->operand_tag, argument);
        else if (strcmp(argument, "--") == 0) {
            options_over = 1;
            continue;
        } else if (argument[1] == '-')
            status = read_long(&in, argument);
        else
            status = read_short(&in, argument);
        if (status != HH_OK)
            return status;
    }
    return HH_OK;
}

/* Prints `help` from column HELP_INDENT on, broken at blanks. */
static void print_wrapped(FILE *out, const char *help)
{
    const size_t width = HELP_COLUMNS - HELP_INDENT - 1;
    while (strlen(help) > width) {
        size_t cut = width;
        while (cut > 0 && help[cut] != ' ')
            cut--;
        if (cut == 0)
            cut = width;
        fprintf(out, "%.*s\n%*s", (int)cut, help, HELP_INDENT, "");
        help += cut + (help[cut] == ' ');
    }
    fprintf(out, "%s\n", help);
}

void cli_options_print_help(FILE *out, const cli_option_set *sets, size_t set_count)
{
    for (size_t i = 0; i < set_count; i++) {
        fprintf(out, "\n%s\n", sets[i].title);
        for (size_t k = 0; k < sets[i].count; k++) {
            const cli_option *option = &sets[i].options[k];
            if (option->help == NULL)
                continue;
            char spelled[80];
            char letter[] = {'-', option->letter, ',', ' ', '\0'};
            int length = snprintf(spelled, sizeof(spelled), "  %s--%s%s%s",
                                  option->letter != 0 ? letter : "    ", option->name,
                                  option->placeholder != NULL ? " " : "",
                                  option->placeholder != NULL ? option->placeholder : "");
            if (length < HELP_INDENT - 1)
                fprintf(out, "%-*s", HELP_INDENT, spelled);
            else
                fprintf(out, "%s\n%*s", spelled, HELP_INDENT, "");
            print_wrapped(out, option->help);
        }
    }
}
