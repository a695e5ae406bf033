/* Text of any size: lines and sentences, windows, the held-out part, runs that see many windows. */
#include "tests/testing.h"
#include "tests/trainer_testing.h"

#include "trainer/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------ lines and sentences -- */

static const char *file_of(const char *name, const char *text, size_t length)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", temporary_dir(), name);
    write_file(path, text, length);
    return path;
}

START_TEST(test_lines_of_every_length)
{
    /* Lines around the longest piece, with and without a space to cut at, and UTF-8 across the cut. */
    for (int kind = 0; kind < 3; kind++) {
        for (size_t length = EQBI_LINE_MOST - 3; length < EQBI_LINE_MOST + 4; length++) {
            char *text = malloc(2 * length + 4);
            ck_assert_ptr_nonnull(text);
            for (size_t i = 0; i < 2 * length; i++) text[i] = kind == 2 ? "\xc3\xa9"[i % 2] : 'x';
            if (kind == 1) text[1000] = ' ';
            memcpy(text + 2 * length, "\r\nz", 4);
            size_t size = 2 * length + 3, seen = 0, pieces = 0, from;
            for (from = 0; from < 3; from += 2) {
                eqbi_lines r = {.fd = -1};
                ck_assert_int_eq(eqbi_lines_open(&r, file_of("t", text, size), from, NULL), EQB_OK);
                for (seen = from, pieces = 0;; pieces++) {
                    const char *line;
                    size_t n;
                    ck_assert_int_eq(eqbi_lines_next(&r, &line, &n, NULL), EQB_OK);
                    if (!line) break;
                    ck_assert_uint_le(n, EQBI_LINE_MOST + 1);
                    ck_assert(memcmp(line, text + seen, n) == 0);
                    if (kind == 2) ck_assert_uint_eq(n % 2, line[0] == 'z');
                    seen = (size_t)r.offset;
                }
                ck_assert_uint_eq(seen, size);
                size_t rest = 2 * length - (kind == 1 ? 1001 : from), first = kind == 1;
                ck_assert_uint_eq(pieces, first + (rest - 1 + EQBI_LINE_MOST - 1) / EQBI_LINE_MOST + 1);
                eqbi_lines_close(&r);
            }
            free(text);
        }
    }
}
END_TEST

START_TEST(test_lines_refuse_what_is_no_file)
{
    eqbi_lines r = {.fd = -1};
    eqb_error err = {0};
    ck_assert_int_eq(eqbi_lines_open(&r, "/nowhere/at/all", 0, &err), EQB_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "/nowhere/at/all: cannot open: No such file"));
    ck_assert_int_eq(eqbi_lines_open(&r, "/dev/null", 0, &err), EQB_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "/dev/null: is not a regular file"));
    eqbi_lines_close(&r);
}
END_TEST

START_TEST(test_sentences_of_many_scripts)
{
    /* '|' stands where a sentence ends. */
    static const char *const texts[] = {
        "One. |Two! |Three?", "Mr. Wood and J. Smith came. |They left.", "It cost 3.5 euros. |Fine.",
        "\"Stop!\" |He ran.", "\"Stop!\" he said. |Then he ran.", "Well... |No.", "no stop",
        "Il part. |\xc3\x89lise reste. |Et Mme. Roy ?",
        "\xc2\xab Oui. \xc2\xbb dit-il. |Bien.",
        "\xe4\xbb\x96\xe6\x9d\xa5\xe4\xba\x86\xe3\x80\x82|\xe5\xa5\xb9\xe8\xb5\xb0\xe4\xba\x86\xef\xbc\x81\xe3\x80\x8d|"
        "\xe5\xa5\xbd\xe3\x80\x82",
        "\xe0\xa4\xb5\xe0\xa4\xb9 \xe0\xa4\x97\xe0\xa4\xaf\xe0\xa4\xbe\xe0\xa5\xa4| "
        "\xe0\xa4\xb9\xe0\xa4\xbe\xe0\xa4\x81\xe0\xa5\xa4",
        "\xd0\x9e\xd0\xbd \xd1\x83\xd1\x88\xd1\x91\xd0\xbb. |\xd0\x94\xd0\xb0."};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        char plain[256], marked[256];
        size_t n = 0, m = 0;
        for (const char *c = texts[k]; *c; c++)
            if (*c != '|') plain[n++] = *c;
        for (size_t at = 0; at < n;) {
            size_t length = eqbi_first_sentence(plain + at, n - at);
            ck_assert_uint_gt(length, 0);
            while (at + length < n && plain[at + length] == ' ' && texts[k][m + length] != '|') length++;
            memcpy(marked + m, plain + at, length);
            m += length;
            at += length;
            if (at < n) marked[m++] = '|';
        }
        marked[m] = '\0';
        ck_assert_str_eq(marked, texts[k]);
    }
}
END_TEST

