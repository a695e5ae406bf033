/* ./train: makes a BERT say the same about a man and about a woman, and shows by how much. */
#include "programs/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    const char *pairs_path, *model_dir;
    eqb_pairs_options pairs;
    eqb_train_options train;
    double epochs;
    bool steps_given, dry_run, check_only, plain;
    int64_t shown_faults;
    int32_t activations; /* MiB */
} job;

static const char *const pair_losses = "mse,centred,kl,js", *const supports = "all,neutral,professions",
                  *const label_losses = "cross-entropy,mse";

static void on_fault(void *user, const char *file, int64_t line, const char *reason)
{
    job *j = user;
    if (j->shown_faults++ < 50) fprintf(stderr, "%s:%lld: %s\n", file, (long long)line, reason);
    if (j->shown_faults == 51) fprintf(stderr, "... and more\n");
}

/* Place i of a comma-separated list. */
static int choice(const char *list, int i, const char **text)
{
    for (; i > 0; i--) list = strchr(list, ',') + 1;
    *text = list;
    return (int)strcspn(list, ",");
}

static int64_t count_parameters(const eqb_model *model)
{
    int64_t n = 0;
    for (int32_t i = 0; i < eqb_model_parameter_count(model); i++) {
        eqb_parameter p = eqb_model_parameter(model, i);
        n += (int64_t)p.rows * p.cols;
    }
    return n;
}

static void print_plan(const job *j, const eqb_model *model, const eqb_pairs *pairs)
{
    const eqb_train_options *t = &j->train;
    const eqb_config *c = eqb_model_config(model);
    eqb_pairs_summary s = eqb_pairs_get_summary(pairs);
    int64_t n = count_parameters(model);
    printf("pairs       %s: %lld pair, %lld fact, %lld keep lines; %lld with a second segment\n",
           j->pairs_path, (long long)s.pair, (long long)s.fact, (long long)s.keep,
           (long long)s.with_next);
    printf("professions %lld, of which %lld held out; %lld lines to train on, %lld to test on\n",
           (long long)s.professions, (long long)s.held_out, (long long)s.train, (long long)s.test);
    printf("model       %s: %d layers, hidden %d, vocabulary %d; %.1f million parameters, about "
           "%.0f MB while training\n",
           j->model_dir, c->num_layers, c->hidden_size, c->vocab_size, 1e-6 * (double)n,
           1e-6 * 20.0 * (double)n);
    const char *pair, *support, *label;
    int pair_n = choice(pair_losses, (int)t->pair_loss, &pair);
    int support_n = choice(supports, (int)t->support, &support);
    int label_n = choice(label_losses, (int)t->label_loss, &label);
    printf("loss        %g x MLM (%.*s) + %g x NSP + %g x pair (%.*s of logits, %.*s)\n"
           "            + %g x NSP pair + %g x odds + %g x keep + %g x pair keep\n",
           t->weight_mlm, label_n, label, t->weight_nsp, t->weight_pair, pair_n, pair, support_n,
           support, t->weight_next_pair, t->weight_odds, t->weight_keep,
           t->weight_pair_keep);
    printf("steps       %lld of %d x %d lines, rate %g, warm-up %g, decay %g, pull %g, clip %g, dropout %g, "
           "seed %llu\n",
           (long long)t->run.steps, t->run.accumulate, t->batch, t->optimizer.learning_rate,
           t->optimizer.warmup, t->optimizer.weight_decay, t->optimizer.pull, t->optimizer.clip_norm,
           t->run.dropout < 0 ? (double)c->hidden_dropout : t->run.dropout,
           (unsigned long long)t->run.seed);
    printf("output      %s\n\n", t->run.output);
    fflush(stdout);
}

static void row(const char *name, double before, double after, bool change)
{
    if (isnan(before) && isnan(after)) return;
    printf("  %-46s ", name);
    if (isnan(before))
        printf("%9s", "-");
    else
        printf("%9.4f", before);
    printf(" %9.4f", after);
    if (change && before > 0.0) printf("  %+6.1f %%", 100.0 * (after - before) / before);
    printf("\n");
}

