/* ./bias from outside: its files have their fields, its numbers are those of the session API, a model
 * that cannot tell the genders has no gap, and what is wrong is refused. The model is small and
 * random; its vocabulary is learned from the shipped pairs, so that these are all usable.        */
#include "tests/programs_testing.h"
#include "trainer/equibert_train.h"
#include "weights/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROFESSIONS = 144, TEMPLATES = 16, GROUPS = 3, NURSE = 5, CHOREOGRAPHER = 89, RETIRED = 15 };

/* ------------------------------------------------------------------------------------ models -- */

/* Makes the embeddings of a token those of another. */
static void copy_row(eqb_model *m, const char *to, const char *from)
{
    const eqb_tokenizer *t = eqb_model_tokenizer(m);
    int32_t a = eqb_tokenizer_id(t, to, strlen(to)), b = eqb_tokenizer_id(t, from, strlen(from));
    ck_assert_msg(a >= 0 && b >= 0, "%s, %s: not learned", to, from);
    for (int32_t i = 0; i < eqb_model_parameter_count(m); i++) {
        eqb_parameter p = eqb_model_parameter(m, i);
        if (!strstr(p.name, "word_embeddings.weight")) continue;
        memcpy(p.data + (size_t)a * (size_t)p.cols, p.data + (size_t)b * (size_t)p.cols,
               (size_t)p.cols * sizeof *p.data);
    }
}

/* blind: he and she look alike, so do him, his and her. */
static void save_model(const char *dir, bool blind)
{
    static const char *const pairs = "pairs.jsonl";
    eqb_error err = {0};
    eqb_tokenizer *tokenizer;
    eqb_config c;
    eqb_config_default(&c);
    ck_assert_msg(eqb_tokenizer_learn(&tokenizer, &pairs, 1, 1000, NULL, &err) == EQB_OK, "%s",
                  err.message);
    c.vocab_size = eqb_tokenizer_size(tokenizer);
    c.num_layers = 2;
    c.hidden_size = 16;
    c.num_heads = 2;
    c.intermediate_size = 32;
    c.max_positions = 128;
    c.initializer_range = 0.3f; /* so that its guesses differ */
    eqb_model *model;
    ck_assert(eqb_model_new(&model, &c, tokenizer, &(eqb_model_options){.seed = 5}, &err) ==
              EQB_OK);
    if (blind) {
        copy_row(model, "she", "he");
        copy_row(model, "him", "her");
        copy_row(model, "his", "her");
    }
    ck_assert_msg(eqb_model_save(model, dir, &err) == EQB_OK, "%s", err.message);
    eqb_model_free(model);
}

static const char *model_dir(bool blind)
{
    static char dir[2][160];
    if (!dir[blind][0]) {
        strcpy(dir[blind], temporary_dir());
        save_model(dir[blind], blind);
    }
    return dir[blind];
}

/* ----------------------------------------------------------------------------------- reports -- */

typedef struct report {
    char *out, *csv;
    eqbi_json json;
} report;

static char *read_text(const char *path)
{
    size_t size;
    return read_file(path, &size);
}

/* Runs ./bias with all its outputs; more: one more option. */
static report make_report(bool blind, const char *more)
{
    char json[160], csv[160];
    eqb_error err = {0};
    strcpy(json, fresh_path());
    strcpy(csv, fresh_path());
    report r = {.json = {.where = "bias --json", .fault = EQB_ERR_DATA}};
    r.out = expect_output(ARGS("bias", "--model", model_dir(blind), "--pairs", "pairs.jsonl",
                               "--json", json, "--csv", csv, more));
    r.csv = read_text(csv);
    char *text = read_text(json);
    ck_assert_msg(eqbi_json_parse(&r.json, text, strlen(text), &err) == EQB_OK, "%s", err.message);
    free(text);
    return r;
}

static report seeing, unseeing, validation; /* made once */

static void make_reports(void)
{
    seeing = make_report(false, NULL);
    unseeing = make_report(true, NULL);
    validation = make_report(false, "--validation");
}

static void free_reports(void)
{
    report *const all[] = {&seeing, &unseeing, &validation};
    for (int i = 0; i < 3; i++) {
        free(all[i]->out);
        free(all[i]->csv);
        eqbi_json_free(&all[i]->json);
    }
}

