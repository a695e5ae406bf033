/* The pairs file as a whole: bytes -> lines -> examples; see pairs_read.h for the stages. */
#include "trainer/pairs.h"

#include "base/file.h"
#include "trainer/pairs_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_LINE = 1 << 20, MOST_TOKENS = 1 << 20 };

/* ------------------------------------------------------------------------------------ faults -- */

void eqbi_fault(eqbi_reader *r, const char *format, ...)
{
    char reason[sizeof r->first.message];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    eqb_error clean;
    eqbi_fail(&clean, EQB_ERR_DATA, "%s", reason); /* one line, without control characters */
    if (r->first_line == 0) {
        r->first = clean;
        r->first_line = r->line;
    }
    r->bad = true;
    if (r->options->on_fault)
        r->options->on_fault(r->options->user, r->path, r->line, clean.message);
}

eqb_status eqbi_no_memory(const eqbi_reader *r, eqb_error *err)
{
    return eqbi_fail(err, EQB_ERR_NOMEM, "%s:%lld: out of memory", r->path, (long long)r->line);
}

eqbi_shown eqbi_show(const char *text, size_t length)
{
    static const char dots[] = "...";
    eqbi_shown shown;
    size_t room = sizeof shown.text - 1, n = length;
    bool cut = length > room;
    if (cut) {
        n = room - strlen(dots);
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    }
    memcpy(shown.text, text, n);
    memcpy(shown.text + n, cut ? dots : "", cut ? sizeof dots : 1);
    return shown;
}

/* ------------------------------------------------------------------------------------- lines -- */

/* Text that is not UTF-8 at all would give one strange fault a line. */
static const char *other_encoding(const unsigned char *text, size_t size)
{
    if (size < 2) return NULL;
    bool little = (text[0] == 0xff && text[1] == 0xfe) || (text[0] == '{' && text[1] == 0);
    bool big = (text[0] == 0xfe && text[1] == 0xff) || (text[0] == 0 && text[1] == '{');
    return little ? "UTF-16 (little endian)" : big ? "UTF-16 (big endian)" : NULL;
}

/* Tells why a line is no object. err: "line:1:14: expected ':'", or without column and with "line:
 * ". */
static void tell_json_fault(eqbi_reader *r, const eqb_error *err)
{
    unsigned long column = 0;
    int reason = 0;
    if (sscanf(err->message, "line:1:%lu: %n", &column, &reason) == 1 && reason > 0)
        eqbi_fault(r, "not JSON: column %lu: %s", column, err->message + reason);
    else
        eqbi_fault(r, "%s", err->message + strlen("line: "));
}

static eqb_status read_object(eqbi_reader *r, const char *text, size_t length, eqb_error *err)
{
    eqbi_json doc = {.where = "line", .fault = EQB_ERR_DATA};
    eqb_error wrong;
    eqb_status status = eqbi_json_parse(&doc, text, length, &wrong);
    if (status == EQB_ERR_NOMEM) return eqbi_no_memory(r, err);
    if (status != EQB_OK) {
        tell_json_fault(r, &wrong);
        return EQB_OK;
    }
    if (eqbi_json_type(doc.root) != EQBI_JSON_OBJECT) {
        eqbi_fault(r, "expected an object: {\"male\": ..., \"female\": ...}");
    } else {
        eqbi_fields fields;
        status = eqbi_read_fields(r, &doc, &fields, err);
        if (status == EQB_OK && !r->bad) status = eqbi_read_line(r, &fields, err);
    }
    eqbi_json_free(&doc);
    return status;
}

static bool is_blank(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && (text[i] == ' ' || text[i] == '\t')) i++;
    return i == length;
}

static eqb_status read_text_line(eqbi_reader *r, const char *text, size_t length, eqb_error *err)
{
    if (length > 0 && text[length - 1] == '\r') length--;
    if (is_blank(text, length)) return EQB_OK;
    const char *nul = memchr(text, '\0', length);
    eqb_status status = EQB_OK;
    r->bad = false;
    r->pairs->summary.lines++;
    eqbi_arena_reset(&r->scratch);
    if (length > LONGEST_LINE)
        eqbi_fault(r, "line of %zu bytes, at most %d are read", length, LONGEST_LINE);
    else if (nul)
        eqbi_fault(r, "NUL byte at column %zu",
                   eqb_character_offset(text, length, (size_t)(nul - text)) + 1);
    else
        status = read_object(r, text, length, err);
    r->pairs->summary.faults += r->bad;
    return status;
}

static eqb_status read_lines(eqbi_reader *r, const char *text, size_t size, eqb_error *err)
{
    static const char mark[] = "\xef\xbb\xbf";
    const char *encoding = other_encoding((const unsigned char *)text, size);
    if (encoding) {
        r->line = 1;
        r->pairs->summary.lines = r->pairs->summary.faults = 1;
        eqbi_fault(r, "the file is %s, expected UTF-8", encoding);
        return EQB_OK;
    }
    const char *end = text + size;
    if (size >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0) text += strlen(mark);
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop) stop = end;
        r->line++;
        EQBI_TRY(read_text_line(r, text, (size_t)(stop - text), err));
        text = stop < end ? stop + 1 : end;
    }
    return EQB_OK;
}

