/* ./pretrain: a BERT from nothing but plain text: vocabulary, MLM + NSP, a Hugging Face directory. */
#include "programs/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct job {
    const char *file[256];
    int32_t files;
    eqb_config config;
    eqb_tokenizer_options tokenizer;
    eqb_pretrain_options pretrain;
    const char *model_dir, *heldout;
    bool cased, dry_run;
    double init, heldout_share;
    int32_t window, activations; /* MiB */
    int64_t eval_sequences;
} job;

static void print_plan(const job *j, const eqb_model *model, const eqb_corpus *corpus)
{
    const eqb_pretrain_options *p = &j->pretrain;
    const eqb_config *c = eqb_model_config(model);
    int64_t parameters = 0;
    for (int32_t i = 0; i < eqb_model_parameter_count(model); i++) {
        eqb_parameter q = eqb_model_parameter(model, i);
        parameters += (int64_t)q.rows * q.cols;
    }
    printf("text        %d files, %lld documents, %lld tokens%s\n", j->files,
           (long long)eqb_corpus_documents(corpus), (long long)eqb_corpus_tokens(corpus),
           j->heldout || j->heldout_share <= 0.0 ? "" : ", without the held-out documents");
    printf("model       %d layers, hidden %d, heads %d, feed-forward %d, vocabulary %d, positions "
           "%d\n",
           c->num_layers, c->hidden_size, c->num_heads, c->intermediate_size, c->vocab_size,
           c->max_positions);
    printf("parameters  %.2f million\n", 1e-6 * (double)parameters);
    if (p->run.steps == 0) return;
    printf("steps       %lld of %d x %d tokens (%.1f passes over the text), sequences up to %d\n",
           (long long)p->run.steps, p->run.accumulate, p->batch_tokens,
           (double)p->run.steps * p->run.accumulate * p->batch_tokens /
               (double)eqb_corpus_tokens(corpus),
           p->max_tokens);
    printf("optimizer   AdamW, rate %g, warm-up %g, decay %g, clip %g, dropout %g, seed %llu\n",
           p->optimizer.learning_rate, p->optimizer.warmup, p->optimizer.weight_decay,
           p->optimizer.clip_norm,
           p->run.dropout < 0 ? (double)c->hidden_dropout : p->run.dropout,
           (unsigned long long)p->run.seed);
    printf("output      %s\n", p->run.output);
    fflush(stdout);
}

static eqb_status make_model(const job *j, eqb_model **model, eqb_error *err)
{
    if (j->model_dir) {
        eqb_model_options o = {.seed = j->pretrain.run.seed, .on_note = cli_note};
        return cli_model_load(model, j->model_dir, &o, err);
    }
    eqb_tokenizer *tokenizer;
    fprintf(stderr, "learning a vocabulary of %d tokens ...\n", j->config.vocab_size);
    eqb_status status = eqb_tokenizer_learn(&tokenizer, j->file, j->files, j->config.vocab_size,
                                            &j->tokenizer, err);
    if (status != EQB_OK) return status;
    eqb_config config = j->config;
    config.vocab_size = eqb_tokenizer_size(tokenizer);
    eqb_model_options o = {.seed = j->pretrain.run.seed};
    status = eqb_model_new(model, &config, tokenizer, &o, err);
    if (status != EQB_OK) eqb_tokenizer_free(tokenizer);
    return status;
}

static eqb_status load_text(const job *j, const eqb_model *model, bool heldout, eqb_corpus **corpus,
                            eqb_error *err)
{
    eqb_corpus_options o;
    eqb_corpus_options_default(&o);
    o.window = (int64_t)j->window << 20;
    bool file = heldout && j->heldout;
    o.heldout = j->heldout ? 0.0 : j->heldout_share;
    o.heldout_part = heldout && !file;
    return eqb_corpus_load(corpus, file ? &j->heldout : j->file, file ? 1 : j->files,
                           eqb_model_tokenizer(model), &o, err);
}

