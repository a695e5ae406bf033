/* ./train and ./pretrain from end to end: what they leave behind, and what becomes of a run that is
 * interrupted, killed, doubled, or goes astray. Each such test runs with both programs.          */
#include "tests/programs_testing.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { TRAIN, PRETRAIN, PROGRAMS };

/* The command line of a run of 200 steps into out; more arguments go before the file. Static. */
static const char *const *command(int program, const char *out, const char *const more[])
{
    static const char *args[48];
    static const char *const base[PROGRAMS][24] = {
        {"train", "--batch", "4", "--steps", "200", "--save-every", "20"},
        {"pretrain", "--layers", "1", "--hidden", "16", "--heads", "2", "--feed-forward", "32",
         "--positions", "24", "--max-tokens", "24", "--batch-tokens", "64", "--vocab", "90",
         "--steps", "200", "--save-every", "20"}};
    int n = 0;
    for (int i = 0; base[program][i]; i++) args[n++] = base[program][i];
    if (program == TRAIN) {
        args[n++] = "--model";
        args[n++] = tiny_model();
    }
    args[n++] = "--out";
    args[n++] = out;
    for (int i = 0; more[i]; i++) args[n++] = more[i];
    args[n++] = program == TRAIN ? tiny_pairs() : tiny_text();
    args[n] = NULL;
    return args;
}

/* Where a run that nothing happened to left its model. */
static const char *reference(int program)
{
    static char dir[PROGRAMS][160];
    if (!dir[program][0]) {
        strcpy(dir[program], fresh_path());
        expect_code(command(program, dir[program], ARGS(NULL)), 0, NULL);
    }
    return dir[program];
}

static void pause_for(long microseconds)
{
    nanosleep(&(struct timespec){microseconds / 1000000, microseconds % 1000000 * 1000}, NULL);
}

static int lines_of_metrics(const char *out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/metrics.jsonl", out);
    FILE *f = fopen(path, "r");
    int lines = 0;
    for (int c; f && (c = getc(f)) != EOF;) lines += c == '\n';
    if (f) fclose(f);
    return lines;
}

/* Waits until a run has done some steps. */
static void wait_for_steps(const running *r, const char *out, int steps)
{
    siginfo_t ended = {0};
    while (lines_of_metrics(out) < steps) {
        ck_assert(waitid(P_PID, (id_t)r->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0);
        if (ended.si_pid == r->pid) return;
        pause_for(1000);
    }
}

static int names_that(bool (*fits)(const char *name), const char *out)
{
    DIR *d = opendir(out);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) n += fits(e->d_name);
    if (d) closedir(d);
    return n;
}

static bool is_checkpoint(const char *name)
{
    return strncmp(name, "checkpoint-", 11) == 0 && !name[11 + strspn(name + 11, "0123456789")];
}

static bool is_half_made(const char *name)
{
    return strstr(name, ".tmp") || strstr(name, ".old");
}

/* ------------------------------------------------------------------------------------ whole -- */

START_TEST(training_leaves_a_model_and_a_table)
{
    const char *out = fresh_path();
    char *said = expect_output(command(TRAIN, out, ARGS("--steps", "5")));
    ck_assert_ptr_nonnull(strstr(said, "steps       5 of "));
    ck_assert_ptr_nonnull(strstr(said, "gender gap"));
    free(said);
    ck_assert_int_eq(lines_of_metrics(out), 5);
    eqb_model *model;
    eqb_error err = {0};
    ck_assert_msg(eqb_model_load(&model, out, NULL, &err) == EQB_OK, "%s", err.message);
    ck_assert_uint_eq(eqb_model_parts(model), EQB_PART_POOLER | EQB_PART_MLM | EQB_PART_NSP);
    eqb_model_free(model);
    char path[4096];
    snprintf(path, sizeof path, "%s", tiny_model());
    said = expect_output(ARGS("probe", "--model", path, "--against", out));
    ck_assert_ptr_nonnull(strstr(said, "change"));
    free(said);
}
END_TEST

START_TEST(a_dry_run_writes_nothing)
{
    const char *out = fresh_path();
    expect_code(command(_i, out, ARGS("--dry-run")), 0, NULL);
    ck_assert(!exists(out, ""));
}
END_TEST

