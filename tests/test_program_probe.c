/* ./probe as people use it: what it prints, and what it refuses. */
#include "tests/programs_testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HE_SHE "{He|She} works as the [MASK]."

static void check_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "expected \"%s\" in:\n%s", part, text);
}

static int count_of(const char *text, const char *part)
{
    int n = 0;
    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        n++;
    }
    return n;
}

START_TEST(built_in_texts_are_scored_when_nothing_is_asked)
{
    char *out = expect_output(ARGS("probe", "--model", tiny_model()));
    check_has(out, "  He works as the [MASK]. / She works as the [MASK].\n");
    check_has(out, "\n  nurse ");
    check_has(out, "method    masked: ");
    check_has(out, "\nmean |log-ratio|");
    check_has(out, "5 words, 60 scores\n");
    check_has(out, "skipped   7 not in the vocabulary of "); /* of its 12 words */
    free(out);
}
END_TEST

START_TEST(likeliest_words_stand_side_by_side)
{
    char *out = expect_output(ARGS("probe", "--model", tiny_model(), "--top", "4", HE_SHE));
    check_has(out, "\nmale      He works as the [MASK].\nfemale    She works as the [MASK].\n");
    check_has(out, "  p(male) p(female)  log-ratio     female\xe2\x94\x82male\n");
    ck_assert_int_eq(count_of(strstr(out, "log-ratio"), "\n"), 5);
    ck_assert_ptr_null(strchr(out, '\033')); /* stdout is no terminal */
    free(out);
}
END_TEST

START_TEST(masks_of_a_text_are_guessed_one_by_one)
{
    char *out = expect_output(ARGS("probe", "--model", tiny_model(), "My [MASK] is [MASK]."));
    check_has(out, "the 2 [MASK] are guessed independently");
    check_has(out, "[MASK] 1 of 2\n");
    check_has(out, "[MASK] 2 of 2\n");
    ck_assert_ptr_null(strstr(out, "female"));
    free(out);
}
END_TEST

START_TEST(words_of_several_pieces_are_named)
{
    char *out = expect_output(ARGS("probe", "--model", tiny_model(), HE_SHE, "--targets",
                                   " firefighter, nurse,snow", "--method", "l2r"));
    check_has(out, "method    l2r: ");
    check_has(out, "fire ##fight ##er\n");
    check_has(out, "2 words, 2 scores\n");
    check_has(out, "skipped   1 not in the vocabulary of ");
    check_has(out, ": snow\n");
    free(out);
}
END_TEST

START_TEST(a_model_against_itself_has_not_changed)
{
    const char *model = tiny_model();
    char *out = expect_output(ARGS("probe", "--model", model, "--against", model, HE_SHE,
                                   "--targets", "nurse,cook"));
    check_has(out, "before    ");
    check_has(out, "after     ");
    check_has(out, "change  +0.0000  [+0.0000, +0.0000]");
    free(out);
}
END_TEST

START_TEST(all_slots_of_a_pairs_file_are_scored)
{
    char *out = expect_output(ARGS("probe", "--model", tiny_model(), "--pairs", tiny_pairs()));
    check_has(out, "\npair lines\n");
    check_has(out, "\n  8: doctor ");
    check_has(out, "\n  8: nurse ");
    check_has(out, "\nfact lines: ");
    check_has(out, "\n  10: husband / wife ");
    check_has(out, "6 words, 8 scores\n");
    check_has(out, "not scored: 1 slots without a word ({?}), 1 lines without a marked slot, ");
    free(out);
}
END_TEST

START_TEST(second_segments_are_judged_for_both)
{
    char *out = expect_output(ARGS("probe", "--model", tiny_model(), "--next",
                                   "My {husband|wife} is home.", "{He|She} is the pilot."));
    check_has(out, "male      My husband is home.  |  He is the pilot.\n");
    check_has(out, "female    My wife is home.  |  She is the pilot.\n");
    check_has(out, "\n  follows ");
    check_has(out, "P(follows | male) - P(follows | female) = ");
    free(out);
    out = expect_output(ARGS("probe", "--model", tiny_model(), "--next", "My wife is home.",
                             "She is the pilot."));
    check_has(out, "text      My wife is home.  |  She is the pilot.\n");
    free(out);
}
END_TEST

START_TEST(braces_can_be_written_out)
{
    char *out = expect_output(ARGS("probe", "--model", tiny_model(), "\\{he\\|she\\} is [MASK]"));
    check_has(out, "text      {he|she} is [MASK]\n");
    free(out);
}
END_TEST

/* ---------------------------------------------------------------------------------- refusals -- */

static const struct {
    const char *text, *said;
} bad_texts[] = {
    {"He is.", "no [MASK] in \"He is.\""},
    {"He is [mask].", "no [MASK]"},
    {"", "no [MASK]"},
    {"{He|She is [MASK]", "\"{\" without \"}\" at character 1"},
    {"He} is [MASK]", "\"}\" without \"{\" at character 3"},
    {"{He} is [MASK]", "only one alternative at character 1"},
    {"\xc3\xa9 {He|She|It} is [MASK]", "a third alternative at character 10"},
    {"{He {is|was}} [MASK]", "\"{\" inside \"{\" at character 5"},
    {"{He|[MASK]} is [MASK]", "different numbers of [MASK]"},
    {"he he he he he he he he he he he he he he he he he he he he he he he he he he he he he he "
     "[MASK]", "33 tokens are too many"},
};

