/*
 * fuzz_h2_head.c - what a header block was made into must say again what was put in, and read as
 * HTTP/1 field lines it must give the same fields: nothing in a block can forge a line.
 *
 * The first byte of the input chooses head or trailers, the second and third the limits. Then the
 * fields: a byte for the name's length and one for the value's, the name, the value. Each is added
 * from memory of its exact size.
 */
#include "conn/h2_head.h"

#include "base/ascii.h"
#include "base/limits.h"
#include "codec/field_lines.h"
#include "fuzz_target.h"

#define OPTION_BYTES 3

static bool next_field(hh_slice *rest, hh_slice *name, hh_slice *value)
{
    if (rest->length < 2)
        return false;
    size_t left = rest->length - 2;
    size_t name_length = (uint8_t)rest->data[0];
    size_t value_length = (uint8_t)rest->data[1];
    name_length = name_length < left ? name_length : left;
    value_length = value_length < left - name_length ? value_length : left - name_length;
    *name = (hh_slice){rest->data + 2, name_length};
    *value = (hh_slice){name->data + name_length, value_length};
    rest->data = value->data + value_length;
    rest->length = left - name_length - value_length;
    return true;
}

static hh_status read_block(hh_h2_head *head, const uint8_t *input, hh_slice fields)
{
    hh_slice name;
    hh_slice value;
    uint32_t max_bytes = input[1] * 64u;
    hh__h2_head_begin(head, (input[0] & 1) != 0 ? HH_H2_BLOCK_TRAILERS : HH_H2_BLOCK_HEAD,
                      max_bytes, input[2]);
    while (next_field(&fields, &name, &value)) {
        hh_slice exact_name = exact_copy(name);
        hh_slice exact_value = exact_copy(value);
        hh__h2_head_add(head, exact_name, exact_value);
        exact_free(exact_name);
        exact_free(exact_value);
    }
    hh_status status = hh__h2_head_end(head);
    CHECK(status == head->failure && (status == HH_OK) == (head->problem == NULL));
    CHECK(head->text.length <= max_bytes && head->fields.count <= input[2]);
    return status;
}

static void check_fields(const hh_h2_head *head, hh_slice fields)
{
    const char *base = head->text.data;
    hh_slice name;
    hh_slice value;
    uint32_t count = 0;
    while (next_field(&fields, &name, &value)) {
        if (name.data[0] == ':') {
            CHECK(hh__slice_is(name, ":status") && head->block == HH_H2_BLOCK_HEAD);
            continue;
        }
        CHECK(count < head->fields.count);
        const hh_field_entry *entry = &head->fields.entries[count++];
        CHECK(hh__slice_equal(hh__entry_name(entry, base), name));
        CHECK(hh__slice_equal(hh__entry_value(entry, base), value));
        CHECK(entry->id == hh__field_id(name));
    }
    CHECK(count == head->fields.count);
}

static void check_lines(const hh_h2_head *head)
{
    static const char status_line[] = "HTTP/2 200\r\n";
    size_t start = head->block == HH_H2_BLOCK_HEAD ? sizeof(status_line) - 1 : 0;
    CHECK(start == 0 ? head->status == 0 : head->status >= 100 && head->status <= 999);
    CHECK(head->text.length >= start + 2);
    hh_slice text = {head->text.data + start, head->text.length - start};
    hh_field_lines lines = {.line_start = 0};
    hh_fields fields;
    hh__fields_init(&fields);
    CHECK(hh__field_lines_parse(&lines, text, UINT8_MAX, &fields) == HH_LINES_COMPLETE);
    CHECK(lines.line_start == text.length && fields.count == head->fields.count);
    for (uint32_t i = 0; i < fields.count; i++) {
        const hh_field_entry *a = &fields.entries[i];
        const hh_field_entry *b = &head->fields.entries[i];
        CHECK(a->name_offset + start == b->name_offset && a->name_length == b->name_length);
        CHECK(a->value_length == b->value_length && a->id == b->id);
        CHECK(a->value_length == 0 || a->value_offset + start == b->value_offset);
    }
    hh__fields_finish(&fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size < OPTION_BYTES)
        return 0;
    hh_slice fields = {(const char *)input + OPTION_BYTES, size - OPTION_BYTES};
    hh_h2_head head;
    hh__h2_head_init(&head);
    hh_status status = read_block(&head, input, fields);
    const char *problem = head.problem;
    if (status == HH_OK) {
        check_fields(&head, fields);
        check_lines(&head);
    }
    /* Nothing of a block is left in the next. */
    CHECK(read_block(&head, input, fields) == status && head.problem == problem);
    if (status == HH_OK)
        check_fields(&head, fields);
    hh__h2_head_finish(&head);
    return 0;
}