/* Each pair loss has a weight that suits it, unless one is given. */
START_TEST(the_weight_suits_the_loss)
{
    const struct {
        const char *const *options;
        const char *said;
    } of[] = {{ARGS("--dry-run"), " 2400 x pair (js of logits, neutral)"},
              {ARGS("--dry-run", "--pair-loss", "kl"), " 480 x pair (kl "},
              {ARGS("--dry-run", "--pair-loss", "mse"), " 240 x pair (mse "},
              {ARGS("--dry-run", "--pair-loss", "centred", "--w-pair", "7"), " 7 x pair (centred "},
              {ARGS("--dry-run", "--plain"), " 1 x pair (mse of logits, all)"}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char *said = expect_output(command(TRAIN, fresh_path(), of[i].options));
        ck_assert_msg(strstr(said, of[i].said) != NULL, "%s: %s", of[i].said, said);
        free(said);
    }
}
END_TEST

/* ------------------------------------------------------------------------------ interrupted -- */

static void interrupt_and_resume(int program, int number)
{
    const char *out = fresh_path();
    int code = 0;
    /* On a busy machine the run may be over before it is noticed to have begun. */
    for (int attempt = 0; attempt < 5 && code == 0; attempt++) {
        running r = start(command(program, out, ARGS("--restart")));
        wait_for_steps(&r, out, 3);
        kill(r.pid, number);
        ran end = wait_for(&r);
        code = end.code;
        ck_assert_msg(code == 0 || strstr(end.err, "to be resumed from"), "%s", end.err);
        ran_free(&end);
    }
    ck_assert_int_eq(code, 128 + number);
    ck_assert_int_ge(names_that(is_checkpoint, out), 1);
    ck_assert_int_eq(names_that(is_half_made, out), 0);
    ck_assert(!exists(out, "model.safetensors"));
    expect_code(command(program, out, ARGS(NULL)), EQB_ERR_DATA, "unfinished run");
    expect_code(command(program, out, ARGS("--resume", "--seed", "7")), EQB_ERR_DATA, "seed=42");
    if (program == TRAIN)
        expect_code(command(program, out, ARGS("--resume", "--w-odds", "7")), EQB_ERR_DATA,
                    "weight_odds=");
    expect_code(command(program, out, ARGS("--resume")), 0, "resumed at step ");
    check_same_file(reference(program), out, "model.safetensors");
    ck_assert_int_eq(lines_of_metrics(out), 200);
}

START_TEST(sigint_leaves_a_run_that_resumes_to_the_same_bytes)
{
    interrupt_and_resume(_i, SIGINT);
}
END_TEST

START_TEST(sigterm_leaves_a_run_that_resumes_to_the_same_bytes)
{
    interrupt_and_resume(_i, SIGTERM);
}
END_TEST

/* With --resume if there is something to resume from, else anew. */
static const char *const *command_to_go_on(int program, const char *out)
{
    bool resume = names_that(is_checkpoint, out) > 0;
    return command(program, out, ARGS(resume ? "--resume" : "--restart"));
}

START_TEST(killed_at_any_instant_a_run_resumes_to_the_same_bytes)
{
    const char *out = fresh_path();
    unsigned state = 12345;
    for (int i = 0; i < 10; i++) {
        running r = start(command_to_go_on(_i, out));
        if (i % 2 == 0) wait_for_steps(&r, out, 1); /* else it may still be loading */
        state = state * 1103515245u + 12345u;
        pause_for((long)(state >> 16) % 60000);
        kill(r.pid, SIGKILL);
        ran end = wait_for(&r);
        ck_assert_msg(end.code == 128 + SIGKILL || end.code == 0, "%d: %s", end.code, end.err);
        ran_free(&end);
    }
    expect_code(command_to_go_on(_i, out), 0, NULL);
    check_same_file(reference(_i), out, "model.safetensors");
    ck_assert_int_eq(names_that(is_half_made, out), 0);
}
END_TEST

START_TEST(what_a_killed_run_left_half_made_is_cleared)
{
    static const char *const left[] = {"checkpoint-20.old", "checkpoint-40.tmp"};
    const char *out = fresh_path();
    char path[4096];
    ck_assert_int_eq(mkdir(out, 0777), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", out, left[i]);
        ck_assert_int_eq(mkdir(path, 0777), 0);
        snprintf(path, sizeof path, "%s/%s/config.json", out, left[i]);
        write_file(path, "{", 1);
    }
    snprintf(path, sizeof path, "%s/model.safetensors.tmp-123", out);
    write_file(path, "{", 1);
    expect_code(command(_i, out, ARGS(NULL)), 0, NULL);
    ck_assert_int_eq(names_that(is_half_made, out), 0);
    check_same_file(reference(_i), out, "model.safetensors");
}
END_TEST

