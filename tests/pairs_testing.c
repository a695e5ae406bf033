/* Helpers of the tests of pairs files; see pairs_testing.h. */
#include "tests/pairs_testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

eqb_tokenizer *small;

static const char vocabulary[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n.\n,\n'\n-\n{\n}\nhe\nshe\nhis\nher\nhim\nis\na\nan\n"
    "and\nthe\nhere\nas\nof\nworks\ndog\nwife\nman\nwoman\nking\nmother\nfather\nbrother\nsister\n"
    "nurse\nnurses\ndoctor\nengineer\nastronaut\npolice\npregnant\nair\ntraffic\ncontroller\nweld\n"
    "##er\nfire\n##fighter\nun\ns\nil\nelle\nest\navocat\navocate\nroi\ninfirm\n##ier\n##iere\n"
    "journaliste\nstep\n##brother\n##sis\n##ter\n";

eqb_tokenizer *new_small(const eqb_allocator *allocator)
{
    eqb_tokenizer *t;
    eqb_error err;
    eqb_tokenizer_options o;
    eqb_tokenizer_options_default(&o);
    o.allocator = allocator;
    eqb_status status = eqb_tokenizer_new(&t, vocabulary, strlen(vocabulary), &o, &err);
    ck_assert_msg(status == EQB_OK, "%s", err.message);
    return t;
}

void open_small(void)
{
    small = new_small(NULL);
}

void close_small(void)
{
    eqb_tokenizer_free(small);
    small = NULL;
}

TCase *small_case(const char *name)
{
    TCase *made = tcase_create(name);
    tcase_add_checked_fixture(made, open_small, close_small);
    tcase_set_timeout(made, 120);
    return made;
}

int32_t small_id(const char *token)
{
    int32_t id = eqb_tokenizer_id(small, token, strlen(token));
    ck_assert_msg(id >= 0, "the small vocabulary has no \"%s\"", token);
    return id;
}

static void hear(void *user, const char *file, int64_t line, const char *reason)
{
    loaded *out = user;
    (void)file;
    size_t used = strlen(out->told);
    snprintf(out->told + used, sizeof out->told - used, "%s%lld: %s", used > 0 ? "\n" : "",
             (long long)line, reason);
}

void load_bytes(loaded *out, const void *data, size_t size, const eqb_pairs_options *options)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/pairs.jsonl", temporary_dir());
    write_file(path, data, size);
    eqb_pairs_options o;
    eqb_pairs_options_default(&o);
    if (options) o = *options;
    o.on_fault = hear;
    o.user = out;
    out->told[0] = '\0';
    out->status = eqb_pairs_load(&out->pairs, path, small, 20, &o, &out->err);
    ck_assert((out->status == EQB_OK) == (out->pairs != NULL));
}

void load_text(loaded *out, const char *text, const eqb_pairs_options *options)
{
    size_t length = strlen(text);
    char *quoted = malloc(length + 1);
    ck_assert(quoted != NULL);
    for (size_t i = 0; i <= length; i++) quoted[i] = text[i] == '\'' ? '"' : text[i];
    load_bytes(out, quoted, length, options);
    free(quoted);
}

eqb_pairs *load_good(const char *text)
{
    loaded l;
    load_text(&l, text, NULL);
    ck_assert_msg(l.status == EQB_OK, "%s", l.err.message);
    ck_assert_str_eq(l.told, "");
    return l.pairs;
}

void check_tokens(const int32_t *ids, int32_t count, const char *expected)
{
    char found[4096] = "";
    size_t used = 0;
    for (int32_t i = 0; i < count; i++) {
        const char *token = eqb_tokenizer_token(small, ids[i]);
        ck_assert(token != NULL);
        used += (size_t)snprintf(found + used, sizeof found - used, "%s%s", i > 0 ? " " : "",
                                 token);
        ck_assert(used < sizeof found);
    }
    ck_assert_str_eq(found, expected);
}

void check_slot(const eqbi_side *side, int32_t k, int32_t segment, const char *tokens,
                bool labelled)
{
    const eqbi_slot *slot = &side->slot[k];
    ck_assert_int_eq(slot->segment, segment);
    ck_assert(slot->begin >= 0 && slot->begin + slot->count <= side->count[segment]);
    check_tokens(side->ids[segment] + slot->begin, slot->count, tokens);
    ck_assert(slot->labelled == labelled);
}

void make_batch(eqbi_pair_batch *b, const eqb_pairs *p, const eqbi_draw *draw)
{
    int64_t index[MOST];
    eqb_error err;
    ck_assert(p->count <= MOST);
    for (int64_t i = 0; i < p->count; i++) index[i] = i;
    eqb_status status = eqbi_pair_batch_make(b, p, index, (int32_t)p->count, draw, &err);
    ck_assert_msg(status == EQB_OK, "%s", err.message);
}

void check_sequence(const eqbi_pair_batch *b, int32_t sequence, const char *expected)
{
    int32_t from = b->batch.start[sequence], to = b->batch.start[sequence + 1];
    check_tokens(b->batch.ids + from, to - from, expected);
    int32_t type = 0; /* 1 behind the first [SEP] */
    for (int32_t i = from; i < to; i++) {
        ck_assert_int_eq(b->batch.types[i], type);
        if (b->batch.ids[i] == small_id("[SEP]")) type = 1;
    }
}

void check_row(const eqbi_pair_batch *b, int32_t m, int32_t sequence, int32_t at,
               const char *label, int32_t side, int32_t example, int32_t slot)
{
    ck_assert_int_eq(b->row[m], b->batch.start[sequence] + at);
    ck_assert_int_eq(b->batch.ids[b->row[m]], small_id("[MASK]"));
    ck_assert_int_eq(b->label[m], label ? small_id(label) : -1);
    ck_assert_int_eq(b->side[m], side);
    ck_assert_int_eq(b->example[m], example);
    ck_assert_int_eq(b->slot[m], slot);
}

void check_pair(const eqb_pair_rows *pair, int32_t male, int32_t female, float weight)
{
    ck_assert_int_eq(pair->male, male);
    ck_assert_int_eq(pair->female, female);
    ck_assert(pair->weight == weight);
}
