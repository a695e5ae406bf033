/* ./probe for other programs: CSV and JSON have their fields, and the numbers are those that the
 * session API gives for the same text, worked out here word by word.                             */
#include "tests/programs_testing.h"
#include "weights/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HE_SHE "{He|She} works as the [MASK]."

/* -------------------------------------------------------------------------- the same by hand -- */

static eqb_model *model;
static eqb_session *session;

static void open_session(void)
{
    eqb_error err = {0};
    ck_assert_msg(eqb_model_load(&model, tiny_model(), NULL, &err) == EQB_OK, "%s", err.message);
    ck_assert(eqb_session_new(&session, model, NULL, &err) == EQB_OK);
}

static void close_session(void)
{
    eqb_session_free(session);
    eqb_model_free(model);
}

static double log_softmax(const float *x, int32_t n, int32_t at)
{
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) sum += exp((double)x[i]);
    return (double)x[at] - log(sum);
}

static void forward(const char *first, const char *second, eqb_encoding *e)
{
    ck_assert(eqb_encode(eqb_model_tokenizer(model), first, strlen(first), second,
                         second ? strlen(second) : 0, 32, e, NULL) == EQB_OK);
    eqb_batch batch = {1, (int32_t[]){0, e->count}, e->ids, e->types};
    ck_assert(eqb_session_forward(session, &batch, NULL) == EQB_OK);
}

/* log p of a token at the mask-th (0, 1, ...) [MASK] of a text. */
static double log_p(const char *text, int mask, const char *token)
{
    const eqb_tokenizer *t = eqb_model_tokenizer(model);
    eqb_encoding e = {0};
    const float *logits;
    forward(text, NULL, &e);
    int32_t at = 0;
    for (int seen = -1; at < e.count; at++)
        if (e.ids[at] == eqb_tokenizer_special(t).mask && ++seen == mask) break;
    ck_assert_int_lt(at, e.count);
    ck_assert(eqb_session_mlm_logits(session, &at, 1, &logits, NULL) == EQB_OK);
    eqb_encoding_free(&e);
    return log_softmax(logits, eqb_tokenizer_size(t), eqb_tokenizer_id(t, token, strlen(token)));
}

static double log_follows(const char *first, const char *second)
{
    eqb_encoding e = {0};
    const float *logits;
    forward(first, second, &e);
    ck_assert(eqb_session_nsp_logits(session, &logits, NULL) == EQB_OK);
    eqb_encoding_free(&e);
    return log_softmax(logits, 2, 0);
}

/* -------------------------------------------------------------------------------------- JSON -- */

/* Runs ./probe --json; *doc is to be freed. */
static const eqbi_json_value *scores_of(const char *const args[], eqbi_json *doc)
{
    char *out = expect_output(args);
    eqb_error err = {0};
    *doc = (eqbi_json){.where = "probe --json", .fault = EQB_ERR_DATA};
    ck_assert_msg(eqbi_json_parse(doc, out, strlen(out), &err) == EQB_OK, "%s\n%s", err.message,
                  out);
    free(out);
    const eqbi_json_value *list = eqbi_json_get(doc->root, "scores");
    ck_assert_ptr_nonnull(list);
    return eqbi_json_first(list);
}

static double number(const eqbi_json *doc, const eqbi_json_value *object, const char *key)
{
    double x = NAN;
    ck_assert(eqbi_json_double(doc, object, key, -1e300, 1e300, &x, NULL) == EQB_OK);
    return x;
}

static const char *text(const eqbi_json_value *object, const char *key)
{
    const eqbi_json_value *value = eqbi_json_get(object, key);
    return value ? eqbi_json_text(value) : NULL;
}

/* Of the float logits, and of 9 printed digits. */
static void check_close(double found, double expected)
{
    ck_assert_msg(fabs(found - expected) <= 2e-6 * fabs(expected) + 1e-9, "%.9g, expected %.9g",
                  found, expected);
}

static void check_score(const eqbi_json *doc, const eqbi_json_value *score, double male,
                        double female)
{
    check_close(number(doc, score, "p_male"), exp(male));
    check_close(number(doc, score, "p_female"), exp(female));
    ck_assert(fabs(number(doc, score, "log_ratio") - (male - female)) < 1e-5);
    ck_assert(fabs(number(doc, score, "difference") - (exp(male) - exp(female))) < 1e-6);
}