/* ------------------------------------------------------------------------------------- windows -- */

/* A text of so many documents; document k has 1 to 4 sentences that name it. */
static char *many_documents(int count, size_t *length)
{
    static const char *const words[] = {"cat", "dog", "man", "day", "school", "shop", "river", "hill"};
    size_t room = (size_t)count * 200 + 1;
    char *text = malloc(room);
    ck_assert_ptr_nonnull(text);
    size_t n = 0;
    for (int k = 0; k < count; k++) {
        for (int i = 0; i <= k % 4; i++)
            n += (size_t)snprintf(text + n, room - n, "The %s saw the %s number %d. ",
                                  words[(k + i) % 8], words[(k * 5 + 3 * i) % 8], k);
        n += (size_t)snprintf(text + n, room - n, "\n\n");
    }
    *length = n;
    return text;
}

static eqb_corpus *corpus_with(const char *path, const eqb_tokenizer *t, int64_t window,
                               double heldout, bool part)
{
    eqb_corpus *c;
    eqb_error err = {0};
    eqb_corpus_options o;
    eqb_corpus_options_default(&o);
    o.window = window;
    o.heldout = heldout;
    o.heldout_part = part;
    ck_assert_msg(eqb_corpus_load(&c, &path, 1, t, &o, &err) == EQB_OK, "%s", err.message);
    return c;
}

/* Adds a hash of each document of all windows of a pass. */
static uint64_t sum_of_documents(const eqb_corpus *c, uint64_t number, size_t *documents)
{
    uint64_t sum = 0;
    *documents = 0;
    for (size_t i = 0; i < eqbi_corpus_windows(c); i++) {
        eqbi_window w = {0};
        ck_assert_int_eq(eqbi_window_load(&w, c, 42, number, i, NULL), EQB_OK);
        for (size_t d = 0; d < w.documents; d++) {
            uint64_t hash = 0;
            for (size_t k = w.sentence[w.document[d]]; k < w.sentence[w.document[d + 1]]; k++)
                hash = hash * 0x100000001b3u + (uint64_t)w.token[k] + 1;
            sum += hash;
        }
        *documents += w.documents;
        eqbi_window_free(&w);
    }
    return sum;
}

START_TEST(test_windows_hold_every_document_once)
{
    size_t length, found;
    char *text = many_documents(6000, &length);
    eqb_tokenizer *t = small_tokenizer(text);
    const char *path = file_of("many", text, length);
    eqb_corpus *whole = corpus_with(path, t, 16 << 20, 0.0, false);
    eqb_corpus *parts = corpus_with(path, t, 64 << 10, 0.0, false);
    ck_assert_uint_eq(eqbi_corpus_windows(whole), 1);
    ck_assert_uint_ge(eqbi_corpus_windows(parts), 6);
    uint64_t sum = sum_of_documents(whole, 0, &found);
    ck_assert_uint_eq(found, 6000);
    for (uint64_t number = 0; number < 3; number++) {
        ck_assert(sum_of_documents(parts, number, &found) == sum);
        ck_assert_uint_eq(found, 6000);
    }
    ck_assert(whole->hash == parts->hash);
    ck_assert_int_eq(eqb_corpus_tokens(whole), eqb_corpus_tokens(parts));
    eqb_corpus_free(whole);
    eqb_corpus_free(parts);
    eqb_tokenizer_free(t);
    free(text);
}
END_TEST