/* Scores are comparable between runs: pieces are masked one by one, 15 % of them. */
static eqb_status evaluate(const job *j, eqb_model *model, const eqb_corpus *corpus,
                           eqb_error *err)
{
    if (!j->heldout && j->heldout_share <= 0.0) return EQB_OK;
    eqb_corpus *heldout;
    eqb_pretrain_evaluation e;
    eqb_status status = load_text(j, model, true, &heldout, err);
    if (status != EQB_OK) return status;
    if (eqb_corpus_documents(heldout) == 0) {
        printf("held out    no document of so little text\n");
        eqb_corpus_free(heldout);
        return EQB_OK;
    }
    eqb_pretrain_options o = j->pretrain;
    o.run.steps = 1;
    o.mask = 0.15;
    o.whole_words = false;
    status = eqb_pretrain_evaluate(&e, model, heldout, corpus, &o, j->eval_sequences, err);
    if (status == EQB_OK) {
        printf("held out    %lld sequences, %lld masked tokens of %lld documents\n",
               (long long)e.sequences, (long long)e.masked,
               (long long)eqb_corpus_documents(heldout));
        printf("  model     MLM loss %.4f perplexity %.1f accuracy %.4f, NSP accuracy %.4f\n",
               e.mlm_loss, exp(e.mlm_loss), e.mlm_accuracy, e.nsp_accuracy);
        printf("  frequency MLM loss %.4f perplexity %.1f accuracy %.4f, NSP accuracy %.4f\n",
               e.unigram_loss, exp(e.unigram_loss), e.unigram_accuracy, e.nsp_majority);
    }
    eqb_corpus_free(heldout);
    return status;
}

static int run(job *j)
{
    eqb_error err = {0};
    eqb_model *model = NULL;
    eqb_corpus *corpus = NULL;
    eqb_status status = make_model(j, &model, &err);
    if (status == EQB_OK) {
        fprintf(stderr, "reading the text ...\n");
        status = load_text(j, model, false, &corpus, &err);
    }
    if (status == EQB_OK) print_plan(j, model, corpus);
    bool train = !j->dry_run && j->pretrain.run.steps > 0;
    if (status == EQB_OK && train) {
        status = eqb_pretrain(model, corpus, &j->pretrain, &err);
        cli_progress_end();
    }
    if (status == EQB_OK && !j->dry_run) status = evaluate(j, model, corpus, &err);
    if (status == EQB_OK && train) printf("wrote       %s\n", j->pretrain.run.output);
    eqb_corpus_free(corpus);
    eqb_model_free(model);
    return status == EQB_OK ? 0 : cli_fail("pretrain", status, &err);
}