/* -------------------------------------------------------------------------------- public part
 * -- */

void eqb_pairs_options_default(eqb_pairs_options *options)
{
    *options = (eqb_pairs_options){.holdout = 0.2, .seed = 42};
}

static eqb_status judge(const eqbi_reader *r, eqb_error *err)
{
    const eqb_pairs_summary *s = &r->pairs->summary;
    if (s->faults > 0 && !r->options->skip_bad)
        return eqbi_fail(err, EQB_ERR_DATA, "%s:%lld: %s (%lld of %lld lines have faults)", r->path,
                         (long long)r->first_line, r->first.message, (long long)s->faults,
                         (long long)s->lines);
    if (r->pairs->count > 0) return EQB_OK;
    if (s->faults > 0)
        return eqbi_fail(err, EQB_ERR_DATA, "%s: no line is usable; the first: %lld: %s", r->path,
                         (long long)r->first_line, r->first.message);
    return eqbi_fail(err, EQB_ERR_DATA, "%s: holds no lines", r->path);
}

static eqb_status read_pairs(eqbi_reader *r, const char *text, size_t size, eqb_error *err)
{
    r->pairs->sha = eqbi_fnv1a(text, size);
    EQBI_TRY(read_lines(r, text, size, err));
    EQBI_TRY(eqbi_hold_out(r, err));
    EQBI_TRY(judge(r, err));
    return eqbi_finish_pairs(r, err);
}

static eqb_pairs *new_pairs(const eqb_tokenizer *tokenizer, int32_t max_tokens,
                            const eqb_allocator *allocator)
{
    eqb_pairs *p = eqbi_calloc(allocator, 1, sizeof *p);
    if (!p) return NULL;
    p->allocator = p->memory.allocator = allocator;
    p->max_tokens = max_tokens;
    p->special = eqb_tokenizer_special(tokenizer);
    p->vocab_size = eqb_tokenizer_size(tokenizer);
    return p;
}

static void close_reader(eqbi_reader *r)
{
    eqb_encoding_free(&r->encoding);
    eqbi_arena_free(&r->scratch);
    eqbi_names_free(&r->ids);
    eqbi_names_free(&r->languages);
    eqbi_names_free(&r->words[EQBI_PAIR]);
    eqbi_names_free(&r->words[EQBI_FACT]);
}

eqb_status eqb_pairs_load(eqb_pairs **out, const char *path, const eqb_tokenizer *tokenizer,
                          int32_t max_tokens, const eqb_pairs_options *given, eqb_error *err)
{
    *out = NULL;
    eqb_pairs_options options;
    eqb_pairs_options_default(&options);
    if (given) options = *given;
    if (!tokenizer)
        return eqbi_fail(err, EQB_ERR_ARGUMENT,
                         "there is no tokenizer (a model without a vocabulary?)");
    if (!(options.holdout >= 0.0 && options.holdout < 1.0))
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "holdout is %g, expected 0 to below 1",
                         options.holdout);
    if (max_tokens < 3 || max_tokens > MOST_TOKENS)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "max_tokens is %d, expected 3 to %d", max_tokens,
                         MOST_TOKENS);
    const eqb_allocator *a = options.allocator;
    char *text;
    size_t size;
    EQBI_TRY(eqbi_file_read(&text, &size, path, INT32_MAX, a, err));
    eqbi_reader r = {.tokenizer = tokenizer,
                     .options = &options,
                     .path = path,
                     .scratch = {.allocator = a},
                     .ids = {.allocator = a},
                     .languages = {.allocator = a},
                     .words = {{.allocator = a}, {.allocator = a}}};
    r.pairs = new_pairs(tokenizer, max_tokens, a);
    eqb_status status = r.pairs ? read_pairs(&r, text, size, err) : eqbi_no_memory(&r, err);
    close_reader(&r);
    eqbi_free(a, text, size + 1, 1);
    if (status == EQB_OK)
        *out = r.pairs;
    else
        eqb_pairs_free(r.pairs);
    return status;
}

void eqb_pairs_free(eqb_pairs *p)
{
    if (!p) return;
    eqbi_arena_free(&p->memory);
    eqbi_free(p->allocator, p->example, p->capacity, sizeof *p->example);
    eqbi_free(p->allocator, p, 1, sizeof *p);
}

eqb_pairs_summary eqb_pairs_get_summary(const eqb_pairs *pairs)
{
    return pairs->summary;
}

int64_t eqb_pairs_count(const eqb_pairs *pairs)
{
    return pairs->count;
}

eqb_pair_line eqb_pairs_line(const eqb_pairs *pairs, int64_t index)
{
    eqb_pair_line line = pairs->example[index].text;
    line.test = pairs->example[index].test; /* decided after the text was read */
    return line;
}