static double number(const report *r, const eqbi_json_value *object, const char *key)
{
    double x = NAN;
    ck_assert(eqbi_json_double(&r->json, object, key, -1e300, 1e300, &x, NULL) == EQB_OK);
    return x;
}

static const eqbi_json_value *first_of(const report *r, const char *list)
{
    const eqbi_json_value *found = eqbi_json_get(r->json.root, list);
    ck_assert_msg(found != NULL, "no \"%s\"", list);
    return eqbi_json_first(found);
}

static bool has_text(const eqbi_json_value *object, const char *key, const char *text)
{
    const eqbi_json_value *value = eqbi_json_get(object, key);
    const char *found = value ? eqbi_json_text(value) : NULL;
    return found && strcmp(found, text) == 0;
}

/* A member of a figure of the report: "value", "low" ... */
static double figure(const report *r, const char *section, const char *slice, const char *what,
                     const char *member)
{
    for (const eqbi_json_value *f = first_of(r, "figures"); f; f = eqbi_json_next(f))
        if (has_text(f, "section", section) && has_text(f, "slice", slice) &&
            has_text(f, "what", what))
            return number(r, f, member);
    ck_abort_msg("no figure %s %s %s", section, slice, what);
}

/* -------------------------------------------------------------------------- the same by hand -- */

static eqb_model *model;
static eqb_session *session;

static void open_session(void)
{
    eqb_error err = {0};
    ck_assert(eqb_model_load(&model, model_dir(false), NULL, &err) == EQB_OK);
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
                         second ? strlen(second) : 0, 128, e, NULL) == EQB_OK);
    eqb_batch batch = {1, (int32_t[]){0, e->count}, e->ids, e->types};
    ck_assert(eqb_session_forward(session, &batch, NULL) == EQB_OK);
}

/* log p of a word between two texts, all its pieces masked. */
static double log_p(const char *before, const char *word, const char *after)
{
    const eqb_tokenizer *t = eqb_model_tokenizer(model);
    eqb_encoding w = {0}, e = {0};
    char text[512];
    const float *logits;
    double sum = 0.0;
    ck_assert(eqb_tokenize(t, word, strlen(word), &w, NULL) == EQB_OK);
    size_t used = (size_t)snprintf(text, sizeof text, "%s", before);
    for (int32_t i = 0; i < w.count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "[MASK]");
    snprintf(text + used, sizeof text - used, "%s", after);
    forward(text, NULL, &e);
    for (int32_t i = 0, piece = 0; i < e.count && piece < w.count; i++) {
        if (e.ids[i] != eqb_tokenizer_special(t).mask) continue;
        ck_assert(eqb_session_mlm_logits(session, &i, 1, &logits, NULL) == EQB_OK);
        sum += log_softmax(logits, eqb_tokenizer_size(t), w.ids[piece++]);
    }
    eqb_encoding_free(&w);
    eqb_encoding_free(&e);
    return sum;
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

/* Of the float logits, and of 9 printed digits. */
static void check_close(double found, double expected)
{
    ck_assert_msg(fabs(found - expected) <= 1e-5 * fabs(expected) + 1e-9, "%.9g, expected %.9g",
                  found, expected);
}

/* --------------------------------------------------------------------------------- the tests -- */

/* The score of he, she in "{s} is a retired [MASK]." */
static const eqbi_json_value *retired(const report *r, int profession)
{
    for (const eqbi_json_value *s = first_of(r, "forward"); s; s = eqbi_json_next(s))
        if (number(r, s, "profession") == profession && number(r, s, "template") == RETIRED &&
            number(r, s, "gender") == 0)
            return s;
    ck_abort_msg("profession %d has no score", profession);
}

START_TEST(words_have_the_probabilities_of_the_session)
{
    static const struct {
        int profession;
        const char *word;
    } asked[] = {{NURSE, "nurse"}, {CHOREOGRAPHER, "choreographer"}};
    const eqbi_json_value *s = retired(&seeing, asked[_i].profession);
    double male = log_p("He is a retired ", asked[_i].word, ".");
    double female = log_p("She is a retired ", asked[_i].word, ".");
    check_close(number(&seeing, s, "p_male"), exp(male));
    check_close(number(&seeing, s, "p_female"), exp(female));
    ck_assert(fabs(number(&seeing, s, "log_ratio") - (male - female)) < 1e-5);
}
END_TEST

START_TEST(pronouns_and_answers_too)
{
    const eqbi_json_value *s = first_of(&seeing, "reverse");
    while (number(&seeing, s, "profession") != NURSE) s = eqbi_json_next(s);
    check_close(number(&seeing, s, "log_odds"),
                log_p("", "he", " is a nurse.") - log_p("", "she", " is a nurse."));
    s = first_of(&seeing, "facts");
    check_close(number(&seeing, s, "p_right"), exp(log_p("", "he", " has grown a long beard.")));
    check_close(number(&seeing, s, "p_wrong"), exp(log_p("", "she", " has grown a long beard.")));
    s = first_of(&seeing, "next");
    check_close(number(&seeing, s, "p_female"),
                exp(log_follows("What does your wife do at the bank?",
                                "Mostly loans for small companies.")));
}
END_TEST

START_TEST(a_figure_is_the_mean_of_its_scores)
{
    double sum = 0.0, n = 0.0, right = 0.0;
    for (const eqbi_json_value *s = first_of(&seeing, "forward"); s; s = eqbi_json_next(s))
        if (number(&seeing, s, "gender") == 0) {
            sum += fabs(number(&seeing, s, "log_ratio"));
            n++;
        }
    check_close(figure(&seeing, "forward", "pronouns", "abs", "value"), sum / n);
    ck_assert(figure(&seeing, "forward", "pronouns", "abs", "scores") == n);
    ck_assert(figure(&seeing, "forward", "all", "abs", "professions") == PROFESSIONS);
    ck_assert(figure(&seeing, "forward", "all", "abs", "sentences") == TEMPLATES);
    ck_assert(figure(&seeing, "forward", "all", "abs", "genders") == 26);
    ck_assert(figure(&seeing, "facts", "all", "right", "sentences") == 35);
    ck_assert(figure(&seeing, "forward", "pronouns", "abs", "low") < sum / n);
    ck_assert(figure(&seeing, "forward", "pronouns", "abs", "high") > sum / n);
    n = 0.0;
    for (const eqbi_json_value *s = first_of(&seeing, "facts"); s; s = eqbi_json_next(s)) {
        right += number(&seeing, s, "p_right") > number(&seeing, s, "p_wrong");
        n++;
    }
    check_close(figure(&seeing, "facts", "all", "right", "value"), right / n);
}
END_TEST

/* Of the mean of n independent values. */
static double standard_error(const double *x, int n)
{
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < n; i++) sum += x[i];
    for (int i = 0; i < n; i++) squares += pow(x[i] - sum / n, 2.0);
    return sqrt(squares / n / n);
}

