/* A sentence with {slots} -> plain text -> tokens, and which tokens each slot has.
 *
 * The text is tokenized as a whole, with the words of the slots in it, so that they get the tokens
 * they have in running text; {?} becomes [MASK]. A slot is whole words: masking a part of a word
 * would leave the rest as a clue, and where a word splits differs from model to model. */
#include "trainer/pairs_read.h"

#include "tokenizer/unicode.h"

#include <string.h>

static const char MASK[] = "[MASK]";
enum { MASK_BYTES = sizeof MASK - 1, MOST_BLANKS = 9 };

/* ------------------------------------------------------------------------------------- marks -- */

/* A fault at a byte of the sentence as it was written. */
static void fault_at(eqbi_reader *r, const eqbi_segment *s, size_t at, const char *what)
{
    size_t length = strlen(s->raw), character = eqb_character_offset(s->raw, length, at) + 1;
    eqbi_fault(r, "\"%s\": %s at character %zu: %s", s->name, what, character,
               eqbi_show(s->raw, length).text);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Ends the slot whose content is the text from slot->begin on. {?} becomes masks. */
static bool close_slot(eqbi_reader *r, eqbi_segment *s, eqbi_mark_up *slot, size_t at)
{
    size_t begin = slot->begin, end = s->length;
    while (begin < end && is_space(s->text[begin])) begin++;
    while (begin < end && is_space(s->text[end - 1])) end--;
    const char *content = s->text + begin;
    size_t length = end - begin;
    if (length == 0) {
        fault_at(r, s, at, "empty slot ({?} is a slot without a label)");
        return false;
    }
    *slot = (eqbi_mark_up){.begin = begin, .end = end};
    if (content[0] == '?') {
        if (length > 2 || (length == 2 && (content[1] < '1' || content[1] > '0' + MOST_BLANKS))) {
            eqbi_fault(r, "\"%s\": slot {%s} is neither a word nor {?}, {?2} .. {?9}", s->name,
                       eqbi_show(content, length).text);
            return false;
        }
        slot->blank = length == 1 ? 1 : content[1] - '0';
        s->length = slot->begin;
        for (int32_t i = 0; i < slot->blank; i++, s->length += MASK_BYTES)
            memcpy(s->text + s->length, MASK, MASK_BYTES);
        slot->end = s->length;
    }
    s->slots++;
    return true;
}

/* Copies s->raw without its marks; s->text and s->slot have room. False: a fault. */
static bool take_marks(eqbi_reader *r, eqbi_segment *s)
{
    const char *raw = s->raw;
    bool open = false;
    size_t opened = 0;
    for (size_t i = 0; raw[i]; i++) {
        bool escaped = raw[i] == '\\' && (raw[i + 1] == '{' || raw[i + 1] == '}');
        if (escaped) i++;
        if (raw[i] == '{' && !escaped) {
            if (open) {
                fault_at(r, s, i, "\"{\" inside a slot");
                return false;
            }
            open = true;
            opened = i;
            s->slot[s->slots].begin = s->length;
        } else if (raw[i] == '}' && !escaped) {
            if (!open) {
                fault_at(r, s, i, "\"}\" without \"{\"");
                return false;
            }
            if (!close_slot(r, s, &s->slot[s->slots], opened)) return false;
            open = false;
        } else {
            s->text[s->length++] = raw[i];
        }
    }
    if (open) fault_at(r, s, opened, "\"{\" without \"}\"");
    return !open;
}

/* ------------------------------------------------------------------------------------ tokens -- */

static bool in_word(const char *at, const char *end)
{
    const unsigned char *p = (const unsigned char *)at;
    unsigned other = EQBI_SEPARATES | EQBI_REMOVED | EQBI_CHINESE;
    return !(eqbi_char(eqbi_utf8_next(&p, (const unsigned char *)end))->flags & other);
}

/* Whether the text runs on as one word from byte at - 1 to byte at. mask_before, mask_behind: on
 * that side stand masks, which count as a word. */
static bool runs_on(const eqbi_segment *s, size_t at, bool mask_before, bool mask_behind)
{
    if (at == 0 || at == s->length) return false;
    const char *end = s->text + s->length, *behind = s->text + at, *before = behind - 1;
    while (before > s->text && ((unsigned char)*before & 0xc0) == 0x80) before--;
    return (mask_before || in_word(before, end)) && (mask_behind || in_word(behind, end));
}

/* Finds the slot's tokens from token first on. False: it does not begin and end where words do. */
static bool place_slot(const eqbi_segment *s, eqbi_mark_up *slot, int32_t first)
{
    bool blank = slot->blank > 0;
    if (runs_on(s, slot->begin, false, blank) || runs_on(s, slot->end, blank, false)) return false;
    while (first < s->count && s->spans[first].end <= slot->begin) first++;
    int32_t end = first;
    while (end < s->count && s->spans[end].end <= slot->end) end++;
    slot->token = first;
    slot->tokens = end - first;
    return end > first && s->spans[first].begin >= slot->begin &&
           (end == s->count || s->spans[end].begin >= slot->end);
}

static bool is_special(const eqb_special_ids *ids, int32_t id)
{
    return id == ids->pad || id == ids->unk || id == ids->cls || id == ids->sep || id == ids->mask;
}

/* Special tokens are ours to place: written out in a sentence they are a slip. */
static void check_special_tokens(eqbi_reader *r, const eqbi_segment *s)
{
    const eqb_special_ids *ids = &r->pairs->special;
    int32_t unknown = 0;
    for (int32_t i = 0, k = 0; i < s->count; i++) {
        while (k < s->slots && i >= s->slot[k].token + s->slot[k].tokens) k++;
        bool blank = k < s->slots && i >= s->slot[k].token && s->slot[k].blank > 0;
        unknown += s->ids[i] == ids->unk;
        const char *written = s->text + s->spans[i].begin;
        size_t length = s->spans[i].end - s->spans[i].begin;
        if (blank || !is_special(ids, s->ids[i]) || length < 2 || *written != '[') continue;
        if (s->ids[i] == ids->mask)
            eqbi_fault(r, "\"%s\": [MASK] stands in the text; a slot is written {word} or {?}",
                       s->name);
        else
            eqbi_fault(r, "\"%s\": the special token %.*s stands in the text", s->name, (int)length,
                       written);
        return;
    }
    if (unknown == s->count)
        eqbi_fault(r, "\"%s\": no word is in the vocabulary: %s", s->name,
                   eqbi_show(s->raw, strlen(s->raw)).text);
}

static bool check_slots(eqbi_reader *r, const eqbi_segment *s)
{
    for (int32_t k = 0; k < s->slots; k++) {
        eqbi_mark_up *slot = &s->slot[k];
        eqbi_shown shown = eqbi_show(s->text + slot->begin, slot->end - slot->begin);
        if (!place_slot(s, slot, k > 0 ? slot[-1].token + slot[-1].tokens : 0)) {
            eqbi_fault(r, "\"%s\": slot {%s} is not whole words: %s", s->name,
                       slot->blank ? "?" : shown.text, eqbi_show(s->raw, strlen(s->raw)).text);
            return false;
        }
        for (int32_t i = slot->token; i < slot->token + slot->tokens; i++) {
            if (s->ids[i] != r->pairs->special.unk) continue;
            eqbi_fault(r, "\"%s\": slot {%s} is not in the vocabulary ([UNK])", s->name,
                       shown.text);
            return false;
        }
    }
    return true;
}

static eqb_status tokenize(eqbi_reader *r, eqbi_segment *s, eqb_error *err)
{
    EQBI_TRY(eqb_tokenize(r->tokenizer, s->text, s->length, &r->encoding, err));
    size_t count = (size_t)r->encoding.count;
    s->count = r->encoding.count;
    s->ids = eqbi_arena_alloc(&r->pairs->memory, count, sizeof *s->ids);
    s->spans = eqbi_arena_alloc(&r->scratch, count, sizeof *s->spans);
    if (!s->ids || !s->spans) return eqbi_no_memory(r, err);
    if (count > 0) {
        memcpy(s->ids, r->encoding.ids, count * sizeof *s->ids);
        memcpy(s->spans, r->encoding.spans, count * sizeof *s->spans);
    }
    for (int32_t k = 0; k < s->slots; k++) {
        eqbi_mark_up *slot = &s->slot[k];
        size_t length = slot->end - slot->begin;
        if (slot->blank) continue;
        slot->folded = eqbi_arena_alloc(&r->scratch, EQBI_FOLDED(length), 1);
        if (!slot->folded) return eqbi_no_memory(r, err);
        eqbi_fold(s->text + slot->begin, length, slot->folded);
    }
    return EQB_OK;
}

eqb_status eqbi_read_segment(eqbi_reader *r, const char *name, const char *raw, eqbi_segment *out,
                             eqb_error *err)
{
    *out = (eqbi_segment){.name = name, .raw = raw};
    size_t length = strlen(raw), braces = 0;
    for (size_t i = 0; i < length; i++) braces += raw[i] == '{';
    /* A line has at most 1 MiB: nothing here can overflow. */
    out->text = eqbi_arena_alloc(&r->scratch, length + braces * MOST_BLANKS * MASK_BYTES + 1, 1);
    out->slot = eqbi_arena_alloc(&r->scratch, braces, sizeof *out->slot);
    if (!out->text || !out->slot) return eqbi_no_memory(r, err);
    if (!take_marks(r, out)) return EQB_OK;
    EQBI_TRY(tokenize(r, out, err));
    if (out->count == 0) {
        eqbi_fault(r, "\"%s\" is empty", name);
        return EQB_OK;
    }
    if (check_slots(r, out)) check_special_tokens(r, out);
    return EQB_OK;
}