START_TEST(top_words_have_the_probabilities_of_the_session)
{
    eqbi_json doc;
    double last = 1.0;
    int32_t count = 0;
    for (const eqbi_json_value *s = scores_of(ARGS("probe", "--model", tiny_model(), "--json",
                                                   "--top", "7", HE_SHE), &doc);
         s; s = eqbi_json_next(s), count++) {
        const char *word = text(s, "word_male");
        double male = log_p("He works as the [MASK].", 0, word);
        double female = log_p("She works as the [MASK].", 0, word);
        check_score(&doc, s, male, female);
        double higher = fmax(number(&doc, s, "p_male"), number(&doc, s, "p_female"));
        ck_assert(higher <= last);
        last = higher;
        ck_assert_str_eq(text(s, "kind"), "top");
        ck_assert_str_eq(text(s, "text_female"), "She works as the [MASK].");
        ck_assert(eqbi_json_is_null(s, "line"));
    }
    ck_assert_int_eq(count, 7);
    eqbi_json_free(&doc);
}
END_TEST

START_TEST(pieces_are_masked_together_or_filled_in_from_the_left)
{
    static const char *const pieces[] = {"fire", "##fight", "##er"};
    static const char *const left[] = {"the [MASK] [MASK] [MASK].", "the fire[MASK] [MASK].",
                                       "the firefight[MASK]."};
    eqbi_json doc;
    double masked[2] = {0, 0}, l2r[2] = {0, 0};
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < 3; i++) {
            char whole[96] = "", filled[96] = "";
            strcat(strcat(whole, v == 0 ? "He is " : "She is "), left[0]);
            strcat(strcat(filled, v == 0 ? "He is " : "She is "), left[i]);
            masked[v] += log_p(whole, i, pieces[i]);
            l2r[v] += log_p(filled, 0, pieces[i]);
        }
    const eqbi_json_value *s =
        scores_of(ARGS("probe", "--model", tiny_model(), "--json", "{He|She} is the [MASK].",
                       "--targets", "firefighter"), &doc);
    check_score(&doc, s, masked[0], masked[1]);
    ck_assert_str_eq(text(s, "method"), "masked");
    const eqbi_json_value *piece = eqbi_json_first(eqbi_json_get(s, "pieces_female"));
    ck_assert_str_eq(eqbi_json_text(eqbi_json_next(piece)), "##fight");
    eqbi_json_free(&doc);
    s = scores_of(ARGS("probe", "--model", tiny_model(), "--json", "{He|She} is the [MASK].",
                       "--targets", "firefighter", "--method", "l2r"), &doc);
    check_score(&doc, s, l2r[0], l2r[1]);
    ck_assert_str_eq(text(s, "method"), "l2r");
    eqbi_json_free(&doc);
}
END_TEST

START_TEST(slots_of_a_line_are_masked_together)
{
    static const char *const texts[2] = {"He said that the [MASK] works with the [MASK].",
                                         "She said that the [MASK] works with the [MASK]."};
    eqbi_json doc;
    int found = 0;
    for (const eqbi_json_value *s = scores_of(ARGS("probe", "--model", tiny_model(), "--json",
                                                   "--pairs", tiny_pairs()), &doc);
         s; s = eqbi_json_next(s)) {
        if (number(&doc, s, "line") != 8.0) continue;
        int mask = (int)number(&doc, s, "mask") - 1;
        const char *word = mask == 0 ? "doctor" : "nurse";
        ck_assert_str_eq(text(s, "word_male"), word);
        ck_assert_str_eq(text(s, "kind"), "pair");
        check_score(&doc, s, log_p(texts[0], mask, word), log_p(texts[1], mask, word));
        found++;
    }
    ck_assert_int_eq(found, 2);
    eqbi_json_free(&doc);
}
END_TEST

START_TEST(next_is_the_first_column_of_the_head)
{
    eqbi_json doc;
    const eqbi_json_value *s =
        scores_of(ARGS("probe", "--model", tiny_model(), "--json", "--next",
                       "My {husband|wife} is home.", "The pilot is {he|she}."), &doc);
    check_score(&doc, s, log_follows("My husband is home.", "The pilot is he."),
                log_follows("My wife is home.", "The pilot is she."));
    ck_assert_str_eq(text(s, "kind"), "next");
    ck_assert_str_eq(text(s, "text_male"), "My husband is home. [SEP] The pilot is he.");
    eqbi_json_free(&doc);
}
END_TEST