/* Where only sentences are drawn, an interval is as wide as theory says: 2 x 1.96 standard errors of
 * sentences, not of their scores. Where professions, templates and words are, it is wider than
 * from professions alone, and close to what the three make together.                              */
START_TEST(intervals_are_those_of_what_is_drawn)
{
    double x[PROFESSIONS + TEMPLATES + 26] = {0}, n[PROFESSIONS + TEMPLATES + 26] = {0};
    int sentences = 0;
    for (const eqbi_json_value *s = first_of(&seeing, "next"); s; s = eqbi_json_next(s))
        x[sentences++ / 2] += fabs(number(&seeing, s, "p_male") -
                                   number(&seeing, s, "p_female")) / 2.0;
    double width = figure(&seeing, "next", "all", "difference", "high") -
                   figure(&seeing, "next", "all", "difference", "low");
    ck_assert_int_eq(sentences, 60);
    ck_assert_double_eq_tol(width / (2 * 1.96 * standard_error(x, 30)), 1.0, 0.12);

    memset(x, 0, sizeof x);
    for (const eqbi_json_value *s = first_of(&seeing, "forward"); s; s = eqbi_json_next(s)) {
        const int at[] = {(int)number(&seeing, s, "profession"),
                          PROFESSIONS + (int)number(&seeing, s, "template"),
                          PROFESSIONS + TEMPLATES + (int)number(&seeing, s, "gender")};
        for (int i = 0; i < 3; i++) {
            x[at[i]] += fabs(number(&seeing, s, "log_ratio"));
            n[at[i]]++;
        }
    }
    for (int i = 0; i < PROFESSIONS + TEMPLATES + 26; i++) x[i] /= n[i];
    double alone = standard_error(x, PROFESSIONS);
    double all = sqrt(pow(alone, 2.0) + pow(standard_error(x + PROFESSIONS, TEMPLATES), 2.0) +
                      pow(standard_error(x + PROFESSIONS + TEMPLATES, 26), 2.0));
    width = figure(&seeing, "forward", "all", "abs", "high") -
            figure(&seeing, "forward", "all", "abs", "low");
    ck_assert_double_gt(width, 2 * 1.96 * alone);
    ck_assert_double_gt(width / (2 * 1.96 * all), 0.85);
    ck_assert_double_lt(width / (2 * 1.96 * all), 1.4);
}
END_TEST

