/* ./bias: how much a BERT's guesses about professions depend on gender, and what else it knows. */
#include "programs/bias.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct files {
    const char *json, *csv;
} files;

static eqb_status load(bias *b, int32_t m, eqb_error *err)
{
    const eqb_model_options options = {.on_note = cli_note};
    eqb_status status = cli_model_load(&b->model[m], b->dir[m], &options, err);
    return status == EQB_OK ? cli_model_check(b->model[m], b->dir[m], EQB_PART_MLM, err) : status;
}

/* ------------------------------------------------------------------------------------ output -- */

static eqb_status cannot_write(const char *path, eqb_error *err)
{
    return bias_fail(err, EQB_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
}

/* Finds out before the work whether its fruits can be kept; what is in the file stays for now. */
static eqb_status try_to_write(const char *path, eqb_error *err)
{
    FILE *file = path ? fopen(path, "a") : NULL;
    if (path && !file) return cannot_write(path, err);
    if (file) fclose(file);
    return EQB_OK;
}

/* Records go to stdout, so stdout becomes the file. */
static eqb_status write_file(const bias *b, const char *path, void (*write)(const bias *b),
                             eqb_error *err)
{
    if (!path) return EQB_OK;
    if (!freopen(path, "w", stdout)) return cannot_write(path, err);
    write(b);
    return fflush(stdout) != 0 || ferror(stdout) ? cannot_write(path, err) : EQB_OK;
}

static eqb_status report(const bias *b, const files *f, eqb_error *err)
{
    bias_print(b);
    eqb_status status = fflush(stdout) != 0 || ferror(stdout) ? cannot_write("stdout", err) : EQB_OK;
    if (status == EQB_OK) status = write_file(b, f->json, bias_write_json, err);
    if (status == EQB_OK) status = write_file(b, f->csv, bias_write_csv, err);
    return status;
}

static eqb_status run(bias *b, const files *f, eqb_error *err)
{
    eqb_status status = try_to_write(f->json, err);
    if (status == EQB_OK) status = try_to_write(f->csv, err);
    for (int32_t m = 0; status == EQB_OK && m < b->models; m++) {
        status = load(b, m, err);
        if (status == EQB_OK && m == BEFORE)
            status = bias_look(b, eqb_model_tokenizer(b->model[m]),
                               eqb_model_config(b->model[m])->max_positions, err);
        if (status == EQB_OK)
            fprintf(stderr, "asking %s: %d professions in %d sentences with %d pairs of gender "
                            "words\n",
                    b->dir[m], PROFESSIONS, TEMPLATES, GENDERS);
        if (status == EQB_OK) status = bias_measure(b, m, err);
    }
    if (status == EQB_OK) {
        bias_make_figures(b);
        status = report(b, f, err);
    }
    for (int32_t m = 0; m < MODELS; m++) eqb_model_free(b->model[m]);
    return status;
}

/* ----------------------------------------------------------------------------------- options -- */

static const char *const SUMMARY =
    "Measures how much a BERT's guesses about professions depend on gender, in both directions,\n"
    "in next-sentence decisions, and whether it still knows true differences and its language.\n"
    "The sentences are built in; what of them is in the training pairs is reported apart.";
static const char *const EXAMPLE =
    "  ./bias\n"
    "  ./bias --against out/trained --json bias.json\n"
    "  ./bias --model ~/models/bert-base-uncased --text held-out.txt\n";
static const char *const NOTES =
    "JSON: \"figures\" has a record for each mean of the report: section (forward, reverse, next,\n"
    "  facts, text), slice, what, model (before, after, change), value, low, high (95 % interval),\n"
    "  scores; professions, sentences, genders: how many of each the bootstrap draws from, 1 where\n"
    "  there is no choice; then the tables and every single score.\n"
    "CSV: a row for each model, profession, template and group of gender words (pronouns,\n"
    "  relatives, others), means over the group's words: scores, p_male, p_female, log_ratio,\n"
    "  abs_log_ratio. split says whether the pairs' slots have the profession and whether --seed\n"
    "  and --holdout, as in ./train, keep it for testing: trained, held-out, absent.\n";

int main(int argc, char **argv)
{
    static bias b = {.pairs = NULL, .text_sequences = 500}; /* large */
    files f = {0};
    eqb_pairs_options pairs;
    eqb_pairs_options_default(&pairs);
    b.holdout = pairs.holdout;
    b.seed = pairs.seed;
    const cli_option options[] = {
        {CLI_GROUP, NULL, NULL, NULL, "Model", 0, 0},
        {CLI_TEXT, "model", "DIR", &b.dir[BEFORE],
         "a BERT as Hugging Face has it [the shipped one]", 0, 0},
        {CLI_TEXT, "against", "DIR", &b.dir[AFTER],
         "a second one beside it, such as out/trained", 0, 0},
        {CLI_GROUP, NULL, NULL, NULL, "Data", 0, 0},
        {CLI_TEXT, "pairs", "FILE", &b.pairs, "what was trained on [the shipped pairs.jsonl]", 0, 0},
        {CLI_SEED, "seed", "N", &b.seed, "the --seed of ./train: which professions are held out", 0,
         0},
        {CLI_REAL, "holdout", "P", &b.holdout, "the --holdout of ./train", 0, 0.9},
        {CLI_TEXT, "text", "FILE", &b.text,
         "plain text to test language on, a blank line between documents", 0, 0},
        {CLI_LONG, "text-sequences", "N", &b.text_sequences, "of it at most so many", 1, 1e9},
        {CLI_FLAG, "validation", NULL, &b.validation,
         "other sentences, gender words and facts: to choose a recipe by", 0, 0},
        {CLI_GROUP, NULL, NULL, NULL, "Output", 0, 0},
        {CLI_TEXT, "json", "FILE", &f.json, "all figures and every score", 0, 0},
        {CLI_TEXT, "csv", "FILE", &f.csv, "a row for each profession, template and group", 0, 0},
        {CLI_GROUP, NULL, NULL, NULL, NULL, 0, 0}};
    const cli c = {"bias", "[OPTIONS]", SUMMARY, EXAMPLE, NOTES, options};
    int code;
    if (cli_parse(&c, argc, argv, NULL, 0, &code) < 0) return code;
    if (b.validation) bias_use_validation_tables();
    if (!b.dir[BEFORE]) b.dir[BEFORE] = cli_shipped("weights/mini");
    if (!b.pairs) b.pairs = cli_shipped("pairs.jsonl");
    b.models = b.dir[AFTER] ? MODELS : 1;
    cli_catch_signals();
    eqb_error err = {0};
    eqb_status status = run(&b, &f, &err);
    return status == EQB_OK ? 0 : cli_fail("bias", status, &err);
}