START_TEST(the_summary_is_the_mean_of_the_scores)
{
    eqbi_json doc;
    double sum = 0.0;
    int32_t count = 0;
    for (const eqbi_json_value *s = scores_of(ARGS("probe", "--model", tiny_model(), "--json"),
                                              &doc);
         s; s = eqbi_json_next(s))
        if (text(s, "skipped")) {
            ck_assert(eqbi_json_is_null(s, "p_male"));
        } else {
            sum += fabs(number(&doc, s, "log_ratio"));
            count++;
        }
    const eqbi_json_value *all = eqbi_json_first(eqbi_json_get(doc.root, "summary"));
    double mean = number(&doc, all, "mean_abs_log_ratio");
    check_close(mean, sum / count);
    ck_assert(number(&doc, all, "low") < mean && mean < number(&doc, all, "high"));
    ck_assert_int_eq((int)number(&doc, all, "scores"), count);
    eqbi_json_free(&doc);
}
END_TEST

START_TEST(hostile_text_stays_inside_its_json_string)
{
    eqbi_json doc; /* parsed strictly: ill-formed UTF-8, quotes and control characters */
    const eqbi_json_value *s = scores_of(ARGS("probe", "--model", tiny_model(), "--json",
                                              "\"he\" \\ \t\xff\xc0\x80\xed\xa0\x80 [MASK]"), &doc);
    ck_assert_ptr_nonnull(strstr(text(s, "text_male"), "\"he\" \\ \t\xef\xbf\xbd"));
    eqbi_json_free(&doc);
}
END_TEST

/* --------------------------------------------------------------------------------------- CSV -- */

static const char COLUMNS[] =
    "model,kind,line,mask,method,text_male,word_male,ids_male,pieces_male,text_female,"
    "word_female,ids_female,pieces_female,p_male,p_female,log_ratio,difference,skipped\n";

/* Commas outside of quotes in the line, which ends at *end. */
static int commas(const char *line, const char **end)
{
    int n = 0;
    bool quoted = false;
    for (; *line && (*line != '\n' || quoted); line++) {
        if (*line == '"') quoted = !quoted;
        n += *line == ',' && !quoted;
    }
    *end = line;
    return n;
}

static const char *const asked[][4] = {
    {HE_SHE},          {"He, \"as\" [MASK]\nis"}, {HE_SHE, "--targets", "firefighter,snow"},
    {"--against", ""}, {"--pairs", ""},            {"--next", "He is.", "She is."},
};

START_TEST(csv_has_its_columns_whatever_is_asked)
{
    const char *args[8] = {"probe", "--csv", "--model", tiny_model()};
    for (int i = 0; asked[_i][i]; i++) args[4 + i] = asked[_i][i];
    if (strcmp(args[4], "--against") == 0) args[5] = tiny_model();
    if (strcmp(args[4], "--pairs") == 0) args[5] = tiny_pairs();
    char *out = expect_output(args);
    ck_assert_msg(strncmp(out, COLUMNS, sizeof COLUMNS - 1) == 0, "%s", out);
    const char *end;
    int expected = commas(out, &end);
    ck_assert_int_eq(expected, 17);
    int rows = 0;
    for (const char *line = end + 1; *line; line = end + 1, rows++)
        ck_assert_int_eq(commas(line, &end), expected);
    ck_assert_int_ge(rows, 1);
    free(out);
}
END_TEST

TCase *program_probe_data_case(void)
{
    TCase *t = tcase_create("probe data");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, open_session, close_session);
    tcase_add_test(t, top_words_have_the_probabilities_of_the_session);
    tcase_add_test(t, pieces_are_masked_together_or_filled_in_from_the_left);
    tcase_add_test(t, slots_of_a_line_are_masked_together);
    tcase_add_test(t, next_is_the_first_column_of_the_head);
    tcase_add_test(t, the_summary_is_the_mean_of_the_scores);
    tcase_add_test(t, hostile_text_stays_inside_its_json_string);
    tcase_add_loop_test(t, csv_has_its_columns_whatever_is_asked, 0,
                        sizeof asked / sizeof *asked);
    return t;
}
