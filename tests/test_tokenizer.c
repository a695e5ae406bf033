/* The tokenizer on vocabularies of its own; published vectors are in test_tokenizer_vectors.c. */
#include "tests/tokenizer_testing.h"

#include "tokenizer/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char specials[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
static const char english[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\nsat\n##s\n##on\nun\n"
                              "##aff\n##able\n.\n,\n[\n]\nmask\ncafe\na\n##a\nb\n##b\n#\n";

eqb_tokenizer *tokenizer_of_lines(const char *lines, const eqb_tokenizer_options *options)
{
    static const char *const needed[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    char all[65536];
    size_t length = (size_t)snprintf(all, sizeof all - 64, "%s", lines);
    ck_assert(length < sizeof all - 64);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!strstr(lines, needed[i])) length += (size_t)sprintf(all + length, "%s\n", needed[i]);
    eqb_tokenizer *t;
    eqb_error err = {0};
    ck_assert_msg(eqb_tokenizer_new(&t, all, length, options, &err) == EQB_OK, "%s", err.message);
    return t;
}

const char *tokens_of(const eqb_tokenizer *t, const eqb_encoding *e)
{
    static char joined[65536];
    size_t length = 0;
    joined[0] = '\0';
    for (int32_t i = 0; i < e->count; i++) {
        const char *token = eqb_tokenizer_token(t, e->ids[i]);
        ck_assert(token != NULL && length + strlen(token) + 2 < sizeof joined);
        length += (size_t)sprintf(joined + length, "%s%s", i ? " " : "", token);
    }
    return joined;
}

static const char *joined_spans(const eqb_encoding *e)
{
    static char joined[4096];
    size_t length = 0;
    joined[0] = '\0';
    for (int32_t i = 0; i < e->count; i++)
        length += (size_t)snprintf(joined + length, sizeof joined - length, "%s%zu-%zu",
                                   i ? " " : "", e->spans[i].begin, e->spans[i].end);
    return joined;
}

/* Checks the tokens, and the spans unless NULL, of a text. */
static void check_bytes(const eqb_tokenizer *t, const char *text, size_t length, const char *tokens,
                        const char *spans)
{
    eqb_encoding e = {0};
    ck_assert_int_eq(eqb_tokenize(t, text, length, &e, NULL), EQB_OK);
    ck_assert_str_eq(tokens_of(t, &e), tokens);
    if (spans) ck_assert_str_eq(joined_spans(&e), spans);
    for (int32_t i = 0; i < e.count; i++) ck_assert_int_eq(e.types[i], 0);
    eqb_encoding_free(&e);
}

static void check(const eqb_tokenizer *t, const char *text, const char *tokens, const char *spans)
{
    check_bytes(t, text, strlen(text), tokens, spans);
}

/* ----------------------------------------------------------------------------------- Unicode -- */

START_TEST(test_utf8)
{
    /* Text, then what it decodes to: each maximal ill-formed part is one U+FFFD. */
    static const struct {
        const char *bytes;
        size_t length;
        uint32_t code[6]; /* 0-terminated */
    } cases[] = {
        {"a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 10, {'a', 0xE9, 0x20AC, 0x1F600}},
        {"\xEF\xBF\xBF\xF4\x8F\xBF\xBF", 7, {0xFFFF, 0x10FFFF}},
        {"\x80z\xC3", 3, {0xFFFD, 'z', 0xFFFD}},
        {"\xC0\x80", 2, {0xFFFD, 0xFFFD}},          /* overlong */
        {"\xE0\x80\x80", 3, {0xFFFD, 0xFFFD, 0xFFFD}},
        {"\xED\xA0\x80", 3, {0xFFFD, 0xFFFD, 0xFFFD}}, /* surrogate */
        {"\xE2\x82z", 3, {0xFFFD, 'z'}},            /* cut short: one part */
        {"\xF0\x9F\x98z", 4, {0xFFFD, 'z'}},
        {"\xF4\x90\x80\x80", 4, {0xFFFD, 0xFFFD, 0xFFFD, 0xFFFD}},
        {"\xF5\xFF", 2, {0xFFFD, 0xFFFD}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const unsigned char *at = (const unsigned char *)cases[i].bytes;
        const unsigned char *end = at + cases[i].length;
        size_t n = 0;
        for (; at < end; n++) ck_assert_uint_eq(eqbi_utf8_next(&at, end), cases[i].code[n]);
        ck_assert_uint_eq(cases[i].code[n], 0);
        ck_assert_uint_eq(eqb_character_offset(cases[i].bytes, cases[i].length, 99), n);
    }
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (c >= 0xD800 && c < 0xE000) continue;
        char bytes[4];
        const unsigned char *at = (unsigned char *)bytes;
        int length = eqbi_utf8_put(bytes, c);
        ck_assert_uint_eq(eqbi_utf8_next(&at, at + length), c);
    }
}
END_TEST

START_TEST(test_unicode)
{
    uint32_t out[4];
    ck_assert_int_eq(eqbi_decompose(0x1E69, out), 3); /* s, dot below, dot above */
    ck_assert(out[0] == 's' && out[1] == 0x323 && out[2] == 0x307);
    ck_assert_int_eq(eqbi_decompose(0xAC00, out), 2);
    ck_assert(out[0] == 0x1100 && out[1] == 0x1161);
    ck_assert_int_eq(eqbi_decompose(0xD7A3, out), 3);
    ck_assert(out[0] == 0x1112 && out[1] == 0x1175 && out[2] == 0x11C2);
    ck_assert_int_eq(eqbi_decompose('x', out), 1);
    ck_assert_int_eq(eqbi_decompose(0xC0, out), 2);    /* the first and the last of the table */
    ck_assert_int_eq(eqbi_decompose(0x2FA1D, out), 1);
    ck_assert_uint_eq(out[0], 0x2A600);
    ck_assert_int_eq(eqbi_lowercase(0x130, out), 2);
    ck_assert_int_eq(eqbi_lowercase(0x3A3, out), 1);
    ck_assert_uint_eq(out[0], 0x3C3);
    ck_assert_uint_eq(eqbi_char(0x302)->combining, 230);
    ck_assert_uint_eq(eqbi_char(0x2B820)->flags & EQBI_CHINESE, 0);
    ck_assert_uint_eq(eqbi_char(0x2B920)->flags & EQBI_CHINESE, EQBI_CHINESE);
}
END_TEST

/* -------------------------------------------------------------------------------- vocabulary -- */

/* Modulo 2^64, a text of 1024 letters in the order of the Thue-Morse sequence has the hash of the one
 * with its letters exchanged, whatever the odd factor is: 11 of them in a row make 2048 texts with
 * the same hash, of which each new one would be compared with all before. */
START_TEST(test_same_hashes)
{
    enum { PART = 1024, PARTS = 11, LINE = PART * PARTS + 1, LINES = 1 << PARTS };
    static const char start[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    size_t size = sizeof start - 1 + (size_t)LINE * LINES;
    char *vocab = malloc(size), *at = vocab + sizeof start - 1;
    eqb_error err;
    eqb_tokenizer *t;
    memcpy(vocab, start, sizeof start - 1);
    for (int line = 0; line < LINES; line++, *at++ = '\n')
        for (int i = 0; i < PART * PARTS; i++) {
            int exchange = line >> i / PART & 1, ones = 0;
            for (int rest = i % PART; rest; rest &= rest - 1) ones++;
            *at++ = (ones + exchange) % 2 ? 'b' : 'a';
        }
    ck_assert_int_eq(eqb_tokenizer_new(&t, vocab, size, NULL, &err), EQB_ERR_MODEL);
    ck_assert_str_eq(err.message, "vocabulary: line 1030 is one of too many with the same hash (made "
                                  "to be slow?)");
    ck_assert_ptr_null(t);
    free(vocab);
}
END_TEST

START_TEST(test_vocabulary)
{
    static const char crlf[] = "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK] \t\r\n"
                               "cat\r\n\r\ncat\xC2\xA0\r\n##s";
    eqb_tokenizer *t = tokenizer_of_lines(crlf, NULL);
    ck_assert_int_eq(eqb_tokenizer_size(t), 9);
    ck_assert_int_eq(eqb_tokenizer_id(t, "cat", 3), 7); /* the last of two */
    ck_assert_str_eq(eqb_tokenizer_token(t, 5), "cat");
    ck_assert_str_eq(eqb_tokenizer_token(t, 6), "");
    ck_assert_int_eq(eqb_tokenizer_id(t, "##s", 3), 8);
    ck_assert_int_eq(eqb_tokenizer_id(t, "s", 1), -1);
    ck_assert_ptr_null(eqb_tokenizer_token(t, 9));
    ck_assert_ptr_null(eqb_tokenizer_token(t, -1));
    eqb_special_ids ids = eqb_tokenizer_special(t);
    ck_assert(ids.pad == 0 && ids.unk == 1 && ids.cls == 2 && ids.sep == 3 && ids.mask == 4);
    const eqb_tokenizer_options *options = eqb_tokenizer_get_options(t);
    ck_assert(options->lowercase && options->strip_accents == -1 && options->split_chinese);
    ck_assert_int_eq(options->max_word_chars, 100);
    check(t, "Cats", "cat ##s", "0-3 3-4");
    eqb_tokenizer_free(t);
    eqb_tokenizer_free(NULL);
}
END_TEST

START_TEST(test_bad_vocabulary)
{
    static const char *const names[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    for (size_t missing = 0; missing < 5; missing++) {
        char lines[64] = "";
        for (size_t i = 0; i < 5; i++) strcat(strcat(lines, i == missing ? "x" : names[i]), "\n");
        eqb_error err = {0};
        eqb_tokenizer *t = (eqb_tokenizer *)lines;
        ck_assert_int_eq(eqb_tokenizer_new(&t, lines, strlen(lines), NULL, &err), EQB_ERR_MODEL);
        ck_assert_ptr_null(t);
        ck_assert_ptr_nonnull(strstr(err.message, names[missing]));
        ck_assert_int_eq(eqb_tokenizer_new(&t, "", 0, NULL, &err), EQB_ERR_MODEL);
    }
    enum { MANY = (1 << 22) + 1 };
    char *blank = malloc(MANY);
    ck_assert_ptr_nonnull(blank);
    memset(blank, '\n', MANY);
    eqb_error err = {0};
    eqb_tokenizer *t;
    ck_assert_int_eq(eqb_tokenizer_new(&t, blank, MANY, NULL, &err), EQB_ERR_MODEL);
    ck_assert_str_eq(err.message, "vocabulary: 4194305 lines, at most 4194304 are read");
    free(blank);
}
END_TEST

/* ------------------------------------------------------------------------------------- words -- */

START_TEST(test_words)
{
    eqb_tokenizer *t = tokenizer_of_lines(english, NULL);
    check(t, "", "", "");
    check_bytes(t, NULL, 0, "", "");
    check(t, " \t\r\n", "", "");
    check(t, "The cats, UNAFFABLE.", "the cat ##s , un ##aff ##able .",
          "0-3 4-7 7-8 8-9 10-12 12-15 15-19 19-20");
    check(t, "catx cat", "[UNK] cat", "0-4 5-8"); /* never "cat [UNK]" */
    check(t, "##s", "# # [UNK]", "0-1 1-2 2-3");
    check(t, "Caf\xC3\xA9s e\xCC\x81", "cafe ##s [UNK]", "0-5 5-6 7-8");
    check(t, "cafe\xCC\x81s", "cafe ##s", "0-4 6-7"); /* the accent belongs to no token */
    check(t, "\xCC\x81", "", "");
    check(t, "cat\xE4\xB8\x80sat", "cat [UNK] sat", "0-3 3-6 6-9");
    check(t, "c\x0B" "at\xE2\x80\x8B the\xC2\xA0sat", "cat the sat", "0-4 8-11 13-16");
    check_bytes(t, "c\0at \xFF\xC3 sa\x80t", 12, "cat sat", "0-4 8-12");
    check(t, "\xE2\x80\x94" "cat", "[UNK] cat", "0-3 3-6"); /* a dash is punctuation */
    eqb_tokenizer_free(t);
}
END_TEST

START_TEST(test_special_tokens_in_text)
{
    eqb_tokenizer *t = tokenizer_of_lines(english, NULL);
    check(t, "the[MASK]sat", "the [MASK] sat", "0-3 3-9 9-12");
    check(t, "[CLS][SEP] [UNK][PAD]", "[CLS] [SEP] [UNK] [PAD]", "0-5 5-10 11-16 16-21");
    check(t, "[mask]", "[ mask ]", "0-1 1-5 5-6");
    check(t, "[[MASK]]", "[ [MASK] ]", "0-1 1-7 7-8");
    check(t, "[MASK", "[ mask", "0-1 1-5");
    check(t, "caf\xC3\xA9[MASK]\xCC\x81" "a", "cafe [MASK] a", "0-5 5-11 13-14");
    eqb_tokenizer_free(t);
}
END_TEST

START_TEST(test_long_words)
{
    static const eqb_tokenizer_options ten = {.lowercase = true, .strip_accents = -1,
                                              .max_word_chars = 10};
    char text[1024];
    eqb_tokenizer *t = tokenizer_of_lines(english, &ten);
    check(t, "aaaaaaaaaa", "a ##a ##a ##a ##a ##a ##a ##a ##a ##a", NULL);
    check(t, "aaaaaaaaaaa a", "[UNK] a", "0-11 12-13");
    check(t, "aaaaaaaaa\xC3\xA1" "b a", "[UNK] a", "0-12 13-14"); /* 11 characters, 12 bytes */
    check(t, "aaaaaaaa\xCC\x81\xCC\x81" "aa a", "a ##a ##a ##a ##a ##a ##a ##a ##a ##a a", NULL);
    eqb_tokenizer_free(t);

    t = tokenizer_of_lines(english, NULL);
    memset(text, 'a', 200);
    memcpy(text + 200, "\xC3\xA9", 3);
    check(t, text, "[UNK]", "0-202");
    eqb_tokenizer_free(t);
}
END_TEST

START_TEST(test_options)
{
    static const eqb_tokenizer_options cased = {.strip_accents = -1, .split_chinese = false};
    static const eqb_tokenizer_options lower_only = {.lowercase = true, .strip_accents = 0};
    static const eqb_tokenizer_options strip_only = {.strip_accents = 1};
    /* Été, été, Ete, ete, two Chinese characters, i with a dot, i */
    const char *vocab = "\xC3\x89t\xC3\xA9\n\xC3\xA9t\xC3\xA9\nEte\nete\n"
                        "\xE4\xB8\x80\xE4\xB8\x81\ni\xCC\x87\ni\n";
    static const char text[] = "\xC3\x89t\xC3\xA9 \xE4\xB8\x80\xE4\xB8\x81 \xC4\xB0";
    eqb_tokenizer *t = tokenizer_of_lines(vocab, &cased);
    check(t, text, "\xC3\x89t\xC3\xA9 \xE4\xB8\x80\xE4\xB8\x81 [UNK]", "0-5 6-12 13-15");
    eqb_tokenizer_free(t);
    t = tokenizer_of_lines(vocab, &lower_only);
    check(t, text, "\xC3\xA9t\xC3\xA9 \xE4\xB8\x80\xE4\xB8\x81 i\xCC\x87", NULL);
    eqb_tokenizer_free(t);
    t = tokenizer_of_lines(vocab, &strip_only);
    check(t, text, "Ete \xE4\xB8\x80\xE4\xB8\x81 [UNK]", NULL);
    eqb_tokenizer_free(t);
    t = tokenizer_of_lines(vocab, NULL);
    check(t, text, "ete [UNK] [UNK] i", "0-5 6-9 9-12 13-15");
    eqb_tokenizer_free(t);
}
END_TEST

/* Marks that change places: U+302E and U+1D165 are not accents and have classes 224 and 216. */
START_TEST(test_reordered_marks)
{
    eqb_tokenizer *t = tokenizer_of_lines("a\xF0\x9D\x85\xA5\xE3\x80\xAE\n", NULL);
    check(t, "a\xE3\x80\xAE\xF0\x9D\x85\xA5", "a\xF0\x9D\x85\xA5\xE3\x80\xAE", "0-8");
    eqb_tokenizer_free(t);
    t = tokenizer_of_lines("a\n##\xF0\x9D\x85\xA5\n##\xE3\x80\xAE\n", NULL);
    check(t, "a\xE3\x80\xAE\xF0\x9D\x85\xA5", "a ##\xF0\x9D\x85\xA5 ##\xE3\x80\xAE", "0-1 1-4 4-8");
    eqb_tokenizer_free(t);
}
END_TEST

/* ---------------------------------------------------------------------------------- encoding -- */

static void check_encode(const eqb_tokenizer *t, const char *a, const char *b, int32_t most,
                         const char *tokens, int32_t truncated)
{
    eqb_encoding e = {0};
    eqb_error err = {0};
    ck_assert_msg(eqb_encode(t, a, strlen(a), b, b ? strlen(b) : 0, most, &e, &err) == EQB_OK, "%s",
                  err.message);
    ck_assert_str_eq(tokens_of(t, &e), tokens);
    ck_assert_int_eq(e.truncated, truncated);
    ck_assert(e.count <= most);
    int32_t type = 0;
    for (int32_t i = 0; i < e.count; i++) {
        ck_assert_int_eq(e.types[i], type);
        if (e.ids[i] == eqb_tokenizer_special(t).sep) type = 1;
    }
    eqb_encoding_free(&e);
}

START_TEST(test_encode)
{
    eqb_tokenizer *t = tokenizer_of_lines(english, NULL);
    check_encode(t, "", NULL, 2, "[CLS] [SEP]", 0);
    check_encode(t, "the cat", NULL, 9, "[CLS] the cat [SEP]", 0);
    check_encode(t, "the cat sat", NULL, 4, "[CLS] the cat [SEP]", 1);
    check_encode(t, "the cat", NULL, 2, "[CLS] [SEP]", 2);
    check_encode(t, "", "", 3, "[CLS] [SEP] [SEP]", 0);
    check_encode(t, "the cat", "sat.", 7, "[CLS] the cat [SEP] sat . [SEP]", 0);
    check_encode(t, "the cat", "sat.", 6, "[CLS] the cat [SEP] sat [SEP]", 1); /* tie: the second */
    check_encode(t, "the cat", "sat.", 5, "[CLS] the [SEP] sat [SEP]", 2);
    check_encode(t, "the cat", "sat.", 4, "[CLS] the [SEP] [SEP]", 3);
    check_encode(t, "the cat", "sat.", 3, "[CLS] [SEP] [SEP]", 4);
    check_encode(t, "a a a a a", "b", 6, "[CLS] a a [SEP] b [SEP]", 3);
    check_encode(t, "a", "b b b b b", 6, "[CLS] a [SEP] b b [SEP]", 3);
    check_encode(t, "a a a", "b b b b", 8, "[CLS] a a a [SEP] b b [SEP]", 2);

    eqb_encoding e = {0};
    ck_assert_int_eq(eqb_encode(t, "a cat", 5, "sat", 3, 9, &e, NULL), EQB_OK);
    ck_assert_str_eq(joined_spans(&e), "0-0 0-1 2-5 0-0 0-3 0-0");
    ck_assert_int_eq(eqb_encode(t, "a", 1, NULL, 0, 1, &e, NULL), EQB_ERR_ARGUMENT);
    ck_assert_int_eq(eqb_encode(t, "a", 1, "b", 1, 2, &e, NULL), EQB_ERR_ARGUMENT);
    ck_assert_int_eq(e.count, 0);
    eqb_encoding_free(&e);
    eqb_encoding_free(&e);
    eqb_tokenizer_free(t);
}
END_TEST

/* One step at a time, as the rule is told; the formula must agree. */
START_TEST(test_truncation_rule)
{
    eqb_tokenizer *t = tokenizer_of_lines(english, NULL);
    eqb_encoding e = {0};
    static const char a[] = "aaaaaaaaa", b[] = "bbbbbbbbb";
    for (int32_t na = 0; na < 8; na++)
        for (int32_t nb = 0; nb < 8; nb++)
            for (int32_t most = 3; most < 20; most++) {
                int32_t ka = na, kb = nb;
                while (ka + kb + 3 > most) *(ka > kb ? &ka : &kb) -= 1;
                ck_assert_int_eq(
                    eqb_encode(t, a, (size_t)na, b, (size_t)nb, most, &e, NULL), EQB_OK);
                ck_assert_int_eq(e.count, ka + kb + 3);
                ck_assert_int_eq(e.ids[ka + 1], eqb_tokenizer_special(t).sep);
                ck_assert_int_eq(e.truncated, na + nb - ka - kb);
            }
    eqb_encoding_free(&e);
    eqb_tokenizer_free(t);
}
END_TEST

START_TEST(test_decode)
{
    eqb_tokenizer *t = tokenizer_of_lines(english, NULL);
    eqb_encoding e = {0};
    char text[64];
    ck_assert_int_eq(eqb_encode(t, "the cats sat.", 13, NULL, 0, 99, &e, NULL), EQB_OK);
    ck_assert_uint_eq(eqb_decode(t, e.ids, e.count, true, text, sizeof text), 14);
    ck_assert_str_eq(text, "the cats sat .");
    ck_assert_uint_eq(eqb_decode(t, e.ids, e.count, false, text, sizeof text), 26);
    ck_assert_str_eq(text, "[CLS] the cats sat . [SEP]");
    for (size_t capacity = 0; capacity <= 15; capacity++) {
        memset(text, '#', sizeof text);
        ck_assert_uint_eq(eqb_decode(t, e.ids, e.count, true, text, capacity), 14);
        ck_assert_int_eq(memcmp(text, "the cats sat .", capacity ? capacity - 1 : 0), 0);
        if (capacity) ck_assert_int_eq(text[capacity - 1], '\0');
        ck_assert_int_eq(text[capacity], '#');
    }
    ck_assert_uint_eq(eqb_decode(t, e.ids, e.count, true, NULL, 0), 14);
    int32_t odd[] = {eqb_tokenizer_id(t, "##s", 3), -1, 9999, eqb_tokenizer_id(t, "##on", 4)};
    eqb_decode(t, odd, 4, true, text, sizeof text); /* no such ids: left out */
    ck_assert_str_eq(text, "##son");
    ck_assert_uint_eq(eqb_decode(t, NULL, 0, true, text, sizeof text), 0);
    ck_assert_str_eq(text, "");
    eqb_encoding_free(&e);
    eqb_tokenizer_free(t);
}
END_TEST

START_TEST(test_character_offset)
{
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
    static const size_t bytes[] = {0, 1, 3, 6, 10, 11, 12, 99};
    static const size_t characters[] = {0, 1, 2, 3, 4, 5, 5, 5};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
        ck_assert_uint_eq(eqb_character_offset(text, 11, bytes[i]), characters[i]);
    ck_assert_uint_eq(eqb_character_offset(NULL, 0, 5), 0);
}
END_TEST

/* ---------------------------------------------------------------------------------- failures -- */

/* Runs everything that allocates; returns the status of the first failure. */
static eqb_status exercise(const eqb_allocator *allocator)
{
    /* Long, with marks in the wrong order and a long word, so that each buffer grows. */
    char text[2048] = "the \xC3\xA9" "a\xE3\x80\xAE\xF0\x9D\x85\xA5 ";
    while (strlen(text) < 1000) strcat(text, "cats,\xC3\xA9");
    eqb_tokenizer_options options;
    eqb_tokenizer_options_default(&options);
    options.allocator = allocator;
    eqb_tokenizer *t;
    eqb_encoding e = {0};
    eqb_error err = {0};
    eqb_status status = eqb_tokenizer_new(&t, english, strlen(english), &options, &err);
    if (status == EQB_OK) status = eqb_tokenize(t, text, strlen(text), &e, &err);
    if (status == EQB_OK) status = eqb_encode(t, text, strlen(text), text, 900, 512, &e, &err);
    ck_assert(status == EQB_OK || e.count == 0);
    ck_assert(status == EQB_OK || err.message[0] != '\0');
    eqb_encoding_free(&e);
    eqb_tokenizer_free(t);
    return status;
}

START_TEST(test_no_memory)
{
    test_allocator a;
    eqb_status status = EQB_ERR_NOMEM;
    size_t failures = 0;
    for (size_t at = 1; status != EQB_OK; at++) {
        test_allocator_init(&a);
        a.fail_at = at;
        status = exercise(&a.base);
        ck_assert_uint_eq(a.live_blocks, 0);
        ck_assert(status == EQB_OK || status == EQB_ERR_NOMEM);
        failures += status != EQB_OK;
    }
    ck_assert_uint_gt(failures, 10);
}
END_TEST

START_TEST(test_warm_calls_do_not_allocate)
{
    test_allocator a;
    test_allocator_init(&a);
    eqb_tokenizer_options options = {.lowercase = true, .strip_accents = -1, .allocator = &a.base};
    eqb_tokenizer *t = tokenizer_of_lines(specials, &options);
    eqb_encoding e = {0};
    static const char text[] = "The caf\xC3\xA9, \xE4\xB8\x80.";
    ck_assert_int_eq(eqb_tokenize(t, text, strlen(text), &e, NULL), EQB_OK);
    size_t calls = a.calls;
    for (int i = 0; i < 9; i++) {
        ck_assert_int_eq(eqb_tokenize(t, text, strlen(text), &e, NULL), EQB_OK);
        ck_assert_int_eq(eqb_encode(t, text, strlen(text), text, 5, 16, &e, NULL), EQB_OK);
    }
    ck_assert_uint_eq(a.calls, calls);
    eqb_encoding_free(&e);
    eqb_tokenizer_free(t);
    ck_assert_uint_eq(a.live_blocks, 0);
}
END_TEST

Suite *tokenizer_suite(void)
{
    Suite *suite = suite_create("tokenizer");
    TCase *core = tcase_create("core");
    tcase_add_test(core, test_utf8);
    tcase_add_test(core, test_unicode);
    tcase_add_test(core, test_same_hashes);
    tcase_add_test(core, test_vocabulary);
    tcase_add_test(core, test_bad_vocabulary);
    tcase_add_test(core, test_words);
    tcase_add_test(core, test_special_tokens_in_text);
    tcase_add_test(core, test_long_words);
    tcase_add_test(core, test_options);
    tcase_add_test(core, test_reordered_marks);
    tcase_add_test(core, test_encode);
    tcase_add_test(core, test_truncation_rule);
    tcase_add_test(core, test_decode);
    tcase_add_test(core, test_character_offset);
    tcase_add_test(core, test_no_memory);
    tcase_add_test(core, test_warm_calls_do_not_allocate);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, tokenizer_vectors_case());
    suite_add_tcase(suite, vocab_learner_case());
    return suite;
}