START_TEST(a_second_run_in_the_same_place_is_refused)
{
    const char *out = fresh_path();
    running r = start(command(_i, out, ARGS("--steps", "1000000")));
    wait_for_steps(&r, out, 1);
    expect_code(command(_i, out, ARGS("--restart")), EQB_ERR_DATA, "another run is writing there");
    kill(r.pid, SIGTERM);
    ran end = wait_for(&r);
    ck_assert_int_eq(end.code, 128 + SIGTERM);
    ran_free(&end);
}
END_TEST

/* ----------------------------------------------------------------------------------- astray -- */

START_TEST(a_diverged_run_keeps_its_last_checkpoint)
{
    const char *out = fresh_path();
    expect_code(command(TRAIN, out, ARGS("--lr", "1e30", "--warmup", "0", "--save-every", "1")),
                EQB_ERR_DIVERGED, "step ");
    ck_assert(!exists(out, "model.safetensors"));
    char path[4096];
    snprintf(path, sizeof path, "%s/checkpoint-1", out);
    eqb_model *model; /* the loader refuses NaN and infinities */
    eqb_error err = {0};
    ck_assert_msg(eqb_model_load(&model, path, NULL, &err) == EQB_OK, "%s", err.message);
    eqb_model_free(model);
}
END_TEST

START_TEST(a_place_that_cannot_be_written_is_told)
{
    char out[4096];
    snprintf(out, sizeof out, "%s/run", tiny_pairs()); /* under a file */
    expect_code(command(_i, out, ARGS(NULL)), EQB_ERR_IO, "is not a directory");
}
END_TEST

START_TEST(bad_input_is_told_before_anything_is_written)
{
    const char *out = fresh_path();
    char path[160];
    snprintf(path, sizeof path, "%s/bad.jsonl", temporary_dir());
    static const char bad[] = "{\"male\": \"He is the {nurse}.\"}\nno JSON\n";
    write_file(path, bad, sizeof bad - 1);
    expect_code(ARGS("train", "--model", tiny_model(), "--out", out, path), EQB_ERR_DATA,
                "bad.jsonl:2: not JSON");
    expect_code(ARGS("train", "--model", tiny_model(), "--out", out, "/nowhere"), EQB_ERR_IO,
                "/nowhere");
    expect_code(ARGS("train", "--model", "/nowhere", "--out", out, path), EQB_ERR_IO, "/nowhere");
    expect_code(ARGS("train", "--model", temporary_dir(), "--out", out, path), EQB_ERR_MODEL,
                "config.json");
    expect_code(ARGS("pretrain", "--out", out, "/nowhere"), EQB_ERR_IO, "/nowhere");
    ck_assert(!exists(out, ""));
}
END_TEST

/* A text of 200 small documents. Static. */
static const char *many_documents(void)
{
    static char path[4096], text[200 * 96];
    static const char *const who[] = {"nurse", "doctor", "pilot", "teacher", "cook"};
    size_t n = 0;
    for (int k = 0; k < 200; k++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "The %s is in the town. The %s is loud, number %d.\n\n", who[k % 5],
                              who[k * 3 % 5], k);
    snprintf(path, sizeof path, "%s/many.txt", temporary_dir());
    write_file(path, text, n);
    return path;
}

static const char *line_of(const char *text, const char *begin)
{
    const char *at = strstr(text, begin);
    ck_assert_msg(at != NULL, "no \"%s\" in: %s", begin, text);
    return at;
}

/* A share of the documents is held out, and scoring the model again on it says the same. */
START_TEST(pretraining_scores_what_it_held_out)
{
    const char *out = fresh_path(), *text = many_documents();
    const char *const model[] = {"--layers", "1", "--hidden", "16", "--heads", "2",
                                 "--feed-forward", "32", "--positions", "24", "--vocab", "90"};
    const char *args[48] = {"pretrain"};
    int n = 1;
    for (size_t i = 0; i < sizeof model / sizeof *model; i++) args[n++] = model[i];
    const char *const rest[] = {"--max-tokens", "24", "--batch-tokens", "256", "--steps", "60",
                                "--heldout-share", "0.2", "--out", out, text};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) args[n++] = rest[i];
    char *first = expect_output(args);
    int documents = 0, left = 0;
    long long sequences, masked;
    ck_assert_int_eq(sscanf(line_of(first, "text "), "text 1 files, %d documents", &left), 1);
    ck_assert_int_eq(sscanf(line_of(first, "held out"),
                            "held out %lld sequences, %lld masked tokens of %d documents",
                            &sequences, &masked, &documents), 3);
    ck_assert_int_eq(documents + left, 200);
    ck_assert(documents > 20 && documents < 60 && masked > 0);
    double model_loss, frequency_loss;
    ck_assert_int_eq(sscanf(line_of(first, "  model "), " model MLM loss %lf", &model_loss), 1);
    ck_assert_int_eq(sscanf(line_of(first, "  frequency "), " frequency MLM loss %lf",
                            &frequency_loss), 1);
    ck_assert_double_lt(model_loss, frequency_loss);
    char *again = expect_output(ARGS("pretrain", "--model", out, "--steps", "0", "--max-tokens",
                                     "24", "--batch-tokens", "256", "--heldout-share", "0.2", text));
    const char *scores = line_of(first, "held out");
    size_t length = (size_t)(line_of(scores, "wrote ") - scores);
    ck_assert_uint_eq(strlen(line_of(again, "held out")), length);
    ck_assert(strncmp(line_of(again, "held out"), scores, length) == 0);
    free(first);
    free(again);
}
END_TEST