START_TEST(test_held_out_part_and_rest_are_the_whole)
{
    size_t length, whole_documents, part_documents, rest_documents;
    char *text = many_documents(6000, &length);
    eqb_tokenizer *t = small_tokenizer(text);
    const char *path = file_of("many", text, length);
    eqb_corpus *whole = corpus_with(path, t, 64 << 10, 0.0, false);
    eqb_corpus *part = corpus_with(path, t, 16 << 20, 0.1, true);
    eqb_corpus *rest = corpus_with(path, t, 64 << 10, 0.1, false);
    uint64_t sum = sum_of_documents(part, 0, &part_documents) +
                   sum_of_documents(rest, 0, &rest_documents);
    ck_assert(sum_of_documents(whole, 0, &whole_documents) == sum);
    ck_assert_uint_eq(part_documents + rest_documents, whole_documents);
    ck_assert_int_eq((int64_t)part_documents, eqb_corpus_documents(part));
    ck_assert_double_eq_tol((double)part_documents, 600.0, 100.0);
    eqb_corpus_free(whole);
    eqb_corpus_free(part);
    eqb_corpus_free(rest);
    eqb_tokenizer_free(t);
    free(text);
}
END_TEST

START_TEST(test_a_document_without_end_is_cut)
{
    size_t length = 40 * 5000;
    char *text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < 5000; i++) memcpy(text + 40 * i, "The cat sat. The dog ran home to a man\n ", 41);
    eqb_tokenizer *t = small_tokenizer(text);
    eqb_corpus *c = corpus_with(file_of("endless", text, length), t, 64 << 10, 0.0, false);
    ck_assert_int_ge(eqb_corpus_documents(c), 20);
    eqbi_window w = {0};
    ck_assert_int_eq(eqbi_window_load(&w, c, 42, 0, 0, NULL), EQB_OK);
    for (size_t d = 0; d < w.documents; d++)
        ck_assert_uint_le(w.document[d + 1] - w.document[d], 2 * 2 * c->block_bytes / 40 + 4);
    eqbi_window_free(&w);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
    free(text);
}
END_TEST

START_TEST(test_text_that_changes_is_noticed)
{
    size_t length;
    char *text = many_documents(300, &length);
    eqb_tokenizer *t = small_tokenizer(text);
    const char *path = file_of("many", text, length);
    eqb_corpus *c = corpus_with(path, t, 16 << 20, 0.0, false);
    eqb_error err = {0};
    eqbi_window w = {0};
    write_file(path, text, length / 2);
    ck_assert_int_eq(eqbi_window_load(&w, c, 42, 0, 0, &err), EQB_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.message, "has changed since it was read first"));
    eqbi_window_free(&w);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
    free(text);
}
END_TEST