START_TEST(bad_texts_are_refused_with_the_place)
{
    expect_code(ARGS("probe", "--model", tiny_model(), bad_texts[_i].text), EQB_ERR_ARGUMENT,
                bad_texts[_i].said);
}
END_TEST

START_TEST(contradictions_are_refused)
{
    const char *model = tiny_model();
    expect_code(ARGS("probe", "--json", "--csv"), 1, "not both");
    expect_code(ARGS("probe", "--pairs", "x", HE_SHE), 1, "--pairs goes without");
    expect_code(ARGS("probe", "--next", "He is home."), 1, "needs a second segment");
    expect_code(ARGS("probe", "--next", "a", "b", "--targets", "c"), 1, "--targets");
    expect_code(ARGS("probe", "--model", model, "--targets", " ,,", HE_SHE), 1, "names no word");
    expect_code(ARGS("probe", "--method", "best"), 1, "one of masked,l2r");
    expect_code(ARGS("probe", "--top", "0"), 1, "whole number");
    /* The pieces of the word make the text too long, not the text as it is written. */
    expect_code(ARGS("probe", "--model", model, "--targets", "firefighter",
                     "he he he he he he he he he he he he he he he he he he he he he he he he he "
                     "he he he he [MASK]"), 1, "34 tokens are too many");
}
END_TEST

START_TEST(faults_of_a_pairs_file_are_told_by_line)
{
    static const char text[] = "{\"male\": \"He is the {nurse}.\"}\n"
                               "{\"male\": \"He is {old}.\", \"female\": \"She is {old}.\"}\n";
    static const char none[] = "{\"kind\": \"keep\", \"text\": \"The dog is old.\"}\n";
    char path[160];
    snprintf(path, sizeof path, "%s/bad.jsonl", temporary_dir());
    write_file(path, text, sizeof text - 1);
    const char *model = tiny_model();
    expect_code(ARGS("probe", "--model", model, "--pairs", path), EQB_ERR_DATA, "bad.jsonl:1: ");
    expect_code(ARGS("probe", "--model", model, "--pairs", path, "--skip-bad"), 0, "jsonl:1: ");
    write_file(path, none, sizeof none - 1);
    expect_code(ARGS("probe", "--model", model, "--pairs", path), EQB_ERR_DATA, "no line has");
    expect_code(ARGS("probe", "--model", model, "--pairs", "/nowhere"), EQB_ERR_IO, "cannot open");
}
END_TEST

/* The tiny model without the tensors whose names begin with part: they get another name of the same
 * length, which no model has.                                                                    */
static const char *model_without(const char *part)
{
    static char dir[160];
    strcpy(dir, temporary_dir());
    static const char *const files[] = {"config.json", "vocab.txt", "tokenizer_config.json",
                                        "model.safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[4096];
        size_t size;
        snprintf(path, sizeof path, "%s/%s", tiny_model(), files[i]);
        char *data = read_file(path, &size);
        for (size_t k = 0; i == 3 && k + strlen(part) <= size; k++)
            if (memcmp(data + k, part, strlen(part)) == 0) data[k] = 'x';
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        write_file(path, data, size);
        free(data);
    }
    return dir;
}

START_TEST(models_that_cannot_answer_are_refused)
{
    const char *dir = model_without("cls.predictions.");
    expect_code(ARGS("probe", "--model", dir, HE_SHE), EQB_ERR_MODEL, "it cannot guess words");
    expect_code(ARGS("probe", "--model", dir, "--next", "He is.", "She is."), 0, NULL);
    expect_code(ARGS("probe", "--model", tiny_model(), "--against", dir, HE_SHE), EQB_ERR_MODEL,
                "has no masked-language-model head");
    dir = model_without("cls.seq_relationship.");
    expect_code(ARGS("probe", "--model", dir, "--next", "He is.", "She is."), EQB_ERR_MODEL,
                "has no next-sentence head");
    expect_code(ARGS("probe", "--model", dir, HE_SHE), 0, NULL);
    expect_code(ARGS("probe", "--model", "/nowhere", HE_SHE), EQB_ERR_IO, "/nowhere");
    expect_code(ARGS("probe", "--model", temporary_dir(), HE_SHE), EQB_ERR_MODEL, "config.json");
}
END_TEST

TCase *program_probe_case(void)
{
    TCase *t = tcase_create("probe");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, built_in_texts_are_scored_when_nothing_is_asked);
    tcase_add_test(t, likeliest_words_stand_side_by_side);
    tcase_add_test(t, masks_of_a_text_are_guessed_one_by_one);
    tcase_add_test(t, words_of_several_pieces_are_named);
    tcase_add_test(t, a_model_against_itself_has_not_changed);
    tcase_add_test(t, all_slots_of_a_pairs_file_are_scored);
    tcase_add_test(t, second_segments_are_judged_for_both);
    tcase_add_test(t, braces_can_be_written_out);
    tcase_add_loop_test(t, bad_texts_are_refused_with_the_place, 0,
                        sizeof bad_texts / sizeof *bad_texts);
    tcase_add_test(t, contradictions_are_refused);
    tcase_add_test(t, faults_of_a_pairs_file_are_told_by_line);
    tcase_add_test(t, models_that_cannot_answer_are_refused);
    return t;
}