int main(int argc, char **argv)
{
    job j = {.eval_sequences = 2000, .heldout_share = 0.01, .window = 16,
             .activations = EQB_ACTIVATION_LIMIT >> 20};
    eqb_config_default(&j.config);
    j.config.vocab_size = 8192;
    j.config.num_layers = 4;
    j.config.hidden_size = 128;
    j.config.num_heads = 4;
    j.config.intermediate_size = 512;
    j.config.max_positions = 128;
    j.init = (double)j.config.initializer_range;
    eqb_tokenizer_options_default(&j.tokenizer);
    eqb_pretrain_options_default(&j.pretrain);
    eqb_pretrain_options *p = &j.pretrain;
    p->run.output = "out/pretrained";
    p->run.save_every = 1000;
    p->run.on_progress = cli_progress;
    p->run.on_note = cli_note;
    const cli_option options[] = {
        {CLI_GROUP, NULL, NULL, NULL, "Model", 0, 0},
        {CLI_TEXT, "model", "DIR", &j.model_dir, "go on with this model instead of a new one", 0, 0},
        {CLI_INT, "vocab", "N", &j.config.vocab_size, "size of the vocabulary to learn", 7, 1 << 20},
        {CLI_FLAG, "cased", NULL, &j.cased, "keep capitals and accents", 0, 0},
        {CLI_INT, "layers", "N", &j.config.num_layers, "layers", 1, 1024},
        {CLI_INT, "hidden", "N", &j.config.hidden_size, "hidden size", 1, 65536},
        {CLI_INT, "heads", "N", &j.config.num_heads, "attention heads", 1, 65536},
        {CLI_INT, "feed-forward", "N", &j.config.intermediate_size, "feed-forward size", 1, 1 << 20},
        {CLI_INT, "positions", "N", &j.config.max_positions, "longest sequence it can learn", 5,
         1 << 20},
        {CLI_REAL, "init", "X", &j.init, "standard deviation of new weights", 0.0001, 10},
        {CLI_GROUP, NULL, NULL, NULL, "Data", 0, 0},
        {CLI_INT, "max-tokens", "N", &p->max_tokens, "tokens of a sequence", 5, 1 << 20},
        {CLI_INT, "batch-tokens", "N", &p->batch_tokens, "tokens of a micro-batch", 5, 1 << 24},
        {CLI_REAL, "mask", "P", &p->mask, "share of tokens to predict", 0.001, 0.999},
        {CLI_FLAG, "whole-words", NULL, &p->whole_words, "mask all pieces of a word together", 0, 0},
        {CLI_INT, "window", "MB", &j.window, "text whose tokens are in memory at a time", 1, 1 << 20},
        {CLI_REAL, "short", "P", &p->short_sequences, "share of shortened sequences", 0, 1},
        {CLI_REAL, "single", "P", &p->single, "share of sequences that are one sentence alone", 0, 1},
        {CLI_TEXT, "heldout", "FILE", &j.heldout, "text to score the model on at the end", 0, 0},
        {CLI_REAL, "heldout-share", "P", &j.heldout_share,
         "without --heldout: share of the documents held out for that", 0, 0.5},
        {CLI_LONG, "eval-sequences", "N", &j.eval_sequences, "at most so many of it", 1, 1e9},
        {CLI_GROUP, NULL, NULL, NULL, "Training", 0, 0},
        {CLI_LONG, "steps", "N", &p->run.steps, "optimizer steps; 0: only score the model", 0, 1e12},
        {CLI_REAL, "lr", "X", &p->optimizer.learning_rate, "peak learning rate", 0, 10},
        {CLI_REAL, "warmup", "P", &p->optimizer.warmup, "share of the steps with a rising rate", 0,
         0.999},
        {CLI_REAL, "decay", "P", &p->optimizer.decay,
         "share of the steps, at the end, with a falling rate",
         0, 1},
        {CLI_REAL, "beta2", "X", &p->optimizer.beta2, "of AdamW", 0, 0.99999},
        {CLI_REAL, "weight-decay", "X", &p->optimizer.weight_decay, "AdamW's weight decay", 0, 1},
        {CLI_REAL, "clip", "X", &p->optimizer.clip_norm, "gradient norm limit, 0: none", 0, 1e9},
        {CLI_REAL, "dropout", "P", &p->run.dropout, "negative: 0.1, as the config says", -1, 0.99},
        {CLI_INT, "accumulate", "N", &p->run.accumulate, "micro-batches a step", 1, 65536},
        {CLI_SEED, "seed", "N", &p->run.seed, "of all random numbers", 0, 0},
        {CLI_INT, "activations", "MB", &j.activations,
         "of a micro-batch kept in memory; above it layers are computed twice", 0, 1 << 20},
        {CLI_GROUP, NULL, NULL, NULL, "Output", 0, 0},
        {CLI_TEXT, "out", "DIR", &p->run.output, "where the model goes", 0, 0},
        {CLI_LONG, "save-every", "N", &p->run.save_every, "steps between checkpoints, 0: none", 0,
         1e12},
        {CLI_FLAG, "resume", NULL, &p->run.resume, "go on from the newest checkpoint in --out", 0, 0},
        {CLI_FLAG, "restart", NULL, &p->run.restart, "discard an unfinished run in --out", 0, 0},
        {CLI_FLAG, "dry-run", NULL, &j.dry_run, "stop after saying what would be done", 0, 0},
        {CLI_GROUP, NULL, NULL, NULL, NULL, 0, 0}};
    const cli c = {"pretrain", "[OPTIONS] TEXT...",
                   "Trains a BERT from scratch on plain text: one paragraph a line, a blank line\n"
                   "between documents, in any language, of any size: files are read in parts. The\n"
                   "WordPiece vocabulary is learnt from the same text.",
                   "  ./pretrain --steps 20000 --out out/my-bert book1.txt book2.txt\n"
                   "  ./pretrain --resume --steps 20000 --out out/my-bert book1.txt book2.txt\n"
                   "  ./pretrain --steps 0 --model out/my-bert --heldout other.txt book1.txt\n",
                   NULL, options};
    int code;
    j.files = cli_parse(&c, argc, argv, j.file, 256, &code);
    if (j.files < 0) return code;
    if (j.files == 0) {
        fprintf(stderr, "pretrain: no text file given; see pretrain --help\n");
        return EQB_ERR_ARGUMENT;
    }
    j.config.initializer_range = (float)j.init;
    if (j.cased) j.tokenizer.lowercase = false;
    p->run.activation_limit = (size_t)j.activations << 20;
    cli_catch_signals();
    return run(&j);
}