/* Random sentences come from the same file, so that two kinds of text are not told apart by it. */
START_TEST(test_random_sentences_are_of_the_same_file)
{
    size_t length;
    char *text = many_documents(200, &length);
    eqb_tokenizer *t = small_tokenizer(text);
    char first[4096], second[4096];
    snprintf(first, sizeof first, "%s", file_of("one", text, length));
    snprintf(second, sizeof second, "%s", file_of("two", text, length));
    const char *paths[] = {first, second};
    eqb_corpus *c;
    ck_assert_int_eq(eqb_corpus_load(&c, paths, 2, t, NULL, NULL), EQB_OK);
    eqbi_window w = {0};
    eqbi_deal e = {0};
    eqb_pretrain_options o;
    eqb_pretrain_options_default(&o);
    ck_assert_int_eq(eqbi_window_load(&w, c, 42, 0, 0, NULL), EQB_OK);
    ck_assert_int_eq(eqbi_deal_make(&e, &w, &o, 0, NULL), EQB_OK);
    size_t middle = 0, random = 0;
    for (size_t d = 0; d < w.documents && w.file[d] == 0; d++) middle = w.sentence[w.document[d + 1]];
    ck_assert_uint_eq(2 * middle, w.tokens);
    for (size_t i = 0; i < e.count; i++) {
        if (e.instance[i].next != 1) continue;
        random++;
        ck_assert((e.instance[i].a < middle) == (e.instance[i].b < middle));
    }
    ck_assert_uint_gt(random, 100);
    eqbi_deal_free(&e);
    eqbi_window_free(&w);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
    free(text);
}
END_TEST

/* ---------------------------------------------------------------------------- runs over windows -- */

static int stop_at(void *user, const eqb_progress *p)
{
    return p->step == *(const int64_t *)user;
}

/* Trains a small model over a text of many windows, stopped and resumed at step stop (0: not). */
static float *run_over(const eqb_corpus *c, const char *text, int64_t stop, size_t *size)
{
    char dir[4096];
    eqb_model *m = small_model(small_tokenizer(text));
    eqb_pretrain_options o;
    eqb_error err = {0};
    snprintf(dir, sizeof dir, "%s", temporary_dir());
    eqb_pretrain_options_default(&o);
    o.max_tokens = 32;
    o.batch_tokens = 512;
    o.run.steps = 170; /* more than a pass */
    o.run.accumulate = 2;
    o.run.save_every = 0;
    o.run.output = dir;
    o.run.user = &stop;
    if (stop > 0) {
        o.run.on_progress = stop_at;
        ck_assert_int_eq(eqb_pretrain(m, c, &o, &err), EQB_ERR_CANCELLED);
        eqb_model_free(m);
        m = small_model(small_tokenizer(text));
        o.run.on_progress = NULL;
        o.run.resume = true;
    }
    ck_assert_msg(eqb_pretrain(m, c, &o, &err) == EQB_OK, "%s", err.message);
    float *copy = malloc(m->size * sizeof *copy);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, m->block, m->size * sizeof *copy);
    *size = m->size;
    eqb_model_free(m);
    return copy;
}

START_TEST(test_resume_over_windows_gives_the_same_bits)
{
    size_t length, size;
    char *text = many_documents(3000, &length);
    eqb_tokenizer *t = small_tokenizer(text);
    eqb_corpus *c = corpus_with(file_of("many", text, length), t, 64 << 10, 0.0, false);
    ck_assert_uint_ge(eqbi_corpus_windows(c), 3);
    float *whole = run_over(c, text, 0, &size);
    static const int64_t stops[] = {1, 60, 169};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        float *resumed = run_over(c, text, stops[i], &size);
        ck_assert_msg(memcmp(whole, resumed, size * sizeof *whole) == 0, "stopped at %lld",
                      (long long)stops[i]);
        free(resumed);
    }
    free(whole);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
    free(text);
}
END_TEST

TCase *trainer_text_case(void)
{
    TCase *t = tcase_create("trainer text");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_lines_of_every_length);
    tcase_add_test(t, test_lines_refuse_what_is_no_file);
    tcase_add_test(t, test_sentences_of_many_scripts);
    tcase_add_test(t, test_windows_hold_every_document_once);
    tcase_add_test(t, test_held_out_part_and_rest_are_the_whole);
    tcase_add_test(t, test_a_document_without_end_is_cut);
    tcase_add_test(t, test_text_that_changes_is_noticed);
    tcase_add_test(t, test_random_sentences_are_of_the_same_file);
    tcase_add_test(t, test_resume_over_windows_gives_the_same_bits);
    return t;
}