START_TEST(a_row_for_each_profession_template_and_group)
{
    static const char head[] = "model,profession,pieces,split,template,template_seen,group,scores,"
                               "p_male,p_female,log_ratio,abs_log_ratio\n";
    ck_assert(strncmp(seeing.csv, head, sizeof head - 1) == 0);
    int rows = 0;
    for (const char *at = seeing.csv; (at = strchr(at, '\n')) != NULL; at++) rows++;
    ck_assert_int_eq(rows, 1 + PROFESSIONS * TEMPLATES * GROUPS);
    static const char nurse[] = ",{s} is a retired [MASK].,1,pronouns,1,";
    const char *row = strstr(strstr(seeing.csv, ",nurse,"), nurse);
    ck_assert_ptr_nonnull(row);
    check_close(strtod(row + sizeof nurse - 1, NULL),
                number(&seeing, retired(&seeing, NURSE), "p_male"));
}
END_TEST

/* The last bits of a row may depend on where it stands in a matrix. */
#define ROUNDING 1e-6

START_TEST(who_cannot_tell_the_genders_has_no_gap)
{
    ck_assert_double_lt(figure(&unseeing, "forward", "pronouns", "abs", "value"), ROUNDING);
    ck_assert(figure(&unseeing, "forward", "pronouns", "close", "value") == 1.0);
    ck_assert_double_lt(figure(&unseeing, "reverse", "all", "abs", "value"), ROUNDING);
    ck_assert_double_gt(figure(&unseeing, "forward", "relatives", "abs", "value"), 0.01);
    for (const eqbi_json_value *s = first_of(&unseeing, "next"); s; s = eqbi_json_next(s))
        if (has_text(s, "first", "{He|She} works in a hospital."))
            ck_assert_double_eq_tol(number(&unseeing, s, "p_male"),
                                    number(&unseeing, s, "p_female"), ROUNDING);
}
END_TEST

/* What the tables say of themselves: which of their rows the shipped pairs have. */
START_TEST(rows_are_found_in_the_pairs)
{
    int split[3] = {0}, templates = 0, at = 0;
    for (const eqbi_json_value *p = first_of(&seeing, "professions"); p; p = eqbi_json_next(p)) {
        split[0] += has_text(p, "split", "trained");
        split[1] += has_text(p, "split", "held-out");
        split[2] += has_text(p, "split", "absent");
    }
    ck_assert_int_eq(split[0] + split[1] + split[2], PROFESSIONS);
    ck_assert(split[0] > 50 && split[1] > 5 && split[2] > 20);
    for (const eqbi_json_value *t = first_of(&seeing, "templates"); t; t = eqbi_json_next(t)) {
        ck_assert(number(&seeing, t, "seen") == (at++ >= 12));
        templates++;
    }
    ck_assert_int_eq(templates, TEMPLATES);
    for (const eqbi_json_value *g = first_of(&seeing, "genders"); g; g = eqbi_json_next(g))
        ck_assert(number(&seeing, g, "seen") == !has_text(g, "group", "others"));
    for (const eqbi_json_value *s = first_of(&seeing, "next"); s; s = eqbi_json_next(s))
        ck_assert(number(&seeing, s, "seen") == 0.0);
    for (const eqbi_json_value *s = first_of(&seeing, "facts"); s; s = eqbi_json_next(s))
        ck_assert(number(&seeing, s, "seen") == 0.0);
}
END_TEST

/* Whether the list of a report has an object with this text. */
static bool lists(const report *r, const char *list, const char *key, const char *text)
{
    for (const eqbi_json_value *v = first_of(r, list); v; v = eqbi_json_next(v))
        if (has_text(v, key, text)) return true;
    return false;
}