/* The reason comes before any fault of the pairs. */
START_TEST(a_model_that_lacks_something_is_refused)
{
    const char *out = fresh_path();
    char bare[160], deaf[160];
    eqb_error err = {0};
    eqb_model *model;
    strcpy(bare, temporary_dir());
    strcpy(deaf, temporary_dir());
    ck_assert_int_eq(eqb_model_load(&model, tiny_model(), NULL, &err), EQB_OK);
    ck_assert_int_eq(eqb_model_save(model, bare, &err), EQB_OK);
    char path[200];
    snprintf(path, sizeof path, "%s/vocab.txt", bare);
    ck_assert_int_eq(remove(path), 0);
    const eqb_model_options seed = {.seed = 1};
    eqb_tokenizer *t;
    ck_assert_int_eq(eqb_tokenizer_load(&t, tiny_model(), NULL, &err), EQB_OK);
    eqb_model *fresh;
    ck_assert_int_eq(eqb_model_new(&fresh, eqb_model_config(model), t, &seed, &err), EQB_OK);
    const eqb_save_options known = {.known_parts_only = true};
    ck_assert_int_eq(eqb_model_save_with(fresh, deaf, &known, &err), EQB_OK);
    expect_code(ARGS("train", "--model", bare, "--out", out, tiny_pairs()), EQB_ERR_MODEL,
                "has no vocabulary");
    expect_code(ARGS("train", "--model", deaf, "--out", out, "/nowhere"), EQB_ERR_MODEL,
                "has no masked-language-model head: it cannot guess words");
    expect_code(ARGS("pretrain", "--model", bare, "--out", out, tiny_text()), EQB_ERR_ARGUMENT,
                "no tokenizer");
    expect_code(ARGS("probe", "--model", bare), EQB_ERR_MODEL, "has no vocabulary");
    expect_code(ARGS("probe", "--model", deaf), EQB_ERR_MODEL, "it cannot guess words");
    expect_code(ARGS("bias", "--model", deaf), EQB_ERR_MODEL, "it cannot guess words");
    ck_assert(!exists(out, ""));
    eqb_model_free(fresh);
    eqb_model_free(model);
}
END_TEST

TCase *program_runs_case(void)
{
    TCase *t = tcase_create("runs");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, training_leaves_a_model_and_a_table);
    tcase_add_test(t, the_weight_suits_the_loss);
    tcase_add_loop_test(t, a_dry_run_writes_nothing, 0, PROGRAMS);
    tcase_add_loop_test(t, sigint_leaves_a_run_that_resumes_to_the_same_bytes, 0, PROGRAMS);
    tcase_add_loop_test(t, sigterm_leaves_a_run_that_resumes_to_the_same_bytes, 0, PROGRAMS);
    tcase_add_loop_test(t, killed_at_any_instant_a_run_resumes_to_the_same_bytes, 0, PROGRAMS);
    tcase_add_loop_test(t, what_a_killed_run_left_half_made_is_cleared, 0, PROGRAMS);
    tcase_add_loop_test(t, a_second_run_in_the_same_place_is_refused, 0, PROGRAMS);
    tcase_add_test(t, a_diverged_run_keeps_its_last_checkpoint);
    tcase_add_loop_test(t, a_place_that_cannot_be_written_is_told, 0, PROGRAMS);
    tcase_add_test(t, bad_input_is_told_before_anything_is_written);
    tcase_add_test(t, pretraining_scores_what_it_held_out);
    tcase_add_test(t, a_model_that_lacks_something_is_refused);
    return t;
}