static void print_table(const eqb_pairs *pairs, const eqb_evaluation *b, const eqb_evaluation *a)
{
    eqb_pairs_summary s = eqb_pairs_get_summary(pairs);
    printf("\n%s: %lld slots, %lld second segments, %lld facts, %lld control tokens\n",
           s.test > 0 ? "Held-out professions and lines"
                      : "All lines (nothing is held out: these were trained on)",
           (long long)b->slots, (long long)b->next, (long long)b->facts, (long long)b->keeps);
    printf("  %-46s %9s %9s  %s\n", "", "before", "after", "change");
    row("gender gap, mean |ln p(w|m) - ln p(w|f)|", b->gap, a->gap, true);
    row("divergence (JS) of the two predictions", b->slot_js, a->slot_js, true);
    row("other direction, ln p(he)/p(she) moved by", b->odds_gap, a->odds_gap, true);
    row("MLM loss, male", b->mlm_loss[0], a->mlm_loss[0], true);
    row("MLM loss, female", b->mlm_loss[1], a->mlm_loss[1], true);
    row("MLM accuracy, male", b->mlm_accuracy[0], a->mlm_accuracy[0], false);
    row("MLM accuracy, female", b->mlm_accuracy[1], a->mlm_accuracy[1], false);
    row("NSP accuracy, male", b->next_accuracy[0], a->next_accuracy[0], false);
    row("NSP accuracy, female", b->next_accuracy[1], a->next_accuracy[1], false);
    row("NSP gap, mean |P(follows|m) - P(follows|f)|", b->next_gap, a->next_gap, true);
    row("facts that stay true: MLM loss", b->fact_loss, a->fact_loss, true);
    row("control sentences moved by, KL", NAN, a->keep_kl, false);
    row("their decisions (NSP) moved by, KL", NAN, a->next_keep_kl, false);
}

static eqb_status run(job *j, eqb_error *err)
{
    eqb_model *model = NULL;
    eqb_pairs *pairs = NULL;
    eqb_evaluation before, after;
    eqb_model_options options = {.seed = j->train.run.seed, .on_note = cli_note};
    eqb_status status = cli_model_load(&model, j->model_dir, &options, err);
    if (status == EQB_OK)
        status = cli_model_check(model, j->model_dir, j->check_only ? 0 : EQB_PART_MLM, err);
    if (status == EQB_OK)
        status = eqb_pairs_load(&pairs, j->pairs_path, eqb_model_tokenizer(model),
                                eqb_model_config(model)->max_positions, &j->pairs, err);
    if (status == EQB_OK && !j->steps_given) {
        double lines = (double)eqb_pairs_get_summary(pairs).train;
        double steps = ceil(j->epochs * lines / (j->train.batch * j->train.run.accumulate));
        j->train.run.steps = steps < 1 ? 1 : (int64_t)steps;
    }
    /* 1.5e-4 suits the shipped model, 2.5e-5 bert-base: wider models want smaller steps. */
    if (status == EQB_OK && j->train.optimizer.learning_rate == 0.0)
        j->train.optimizer.learning_rate = 0.0192 / eqb_model_config(model)->hidden_size;
    if (status == EQB_OK) print_plan(j, model, pairs);
    if (status == EQB_OK && !j->dry_run && !j->check_only) {
        status = eqb_train(model, pairs, &j->train, &before, &after, err);
        cli_progress_end();
        if (status == EQB_OK) {
            print_table(pairs, &before, &after);
            printf("\nwrote %s, a Hugging Face directory; compare: ./probe --model %s --against %s\n",
                   j->train.run.output, j->model_dir, j->train.run.output);
        }
    }
    eqb_pairs_free(pairs);
    eqb_model_free(model);
    return status;
}

