/*
 * body.c - see body.h.
 */
#include "body.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define STREAM_FROM_BYTES (1u << 20)

void cli_body_init(cli_body *body)
{
    memset(body, 0, sizeof(*body));
    body->descriptor = -1;
}

void cli_body_finish(cli_body *body)
{
    cli_text_finish(&body->bytes);
    if (body->descriptor >= 0)
        close(body->descriptor);
    body->descriptor = -1;
}

void cli_form_encode(cli_text *out, hh_slice in)
{
    for (size_t i = 0; i < in.length; i++) {
        unsigned char byte = (unsigned char)in.data[i];
        int is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
        if (is_letter || (byte >= '0' && byte <= '9') ||
            (byte != '\0' && strchr("-._~", byte) != NULL))
            cli_text_add_char(out, (char)byte);
        else if (byte == ' ')
            cli_text_add_char(out, '+');
        else
            cli_text_printf(out, "%%%02X", byte);
    }
}

static hh_status add_form_file(cli_text *out, const char *path, cli_text *problem)
{
    cli_text content = {0};
    hh_status status = cli_file_read(path, &content, problem);
    for (size_t i = 0; status == HH_OK && i < content.length; i++) {
        char byte = content.data[i];
        if (byte != '\r' && byte != '\n' && byte != '\0')
            cli_text_add_char(out, byte);
    }
    cli_text_finish(&content);
    return status;
}

static hh_status add_encoded(cli_text *out, const char *text, cli_text *problem)
{
    const char *mark = strchr(text, '=');
    if (mark == NULL)
        mark = strchr(text, '@');
    if (mark == NULL) {
        cli_form_encode(out, hh_slice_of(text));
        return HH_OK;
    }
    if (mark > text) {
        cli_text_add(out, text, (size_t)(mark - text));
        cli_text_add_char(out, '=');
    }
    if (*mark == '=') {
        cli_form_encode(out, hh_slice_of(mark + 1));
        return HH_OK;
    }
    cli_text content = {0};
    hh_status status = cli_file_read(mark + 1, &content, problem);
    cli_form_encode(out, cli_text_slice(&content));
    cli_text_finish(&content);
    return status;
}

static hh_status add_piece(cli_body *body, const cli_list_entry *piece, cli_text *problem)
{
    int is_file = piece->text[0] == '@';
    switch ((cli_data_kind)piece->tag) {
    case CLI_DATA_FORM:
        if (is_file)
            return add_form_file(&body->bytes, piece->text + 1, problem);
        break;
    case CLI_DATA_RAW:
        break;
    case CLI_DATA_URLENCODE:
        return add_encoded(&body->bytes, piece->text, problem);
    case CLI_DATA_BINARY:
    case CLI_DATA_JSON:
        if (is_file)
            return cli_file_read(piece->text + 1, &body->bytes, problem);
        break;
    }
    cli_text_add_string(&body->bytes, piece->text);
    return HH_OK;
}

/* Opens a lone large regular file for streaming; leaves the body alone where it is no such thing.
 */
static void try_stream(cli_body *body, const cli_list *pieces)
{
    const char *text = pieces->entries[0].text;
    if (pieces->count != 1 || pieces->entries[0].tag != CLI_DATA_BINARY || text[0] != '@' ||
        strcmp(text, "@-") == 0)
        return;
    int descriptor = open(text + 1, O_RDONLY | O_CLOEXEC);
    struct stat file;
    if (descriptor < 0)
        return;
    if (fstat(descriptor, &file) != 0 || !S_ISREG(file.st_mode) ||
        (uint64_t)file.st_size < STREAM_FROM_BYTES) {
        close(descriptor);
        return;
    }
    body->descriptor = descriptor;
    body->file_bytes = (uint64_t)file.st_size;
}

hh_status cli_body_build(cli_body *body, const cli_list *pieces, cli_text *problem)
{
    if (pieces->count == 0)
        return HH_OK;
    body->is_present = 1;
    try_stream(body, pieces);
    if (body->descriptor >= 0)
        return HH_OK;
    for (size_t i = 0; i < pieces->count; i++) {
        const cli_list_entry *piece = &pieces->entries[i];
        if (piece->tag == CLI_DATA_JSON)
            body->is_json = 1;
        else if (i > 0)
            cli_text_add_char(&body->bytes, '&');
        hh_status status = add_piece(body, piece, problem);
        if (status != HH_OK)
            return status;
    }
    return cli_text_is_good(&body->bytes) ? HH_OK : HH_ERR_NO_MEMORY;
}