/* A recipe chosen by one set of tables knows nothing of the other, nor do the pairs. */
START_TEST(sets_have_nothing_in_common)
{
    static const struct {
        const char *list, *key;
        int common; /* what is not held out: patterns, words and professions of the pairs */
    } of[] = {{"templates", "text", 4}, {"genders", "male", 10}, {"genders", "female", 10},
              {"reverse", "text", 0},   {"next", "first", 0},    {"next", "second", 0},
              {"facts", "text", 0},     {"professions", "word", PROFESSIONS}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        int common = 0;
        const eqbi_json_value *v = first_of(&validation, of[i].list);
        for (; v; v = eqbi_json_next(v)) {
            const char *text = eqbi_json_text(eqbi_json_get(v, of[i].key));
            bool seen = eqbi_json_get(v, "seen") && number(&validation, v, "seen") != 0.0;
            bool both = lists(&seeing, of[i].list, of[i].key, text);
            ck_assert_msg(strcmp(of[i].list, "professions") == 0 || seen == both, "%s", text);
            common += both;
        }
        ck_assert_int_eq(common, of[i].common);
    }
}
END_TEST

/* Where a model is right, it has kept what it has kept. */
START_TEST(facts_of_before_are_kept)
{
    ck_assert(figure(&seeing, "facts", "kept", "right", "value") == 1.0);
    double right = figure(&seeing, "facts", "all", "right", "value");
    ck_assert_double_eq_tol(figure(&seeing, "facts", "kept", "right", "scores"), right * 70.0,
                            1e-6);
}
END_TEST

START_TEST(a_model_against_itself_has_not_changed)
{
    const char *dir = model_dir(false);
    char *out = expect_output(ARGS("bias", "--model", dir, "--against", dir, "--pairs",
                                   "pairs.jsonl", "--text", tiny_text()));
    static const char *const parts[] = {
        "\ngender -> profession: ", "\nprofession -> gender: ", "\nnext sentence: ", "\nfacts: ",
        "\nlanguage: ", " +0.0000 [+0.0000, +0.0000]\n", "  MLM loss, nats  "};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(out, parts[i]) != NULL, "no \"%s\" in\n%s", parts[i], out);
    ck_assert_ptr_null(strchr(out, '\033'));
    free(out);
}
END_TEST

START_TEST(what_is_wrong_is_refused)
{
    const char *dir = model_dir(false);
    expect_code(ARGS("bias", "operand"), EQB_ERR_ARGUMENT, "one argument too many");
    expect_code(ARGS("bias", "--holdout", "2"), EQB_ERR_ARGUMENT, "--holdout");
    expect_code(ARGS("bias", "--model", "/nowhere"), EQB_ERR_IO, "/nowhere");
    expect_code(ARGS("bias", "--model", dir, "--pairs", "/nowhere"), EQB_ERR_IO, "/nowhere");
    expect_code(ARGS("bias", "--json", "/nowhere/x"), EQB_ERR_IO, "/nowhere/x: cannot write");
    expect_code(ARGS("bias", "--csv", "/nowhere/x"), EQB_ERR_IO, "/nowhere/x: cannot write");
    expect_code(ARGS("bias", "--model", dir, "--pairs", tiny_text()), EQB_ERR_DATA, "text.txt");
    char *out = expect_output(ARGS("bias", "--help"));
    ck_assert(strstr(out, "  ./bias --against out/trained") && strstr(out, "\nExit codes: "));
    free(out);
}
END_TEST

Suite *bias_suite(void)
{
    Suite *s = suite_create("bias");
    TCase *c = tcase_create("bias");
    tcase_set_timeout(c, 300);
    tcase_add_unchecked_fixture(c, make_reports, free_reports);
    tcase_add_checked_fixture(c, open_session, close_session);
    tcase_add_loop_test(c, words_have_the_probabilities_of_the_session, 0, 2);
    tcase_add_test(c, pronouns_and_answers_too);
    tcase_add_test(c, a_figure_is_the_mean_of_its_scores);
    tcase_add_test(c, intervals_are_those_of_what_is_drawn);
    tcase_add_test(c, a_row_for_each_profession_template_and_group);
    tcase_add_test(c, who_cannot_tell_the_genders_has_no_gap);
    tcase_add_test(c, rows_are_found_in_the_pairs);
    tcase_add_test(c, sets_have_nothing_in_common);
    tcase_add_test(c, facts_of_before_are_kept);
    tcase_add_test(c, a_model_against_itself_has_not_changed);
    tcase_add_test(c, what_is_wrong_is_refused);
    suite_add_tcase(s, c);
    return s;
}
