/* The fuzz targets; see fuzz_targets.h. Each reads an input and uses what comes out of it, so that
 * a sanitizer sees what was let through; __builtin_trap marks what must not happen.              */
#include "tests/fuzz/fuzz_targets.h"

#include "trainer/equibert_train.h"
#include "weights/hf_config.h"
#include "weights/safetensors.h"
#include "weights/tf_checkpoint.h"
#include "weights/torch_file.h"
#include "weights/weight_files.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEPARATOR = 0x1e }; /* between the parts of an input, where it has parts */

static void expect(bool good)
{
    if (!good) __builtin_trap();
}

/* ------------------------------------------------------------------------------------- files -- */

static char folder[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Writes one file of the folder that lasts as long as the process; NULL removes it. */
static const char *put_file(const char *name, const uint8_t *data, size_t size)
{
    static char path[128];
    if (!folder[0]) {
        const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(folder, sizeof folder, "%s/equibert-fuzz-XXXXXX", parent);
        expect(mkdtemp(folder) != NULL);
        atexit(remove_folder);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = data ? fopen(path, "wb") : NULL;
    if (!f) {
        remove(path);
        return path;
    }
    expect(size == 0 || fwrite(data, 1, size, f) == size);
    expect(fclose(f) == 0);
    return path;
}

/* The next part of an input, up to a separator or the end, which it moves past. */
static const uint8_t *next_part(const uint8_t **data, size_t *size, size_t *part)
{
    const uint8_t *begin = *data, *end = *size ? memchr(begin, SEPARATOR, *size) : NULL;
    *part = end ? (size_t)(end - begin) : *size;
    size_t used = *part + (end != NULL);
    *data += used;
    *size -= used;
    return begin;
}

/* ----------------------------------------------------------------------------------- weights -- */

static void use_tensors(eqb_status status, eqbi_tensor_file *file)
{
    static volatile unsigned sum;
    expect(status == EQB_OK || status == EQB_ERR_MODEL);
    for (size_t i = 0; i < file->count; i++) {
        const eqbi_file_tensor *t = &file->tensor[i];
        const unsigned char *bytes = t->data;
        size_t size;
        expect(eqbi_file_tensor_size(t, &size) && size == t->size);
        for (size_t k = 0; k < t->size; k++) sum += bytes[k];
        expect(eqbi_tensor_file_find(file, t->name) == t);
    }
    (void)sum;
    eqbi_tensor_file_close(file);
}

void fuzz_safetensors(const uint8_t *data, size_t size)
{
    eqbi_tensor_file file;
    eqb_error err;
    use_tensors(eqbi_safetensors_parse(&file, data, size, "f", NULL, &err), &file);
}

void fuzz_torch(const uint8_t *data, size_t size)
{
    eqbi_tensor_file file;
    eqb_error err;
    use_tensors(eqbi_torch_parse(&file, data, size, "f", NULL, &err), &file);
}

/* The table, the keys and the storages of a legacy file: what comes before is always the same. */
void fuzz_pickle(const uint8_t *data, size_t size)
{
    static const char head[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
                               "\x80\x02M\xe9\x03.\x80\x02}.";
    size_t length = sizeof head - 1;
    uint8_t *whole = malloc(length + size);
    expect(whole != NULL);
    memcpy(whole, head, length);
    if (size > 0) memcpy(whole + length, data, size);
    fuzz_torch(whole, length + size);
    free(whole);
}

/* An index; the data beside it are always the same. */
void fuzz_tensorflow(const uint8_t *data, size_t size)
{
    static const unsigned char numbers[256];
    eqbi_tensor_file file;
    eqb_error err;
    use_tensors(eqbi_tf_parse(&file, (eqbi_mapping){data, size},
                              (eqbi_mapping){numbers, sizeof numbers}, "f", NULL, &err), &file);
}

/* An index of shards; beside it lie two of them, "a" with the tensor "w" and "b" with "v". */
void fuzz_index(const uint8_t *data, size_t size)
{
    static const char head[] = "?\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"U8\",\"shape\":[1],"
                               "\"data_offsets\":[0,1]}}.";
    static bool made;
    uint8_t shard[sizeof head - 1];
    eqbi_weights weights;
    eqb_error err;
    memcpy(shard, head, sizeof shard);
    shard[0] = sizeof shard - 9;
    if (!made) put_file("a", shard, sizeof shard);
    shard[10] = 'v';
    if (!made) put_file("b", shard, sizeof shard);
    made = true;
    put_file("model.safetensors.index.json", data, size);
    eqb_status status = eqbi_weights_open(&weights, folder, NULL, &err);
    expect(status == EQB_OK || status == EQB_ERR_MODEL || status == EQB_ERR_IO);
    for (size_t i = 0; i < weights.count; i++)
        expect(eqbi_weights_file_of(&weights, weights.tensor[i]) != NULL);
    eqbi_weights_close(&weights);
}

void fuzz_config(const uint8_t *data, size_t size)
{
    eqb_config config;
    eqb_error err;
    eqbi_json doc = {.where = "f", .fault = EQB_ERR_MODEL};
    if (eqbi_json_parse(&doc, (const char *)data, size, &err) != EQB_OK) return;
    if (eqbi_hf_config_read(&config, &doc, &err) == EQB_OK) {
        expect(config.hidden_size > 0 && config.hidden_size % config.num_heads == 0);
        expect(config.pad_token_id < config.vocab_size);
    }
    eqbi_json_free(&doc);
}

/* --------------------------------------------------------------------------------- tokenizer -- */

/* Tokens of any text have ids of the vocabulary and spans of the text, in order. */
static void use_tokenizer(const eqb_tokenizer *t, const uint8_t *text, size_t size)
{
    static const char sample[] = "[CLS] Ab\xc3\xa9 \xe4\xb8\xad\xe5\x9b\xbd, caf\xc3\xa9[MASK] 12";
    eqb_encoding e = {0};
    eqb_error err;
    char decoded[64];
    for (int i = 0; i < 2; i++) {
        const char *bytes = i ? sample : (const char *)text;
        size_t length = i ? sizeof sample - 1 : size, last = 0;
        expect(eqb_tokenize(t, bytes, length, &e, &err) == EQB_OK);
        for (int32_t k = 0; k < e.count; k++) {
            expect(eqb_tokenizer_token(t, e.ids[k]) != NULL);
            expect(e.spans[k].begin <= e.spans[k].end && e.spans[k].end <= length);
            expect(e.spans[k].begin >= last);
            last = e.spans[k].begin;
        }
        eqb_decode(t, e.ids, e.count, true, decoded, sizeof decoded);
    }
    eqb_encoding_free(&e);
}

/* The five files of a tokenizer in this order, then a text. An empty part: there is no such file.
 * Returns NULL when they do not load, and moves to the text. */
static eqb_tokenizer *load_tokenizer(const uint8_t **data, size_t *size)
{
    static const char *const names[] = {"tokenizer_config.json", "special_tokens_map.json",
                                        "added_tokens.json", "tokenizer.json", "vocab.txt"};
    eqb_tokenizer *t;
    eqb_error err;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t part;
        const uint8_t *file = next_part(data, size, &part);
        put_file(names[i], part ? file : NULL, part);
    }
    return eqb_tokenizer_load(&t, folder, NULL, &err) == EQB_OK ? t : NULL;
}

void fuzz_tokenizer(const uint8_t *data, size_t size)
{
    eqb_tokenizer *t = load_tokenizer(&data, &size);
    if (t) use_tokenizer(t, data, size);
    eqb_tokenizer_free(t);
}

/* A vocabulary, then a text. */
void fuzz_vocab(const uint8_t *data, size_t size)
{
    size_t part;
    eqb_tokenizer *t;
    eqb_error err;
    const uint8_t *vocab = next_part(&data, &size, &part);
    eqb_status status = eqb_tokenizer_new(&t, (const char *)vocab, part, NULL, &err);
    expect(status == EQB_OK || status == EQB_ERR_MODEL);
    if (status != EQB_OK) return;
    use_tokenizer(t, data, size);
    eqb_tokenizer_free(t);
}

#define SPECIAL "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
#define VOCAB                                                                                    \
    SPECIAL "a\nb\n##a\n##b\nab\n\xc3\xa9\ne\n##\xcc\x81\n\xe4\xb8\xad\n##1\n1\n.\n[\n]\nhe\nshe\n" \
            "is\na\nan\nnurse\n##s\ndoctor\nthe\n"

/* A text, under each setting of the switches, and with added tokens to be found in it. */
void fuzz_text(const uint8_t *data, size_t size)
{
    static eqb_tokenizer *t[9];
    eqb_error err;
    for (int i = 0; i < 8; i++) {
        const eqb_tokenizer_options o = {.lowercase = i & 1, .strip_accents = i >> 1 & 1,
                                         .split_chinese = i >> 2 & 1, .max_word_chars = 9};
        if (!t[i]) expect(eqb_tokenizer_new(&t[i], VOCAB, sizeof VOCAB - 1, &o, &err) == EQB_OK);
        use_tokenizer(t[i], data, size);
    }
    static const char files[] = "{\"added_tokens_decoder\":{\"28\":{\"content\":\"\xc3\x89["
                                "\xe4\xb8\xad\",\"normalized\":true},\"29\":{\"content\":\"aB\"}}}"
                                "\x1e\x1e\x1e\x1e" VOCAB;
    const uint8_t *added = (const uint8_t *)files;
    size_t left = sizeof files - 1;
    if (!t[8]) expect((t[8] = load_tokenizer(&added, &left)) != NULL);
    use_tokenizer(t[8], data, size);
}

/* ------------------------------------------------------------------------------------- pairs -- */

static void on_fault(void *user, const char *file, int64_t line, const char *reason)
{
    (void)user, (void)file;
    expect(line >= 0 && reason && strchr(reason, '\n') == NULL);
}

void fuzz_pairs(const uint8_t *data, size_t size)
{
    static eqb_tokenizer *t;
    eqb_error err;
    eqb_pairs *pairs;
    eqb_pairs_options options;
    if (!t) expect(eqb_tokenizer_new(&t, VOCAB, sizeof VOCAB - 1, NULL, &err) == EQB_OK);
    eqb_pairs_options_default(&options);
    options.on_fault = on_fault;
    options.skip_bad = size > 0 && data[0] == ' ';
    const char *path = put_file("pairs.jsonl", data, size);
    eqb_status status = eqb_pairs_load(&pairs, path, t, 32, &options, &err);
    expect(status == EQB_OK || status == EQB_ERR_DATA);
    if (status == EQB_OK) eqb_pairs_free(pairs);
}
