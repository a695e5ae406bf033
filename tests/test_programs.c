/* The programs and the examples as they are built: run like a user runs them, judged by what they
 * say and by their exit codes.                                                                   */
#include "tests/programs_testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const programs[] = {"train", "probe", "pretrain", "bias"};
enum { PROGRAMS = sizeof programs / sizeof *programs };

START_TEST(every_program_explains_itself)
{
    static const char *const parts[] = {"Usage: ", "\nExamples:\n  ./", "\n  --model DIR ",
                                        "\nExit codes: 0 done, "};
    char *out = expect_output(ARGS(programs[_i], "--help"));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(out, parts[i]) != NULL, "%s --help: no \"%s\"", programs[_i],
                      parts[i]);
    free(out);
    char expected[64];
    snprintf(expected, sizeof expected, "%s (equibert) %s\n", programs[_i], eqb_version());
    out = expect_output(ARGS(programs[_i], "--version"));
    ck_assert_str_eq(out, expected);
    free(out);
}
END_TEST

START_TEST(every_program_refuses_what_it_does_not_know)
{
    expect_code(ARGS(programs[_i], "--no-such-option"), EQB_ERR_ARGUMENT, "no option --no-such");
    expect_code(ARGS(programs[_i], "-x"), EQB_ERR_ARGUMENT, "no option -x");
    expect_code(ARGS(programs[_i], "--model"), EQB_ERR_ARGUMENT, "--model needs a value");
}
END_TEST

START_TEST(training_needs_a_file)
{
    expect_code(ARGS("train"), EQB_ERR_ARGUMENT, "no pairs file");
    expect_code(ARGS("pretrain"), EQB_ERR_ARGUMENT, "no text file");
    expect_code(ARGS("train", "a", "b"), EQB_ERR_ARGUMENT, "\"b\" is one argument too many");
    expect_code(ARGS("train", "--steps", "1.5", "a"), EQB_ERR_ARGUMENT, "not a whole number");
    expect_code(ARGS("train", "--seed", "-1", "a"), EQB_ERR_ARGUMENT, "not a whole number");
    expect_code(ARGS("train", "--check=yes", "a"), EQB_ERR_ARGUMENT, "takes no value");
}
END_TEST

/* ---------------------------------------------------------------------------------- examples -- */

START_TEST(a_sentence_is_like_itself)
{
    char *out = expect_output(ARGS("examples/embed_text", tiny_model(), "She is old.",
                                    "He is loud."));
    double same, other;
    ck_assert_int_eq(sscanf(out, "%lf %lf", &same, &other), 2);
    ck_assert(same == 1.0 && other < 1.0);
    free(out);
    expect_code(ARGS("examples/embed_text", "/nowhere"), EQB_ERR_IO, "/nowhere");
}
END_TEST

START_TEST(a_mask_is_filled)
{
    char *out = expect_output(ARGS("examples/fill_mask", tiny_model(), "She is a [MASK]."));
    char *json = expect_output(ARGS("probe", "--model", tiny_model(), "--csv", "--top", "1",
                                    "She is a [MASK]."));
    double p = 0.0, expected = 0.0;
    sscanf(out, "%lf", &p);
    const char *row = strchr(json, '\n');
    for (int column = 0; row && column < 13; column++) row = strchr(row + 1, ',');
    ck_assert(row && sscanf(row + 1, "%lf", &expected) == 1);
    ck_assert_msg(p > expected - 5e-5 && p < expected + 5e-5, "%g, ./probe says %g", p, expected);
    free(out);
    free(json);
    expect_code(ARGS("examples/fill_mask", tiny_model(), "She is."), EQB_ERR_ARGUMENT, "no [MASK]");
}
END_TEST

START_TEST(a_loss_of_ones_own_goes_down)
{
    char *out = expect_output(ARGS("examples/custom_loss", tiny_model(), tiny_pairs()));
    double first = 0.0, last = 1.0;
    const char *begin = strstr(out, "step 0: "), *end = strstr(out, "step 9: ");
    ck_assert(begin && end && sscanf(begin, "step 0: %lf", &first) == 1);
    ck_assert(sscanf(end, "step 9: %lf", &last) == 1);
    ck_assert_msg(last < first, "%g -> %g", first, last);
    ck_assert_ptr_nonnull(strstr(out, "eqb_train: gap "));
    free(out);
    expect_code(ARGS("examples/custom_loss", tiny_model(), "/nowhere"), EQB_ERR_IO, "/nowhere");
}
END_TEST

Suite *programs_suite(void)
{
    Suite *s = suite_create("programs");
    TCase *t = tcase_create("options and examples");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, every_program_explains_itself, 0, PROGRAMS);
    tcase_add_loop_test(t, every_program_refuses_what_it_does_not_know, 0, PROGRAMS);
    tcase_add_test(t, training_needs_a_file);
    tcase_add_test(t, a_sentence_is_like_itself);
    tcase_add_test(t, a_mask_is_filled);
    tcase_add_test(t, a_loss_of_ones_own_goes_down);
    suite_add_tcase(s, t);
    suite_add_tcase(s, program_probe_case());
    suite_add_tcase(s, program_probe_data_case());
    suite_add_tcase(s, program_runs_case());
    return s;
}