int main(int argc, char **argv)
{
    job j = {.epochs = 12.0, .activations = EQB_ACTIVATION_LIMIT >> 20};
    eqb_pairs_options_default(&j.pairs);
    eqb_train_options_default(&j.train);
    eqb_train_options *t = &j.train;
    t->weight_pair = -1.0;
    for (int i = 1; i < argc; i++) /* a default of the others, so it goes first */
        if (strcmp(argv[i], "--plain") == 0) eqb_train_options_plain(t);
    int pair_loss = t->pair_loss, next_pair_loss = t->next_pair_loss;
    int support = t->support, label_loss = t->label_loss;
    t->run.output = "out/trained";
    t->run.on_progress = cli_progress;
    t->run.on_note = cli_note;
    t->run.steps = 0;
    t->optimizer.learning_rate = 0.0;
    const cli_option options[] = {
        {CLI_GROUP, NULL, NULL, NULL, "Model and data", 0, 0},
        {CLI_TEXT, "model", "DIR", &j.model_dir, "a BERT as Hugging Face has it [the shipped one]", 0,
         0},
        {CLI_REAL, "holdout", "P", &j.pairs.holdout, "share of professions kept for testing", 0, 0.9},
        {CLI_FLAG, "skip-bad", NULL, &j.pairs.skip_bad, "leave out lines with faults", 0, 0},
        {CLI_FLAG, "check", NULL, &j.check_only, "only check the pairs file", 0, 0},
        {CLI_GROUP, NULL, NULL, NULL, "Loss", 0, 0},
        {CLI_CHOICE, "pair-loss", pair_losses, &pair_loss, "what makes the two predictions agree", 0,
         0},
        {CLI_CHOICE, "next-pair-loss", pair_losses, &next_pair_loss, "the same of their decisions (NSP)",
         0, 0},
        {CLI_CHOICE, "support", supports, &support, "which words' logits must agree", 0, 0},
        {CLI_CHOICE, "label-loss", label_losses, &label_loss, "loss of the true word", 0, 0},
        {CLI_FLAG, "plain", NULL, &j.plain,
         "MSE of all logits + MLM + NSP, weights 1, unless other options say else", 0, 0},
        {CLI_REAL, "w-mlm", "X", &t->weight_mlm, "weight of the true word (MLM)", 0, 1e9},
        {CLI_REAL, "w-nsp", "X", &t->weight_nsp, "weight of next-sentence decisions", 0, 1e9},
        {CLI_REAL, "w-pair", "X", &t->weight_pair,
         "weight of agreement of the two versions' words; negative: 2400 of js, 480 of kl, 240 of mse "
         "and centred", -1, 1e9},
        {CLI_REAL, "w-next-pair", "X", &t->weight_next_pair,
         "weight of agreement of their decisions (NSP)", 0, 1e9},
        {CLI_REAL, "w-odds", "X", &t->weight_odds,
         "weight of the other direction: he or she, given the profession", 0, 1e9},
        {CLI_REAL, "w-keep", "X", &t->weight_keep,
         "weight of staying close to the original in keep and fact lines", 0, 1e9},
        {CLI_REAL, "w-pair-keep", "X", &t->weight_pair_keep,
         "the same in pair lines: gendered words, decisions", 0, 1e9},
        {CLI_REAL, "borrow-next", "P", &t->borrow_next,
         "share of pairs without a second segment that get another line's", 0, 1},
        {CLI_REAL, "false-next", "P", &t->false_next,
         "share of true second segments exchanged for false ones", 0, 1},
        {CLI_GROUP, NULL, NULL, NULL, "Training", 0, 0},
        {CLI_REAL, "epochs", "X", &j.epochs, "passes over the lines", 0.001, 1e6},
        {CLI_LONG, "steps", "N", &t->run.steps, "steps, instead of epochs; 0: epochs decide", 0, 1e12},
        {CLI_INT, "batch", "N", &t->batch, "lines a micro-batch", 1, 1 << 20},
        {CLI_INT, "accumulate", "N", &t->run.accumulate, "micro-batches a step", 1, 65536},
        {CLI_REAL, "lr", "X", &t->optimizer.learning_rate,
         "peak learning rate; 0: 0.0192 / hidden size", 0, 1e38},
        {CLI_REAL, "warmup", "P", &t->optimizer.warmup, "share of the steps with a rising rate", 0,
         0.999},
        {CLI_REAL, "weight-decay", "X", &t->optimizer.weight_decay, "AdamW's weight decay", 0, 1},
        {CLI_REAL, "pull", "P", &t->optimizer.pull,
         "share of the way back to the original that a step goes at the peak rate", 0, 1},
        {CLI_REAL, "clip", "X", &t->optimizer.clip_norm, "gradient norm limit, 0: none", 0, 1e9},
        {CLI_REAL, "dropout", "P", &t->run.dropout,
         "in the MLM and NSP terms; negative: the model's own", -1, 0.99},
        {CLI_TEXT, "freeze", "NAMES", &t->optimizer.freeze,
         "parts of parameter names that stay fixed; \"\": none", 0, 0},
        {CLI_SEED, "seed", "N", &t->run.seed, "of all random numbers, the hold-out's too", 0, 0},
        {CLI_INT, "activations", "MB", &j.activations,
         "of a micro-batch kept in memory; above it layers are computed twice", 0, 1 << 20},
        {CLI_GROUP, NULL, NULL, NULL, "Output", 0, 0},
        {CLI_TEXT, "out", "DIR", &t->run.output, "where the trained model goes", 0, 0},
        {CLI_LONG, "save-every", "N", &t->run.save_every,
         "steps between checkpoints, 0: only when interrupted", 0, 1e12},
        {CLI_INT, "keep-checkpoints", "N", &t->run.keep_checkpoints, "how many stay", 1, 1e6},
        {CLI_FLAG, "resume", NULL, &t->run.resume, "go on from the newest checkpoint in --out", 0, 0},
        {CLI_FLAG, "restart", NULL, &t->run.restart, "discard an unfinished run in --out", 0, 0},
        {CLI_FLAG, "dry-run", NULL, &j.dry_run, "stop after saying what would be done", 0, 0},
        {CLI_GROUP, NULL, NULL, NULL, NULL, 0, 0}};
    const cli c = {"train", "[OPTIONS] PAIRS.jsonl",
                   "Fine-tunes a BERT on pairs of sentences that differ only in gender, so that it\n"
                   "predicts the same for both, and keeps its language (README.md, \"The pairs file\").",
                   "  ./train pairs.jsonl\n"
                   "  ./train --model ~/models/bert-base-uncased --save-every 50 my.jsonl\n"
                   "  ./train --resume pairs.jsonl      (after an interruption)\n",
                   NULL, options};
    int code;
    int operands = cli_parse(&c, argc, argv, &j.pairs_path, 1, &code);
    if (operands < 0) return code;
    if (operands == 0) {
        fprintf(stderr, "train: no pairs file given; see train --help\n");
        return EQB_ERR_ARGUMENT;
    }
    t->pair_loss = (eqb_pair_loss)pair_loss;
    if (t->weight_pair < 0.0) t->weight_pair = eqb_pair_weight(t->pair_loss);
    t->next_pair_loss = (eqb_pair_loss)next_pair_loss;
    t->support = (eqb_support)support;
    t->label_loss = (eqb_label_loss)label_loss;
    j.steps_given = t->run.steps > 0;
    t->run.activation_limit = (size_t)j.activations << 20;
    j.pairs.seed = t->run.seed;
    j.pairs.on_fault = on_fault;
    j.pairs.user = &j;
    if (!j.model_dir) j.model_dir = cli_shipped("weights/mini");
    cli_catch_signals();
    eqb_error err = {0};
    eqb_status status = run(&j, &err);
    return status == EQB_OK ? 0 : cli_fail("train", status, &err);
}
