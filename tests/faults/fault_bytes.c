/* Every file that is read, cut short at every byte and changed in every byte of its header: a result
 * or an error with a reason, little memory, little time.                                         */
#include "tests/faults/faults.h"
#include "tests/faults/inject.h"
#include "tests/formats_models.h"
#include "tests/programs_testing.h"
#include "tests/weights_testing.h"
#include "trainer/equibert_train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char tokenizer_json[] =
    "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": [{\"id\": 4,"
    " \"content\": \"[MASK]\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false,"
    " \"normalized\": false, \"special\": true}], \"normalizer\": {\"type\": \"BertNormalizer\","
    " \"clean_text\": true, \"handle_chinese_chars\": true, \"strip_accents\": null, \"lowercase\":"
    " true}, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"model\": {\"type\": \"WordPiece\","
    " \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\":"
    " 100, \"vocab\": {\"[PAD]\": 0, \"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": 3, \"[MASK]\": 4, \"a\":"
    " 5, \"b\": 6, \"##c\": 7}}}";
static const char tokenizer_config[] =
    "{\"do_lower_case\": true, \"strip_accents\": null, \"tokenize_chinese_chars\": true,"
    " \"tokenizer_class\": \"BertTokenizer\", \"model_max_length\": 512, \"mask_token\": \"[MASK]\","
    " \"added_tokens_decoder\": {\"7\": {\"content\": \"##c\", \"special\": false}}}";
static const char specials[] =
    "{\"unk_token\": \"[UNK]\", \"mask_token\": {\"content\": \"[MASK]\", \"lstrip\": false},"
    " \"additional_special_tokens\": [\"b\"]}";
static const char added[] = "{\"a\": 5, \"b\": 6}";

/* ------------------------------------------------------------------------------ what is read -- */

static eqb_status load_model(const char *dir, eqb_error *err)
{
    eqb_model *model;
    eqb_status status = eqb_model_load(&model, dir, NULL, err);
    eqb_model_free(model);
    return status;
}

static eqb_status load_pairs(const char *dir, eqb_error *err)
{
    eqb_tokenizer *t;
    eqb_pairs *pairs = NULL;
    eqb_pairs_options o;
    eqb_pairs_options_default(&o);
    eqb_status status = eqb_tokenizer_load(&t, tiny_model(), NULL, err);
    if (status == EQB_OK)
        status = eqb_pairs_load(&pairs, path_in(dir, "pairs.jsonl"), t, 32, &o, err);
    eqb_pairs_free(pairs);
    eqb_tokenizer_free(t);
    return status;
}

static eqb_status load_text(const char *dir, eqb_error *err)
{
    eqb_tokenizer *t;
    eqb_corpus *c = NULL;
    const char *path = path_in(dir, "text.txt");
    eqb_status status = eqb_tokenizer_learn(&t, &path, 1, 90, NULL, err);
    if (status == EQB_OK) status = eqb_corpus_load(&c, &path, 1, t, NULL, err);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
    return status;
}

static eqb_status resume(const char *dir, eqb_error *err)
{
    return run_training(dir, RUN_RESUME, err);
}

/* ------------------------------------------------------------------------------------- kinds -- */

enum {
    SAFETENSORS, TORCH_ZIP, TORCH_LEGACY, TF_INDEX, TF_DATA, SHARD_INDEX, CONFIG, TOKENIZER,
    TOKENIZER_CONFIG, SPECIALS, ADDED, VOCAB, PAIRS, TEXT, STATE, TRAINER_STATE, KINDS
};

static const struct {
    const char *name, *file;
    size_t sampled; /* in a sample, one case in so many */
    eqb_status (*read)(const char *dir, eqb_error *err);
} kinds[KINDS] = {
    [SAFETENSORS] = {"safetensors", "model.safetensors", 47, load_model},
    [TORCH_ZIP] = {"torch zip", "pytorch_model.bin", 151, load_model},
    [TORCH_LEGACY] = {"torch legacy", "pytorch_model.bin", 101, load_model},
    [TF_INDEX] = {"TensorFlow index", "bert_model.ckpt.index", 47, load_model},
    [TF_DATA] = {"TensorFlow data", "bert_model.ckpt.data-00000-of-00001", 47, load_model},
    [SHARD_INDEX] = {"shard index", "model.safetensors.index.json", 47, load_model},
    [CONFIG] = {"config.json", "config.json", 11, load_model},
    [TOKENIZER] = {"tokenizer.json", "tokenizer.json", 11, load_model},
    [TOKENIZER_CONFIG] = {"tokenizer_config.json", "tokenizer_config.json", 11, load_model},
    [SPECIALS] = {"special_tokens_map.json", "special_tokens_map.json", 11, load_model},
    [ADDED] = {"added_tokens.json", "added_tokens.json", 3, load_model},
    [VOCAB] = {"vocab.txt", "vocab.txt", 3, load_model},
    [PAIRS] = {"pairs file", "pairs.jsonl", 47, load_pairs},
    [TEXT] = {"plain text", "text.txt", 17, load_text},
    [STATE] = {"checkpoint: moments", "checkpoint-2/state.safetensors", 97, resume},
    [TRAINER_STATE] = {"checkpoint: settings", "checkpoint-2/trainer_state.json", 97, resume},
};

/* How many bytes at the beginning say how the rest is to be read. */
static size_t header_size(int kind, const char *data, size_t size)
{
    uint64_t length;
    if (kind == TF_DATA) return 0;
    if (kind != SAFETENSORS && kind != STATE) return size;
    memcpy(&length, data, sizeof length);
    return sizeof length + (size_t)length;
}

static void copy_file(const char *dir, const char *name, const char *from)
{
    size_t size;
    char *data = read_file(from, &size);
    write_file(path_in(dir, name), data, size);
    free(data);
}

/* A directory with everything that this kind of file is read together with, and the file itself. */
static void make_dir(int kind, const char *dir)
{
    eqb_error err;
    if (kind == PAIRS || kind == TEXT) {
        copy_file(dir, kinds[kind].file, kind == PAIRS ? tiny_pairs() : tiny_text());
        return;
    }
    if (kind == STATE || kind == TRAINER_STATE) {
        ck_assert_int_eq(run_stopped(dir, 2, &err), EQB_ERR_CANCELLED);
        return;
    }
    eqb_model *model = make_small_model(3, true, NULL);
    ck_assert_int_eq(eqb_model_save(model, dir, &err), EQB_OK);
    if (kind >= TORCH_ZIP && kind <= SHARD_INDEX) remove(path_in(dir, "model.safetensors"));
    if (kind == TORCH_ZIP || kind == TORCH_LEGACY)
        write_torch_part(dir, "pytorch_model.bin", model, kind == TORCH_ZIP ? ZIP : LEGACY,
                         EQBI_F32, "", 0, 1);
    if (kind == TF_INDEX || kind == TF_DATA) write_tensorflow(dir, model, EQBI_F32);
    if (kind == SHARD_INDEX) {
        write_part(dir, "a-0", model, EQBI_F32, 0, 2);
        write_part(dir, "a-1", model, EQBI_F32, 1, 2);
        write_index(dir, "model.safetensors.index.json", model, "a-%d", 2);
    }
    if (kind == TOKENIZER) write_text(dir, "tokenizer.json", tokenizer_json);
    if (kind == TOKENIZER_CONFIG) write_text(dir, "tokenizer_config.json", tokenizer_config);
    if (kind == SPECIALS) write_text(dir, "special_tokens_map.json", specials);
    if (kind == ADDED) {
        write_text(dir, "added_tokens.json", added);
        remove(path_in(dir, "tokenizer_config.json"));
    }
    eqb_model_free(model);
}

/* ------------------------------------------------------------------------------------- cases -- */

typedef struct damage {
    int kind;
    const char *dir;
    size_t usual;   /* bytes allocated for the file as it should be */
    size_t cases, errors;
} damage;

/* A config.json may ask for a model of 2.5 times the weights' size and 1 MiB (hf_match.c). */
enum { LARGEST_MODEL = 1 << 20 };

static size_t read_damaged(damage *d, const char *data, size_t size, bool may_fail)
{
    eqb_error err = {0};
    write_file(path_in(d->dir, kinds[d->kind].file), data, size);
    size_t descriptors = open_descriptors();
    clock_t begun = clock();
    inject_begin(&(injection){0});
    eqb_status status = kinds[d->kind].read(d->dir, &err);
    injected r = inject_end();
    double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
    check_message(status, &err);
    ck_assert_msg(status == EQB_OK || status == EQB_ERR_MODEL || status == EQB_ERR_DATA,
                  "%s: status %d: %s", kinds[d->kind].name, status, err.message);
    ck_assert_msg(may_fail || status == EQB_OK, "%s", err.message);
    ck_assert_msg(r.blocks == 0 && r.maps == 0 && open_descriptors() == descriptors,
                  "%s: something leaks", kinds[d->kind].name);
    if (may_fail)
        ck_assert_msg(r.peak <= d->usual + 2 * size + LARGEST_MODEL, "%s: %zu bytes allocated, "
                      "%zu without the damage", kinds[d->kind].name, r.peak, d->usual);
    ck_assert_msg(seconds < 1.0, "%s: takes %g seconds", kinds[d->kind].name, seconds);
    if (status == EQB_OK && kinds[d->kind].read == resume) check_finished(d->dir);
    d->cases++;
    d->errors += status != EQB_OK;
    return r.peak;
}

static void put_back(const damage *d, const char *kept)
{
    if (kinds[d->kind].read != resume) return; /* only a run changes what it reads */
    empty_dir(d->dir);
    copy_dir(d->dir, kept);
}

/* _i: the kind */
START_TEST(damaged_files)
{
    static const char changes[] = {0x01, 0x20, (char)0xff};
    char dir[96], kept[96];
    strcpy(dir, memory_dir());
    strcpy(kept, memory_dir());
    damage d = {.kind = _i, .dir = dir};
    make_dir(_i, dir);
    copy_dir(kept, dir);
    size_t size, step = fault_step(kinds[_i].sampled);
    char *data = read_file(path_in(dir, kinds[_i].file), &size), *changed = malloc(size);
    ck_assert_ptr_nonnull(changed);
    memcpy(changed, data, size);
    /* A damaged checkpoint costs what the older one costs. */
    d.usual = read_damaged(&d, data, kinds[_i].read == resume ? 0 : size, false);
    d.cases = d.errors = 0;
    size_t header = header_size(_i, data, size);
    /* A run takes some milliseconds: of the moments' 80,000 bytes, some. */
    for (size_t i = 0; i < size; i += _i == STATE && i > header ? 97 * step : step) {
        put_back(&d, kept);
        read_damaged(&d, data, i, true);
    }
    for (size_t i = 0; i < 3 * header; i += step) {
        put_back(&d, kept);
        changed[i / 3] = (char)(data[i / 3] ^ changes[i % 3]);
        read_damaged(&d, changed, size, true);
        changed[i / 3] = data[i / 3];
    }
    ck_assert(d.errors > 0 || kinds[_i].read == resume); /* which takes an older one */
    fault_row(kinds[_i].name, d.cases, d.errors);
    free(changed);
    free(data);
}
END_TEST

TCase *fault_bytes_case(void)
{
    TCase *t = tcase_create("bytes");
    tcase_set_timeout(t, 3600);
    tcase_add_loop_test(t, damaged_files, 0, KINDS);
    return t;
}
