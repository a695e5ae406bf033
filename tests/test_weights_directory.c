/* Directories: what else may lie there, saving and saving over, a full disk, no memory. */
#include "base/file.h"
#include "tests/test_weights.h"
#include "tests/testing.h"
#include "tests/weights_testing.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

START_TEST(test_directory_faults)
{
    eqb_error err;
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    ck_assert_int_eq(eqb_model_load(&loaded, "no/such/dir", NULL, &err), EQB_ERR_IO);
    ck_assert_str_eq(err.message, "no/such/dir: no such directory");
    const char *dir = temporary_dir();
    check_load_fails(dir, ": has no config.json");
    write_text(dir, "bert_config.json", "{");
    check_load_fails(dir, "bert_config.json:1:2: expected a key in double quotes");
    write_text(dir, "config.json", "{\"hidden_size\": \"768\"}");
    check_load_fails(dir, "config.json: key \"hidden_size\" is \"768\", expected a whole number");
    write_text(dir, "config.json", "{}");
    check_load_fails(dir, ": has no model.safetensors, pytorch_model.bin or bert_model.ckpt");
    static const char *const misnamed[][2] = {
        {"training_args.bin", "bert_model.ckpt"},
        {"model.ckpt-100.index", "found model.ckpt-100.index: rename it to bert_model.ckpt.index"},
        {"model.fp16.safetensors", "found model.ckpt-100.index"}, /* the first in the alphabet */
        {"model-00001-of-00002.safetensors", "found model-00001-of-00002.safetensors: is a part"}};
    for (size_t i = 0; i < sizeof misnamed / sizeof *misnamed; i++) {
        write_text(dir, misnamed[i][0], "");
        check_load_fails(dir, misnamed[i][1]);
    }
    for (size_t i = 0; i < sizeof misnamed / sizeof *misnamed; i++)
        remove(path_in(dir, misnamed[i][0]));
    static const char *const others[] = {"bert_model.ckpt.meta", "adapter_model.safetensors",
                                         "model.onnx", "rust_model.ot", "flax_model.msgpack",
                                         "tf_model.h5"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char message[128];
        write_text(dir, others[i], "x");
        snprintf(message, sizeof message, ": found %s only, which is not supported", others[i]);
        check_load_fails(dir, message);
    }
    static const char *const pointers[] = {"model.safetensors", "tokenizer.json", "vocab.txt",
                                           "config.json"};
    for (int i = 0; i < 4; i++) {
        char message[128];
        dir = saved_dir(model);
        write_text(dir, pointers[i], "version https://git-lfs.github.com/spec/v1\n");
        snprintf(message, sizeof message, "%s: is a Git LFS pointer, not the file itself",
                 pointers[i]);
        check_load_fails(dir, message);
    }
    char path[4096];
    strcpy(path, path_in(dir, "vocab.txt"));
    check_load_fails(path, "vocab.txt: is a file, expected the directory of a model");

    dir = saved_dir(model);
    write_text(dir, "config.json", "{\"vocab_size\":16777216,\"hidden_size\":65532}");
    check_load_fails(dir, "config.json describes ");
    dir = saved_dir(model);
    write_text(dir, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    char notes[NOTES_SIZE];
    ck_assert_int_eq(load_noted(&loaded, dir, notes, &err), EQB_OK);
    ck_assert_str_eq(notes, "vocab_size is 8, the vocabulary has 5 tokens\n");
    eqb_model_free(loaded);
    eqb_model_free(model);
}
END_TEST

static void check_encodes(const eqb_model *model, const char *first, const char *second,
                          int32_t most, const char *fault)
{
    eqb_encoding e = {0};
    eqb_error err = {0};
    eqb_status status = eqb_encode(eqb_model_tokenizer(model), first, strlen(first), second,
                                   second ? strlen(second) : 0, most, &e, &err);
    ck_assert_int_eq(status, fault ? EQB_ERR_DATA : EQB_OK);
    ck_assert_str_eq(err.message, fault ? fault : "");
    ck_assert(fault ? e.count == 0 : e.count > 1);
    for (int32_t i = 0; i < e.count; i++) ck_assert_int_lt(e.ids[i], 8);
    eqb_encoding_free(&e);
}

/* A vocabulary with a token, and one added, more than the model: they are there only for those who
 * save the tokenizer, and to refuse a text that needs them. */
START_TEST(test_longer_vocabulary)
{
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    eqb_error err;
    char notes[NOTES_SIZE], dir[4096];
    strcpy(dir, saved_dir(model));
    write_text(dir, "vocab.txt", SMALL_VOCAB "x\n");
    write_text(dir, "added_tokens.json", "{\"[New]\": 9}");
    for (int saved = 0; saved < 2; saved++) {
        ck_assert_msg(load_noted(&loaded, dir, notes, &err) == EQB_OK, "%s", err.message);
        ck_assert_str_eq(notes, "vocab_size is 8, the vocabulary has 10 tokens: texts that need "
                                "the others are refused\n");
        const eqb_tokenizer *t = eqb_model_tokenizer(loaded);
        ck_assert_int_eq(eqb_tokenizer_size(t), 8);
        ck_assert_str_eq(eqb_tokenizer_token(t, 7), "##c");
        ck_assert_ptr_null(eqb_tokenizer_token(t, 8));
        ck_assert_int_eq(eqb_tokenizer_id(t, "##c", 3), 7);
        ck_assert_int_eq(eqb_tokenizer_id(t, "x", 1), -1);
        ck_assert_int_eq(eqb_tokenizer_id(t, "[New]", 5), -1);
        check_encodes(loaded, "a bc", "b", 5, NULL);
        check_encodes(loaded, "a bc x", NULL, 5, NULL); /* cut off */
        check_encodes(loaded, "a x", NULL, 5,
                      "the text needs \"x\", token 8 of the vocabulary, the model has only 8");
        check_encodes(loaded, "a", "b [New]", 6,
                      "the text needs \"[New]\", token 9 of the vocabulary, the model has only 8");
        eqb_encoding e = {0};
        ck_assert_int_eq(eqb_tokenize(t, "a x", 3, &e, &err), EQB_ERR_DATA);
        eqb_encoding_free(&e);
        strcpy(dir, saved_dir(loaded));
        eqb_model_free(loaded);
    }
    write_text(dir, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n##c\nx\n[MASK]\n");
    check_load_fails(dir, "[MASK] is token 8 of the vocabulary, the model has only 8");
    eqb_model_free(model);
}
END_TEST

/* ------------------------------------------------------------------------------------ saving -- */

static void check_same_file(const char *a, const char *b, const char *name)
{
    size_t n, m;
    char *x = read_file(path_in(a, name), &n), *y = read_file(path_in(b, name), &m);
    ck_assert_msg(n == m && memcmp(x, y, n) == 0, "%s differs", name);
    free(x);
    free(y);
}

static bool exists(const char *dir, const char *name)
{
    return eqbi_file_exists(path_in(dir, name));
}

START_TEST(test_round_trip)
{
    static const char *const files[] = {"config.json", "vocab.txt", "tokenizer_config.json",
                                        "model.safetensors"};
    eqb_error err;
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    char first[4096], notes[NOTES_SIZE];
    strcpy(first, saved_dir(model));
    ck_assert_msg(load_noted(&loaded, first, notes, &err) == EQB_OK, "%s", err.message);
    ck_assert_str_eq(notes, "");
    ck_assert(same_parameters(model, loaded, 0));
    const char *second = saved_dir(loaded);
    char again[4096];
    strcpy(again, second);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        check_same_file(first, again, files[i]);
    eqb_model_free(loaded);
    eqb_model_free(model);
}
END_TEST

/* The same model trained further replaces nothing but the weights; another model leaves nothing of
 * the first. */
START_TEST(test_save_over)
{
    eqb_error err;
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    eqb_model *bare = make_small_model(4, false, NULL);
    struct stat before, after;
    char notes[NOTES_SIZE];
    const char *dir = saved_dir(model);
    ck_assert_int_eq(stat(path_in(dir, "config.json"), &before), 0);
    model->word.x[0] = 7;
    ck_assert_int_eq(eqb_model_save(model, dir, &err), EQB_OK);
    ck_assert_int_eq(stat(path_in(dir, "config.json"), &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    write_text(dir, "tokenizer.json", "{}");
    ck_assert_int_eq(eqb_model_save(bare, dir, &err), EQB_OK);
    ck_assert(!exists(dir, "vocab.txt") && !exists(dir, "tokenizer.json"));
    ck_assert(!exists(dir, "tokenizer_config.json"));
    ck_assert_int_eq(load_noted(&loaded, dir, notes, &err), EQB_OK);
    ck_assert_ptr_null(eqb_model_tokenizer(loaded));
    ck_assert_ptr_nonnull(strstr(notes, "has neither vocab.txt nor tokenizer.json: no tokenizer"));
    ck_assert(same_parameters(bare, loaded, 0));
    eqb_model_free(loaded);
    eqb_model_free(bare);
    eqb_model_free(model);
}
END_TEST

/* A limit on file sizes stands in for a full disk: what was there before stays. */
START_TEST(test_full_disk)
{
    eqb_error err;
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    eqb_model *other = make_small_model(4, false, NULL);
    const char *dir = saved_dir(model);
    struct rlimit old, tight;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 3000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &tight);
    eqb_status status = eqb_model_save(other, dir, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);
    ck_assert_int_eq(status, EQB_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "model.safetensors: cannot write: "));
    ck_assert_int_eq(eqb_model_load(&loaded, dir, NULL, &err), EQB_OK);
    ck_assert(same_parameters(model, loaded, 0));
    ck_assert_ptr_nonnull(eqb_model_tokenizer(loaded));
    eqb_model_free(loaded);
    ck_assert_int_eq(eqb_model_save(model, path_in(dir, "config.json/x"), &err), EQB_ERR_IO);
    eqb_model_free(other);
    eqb_model_free(model);
}
END_TEST

/* ------------------------------------------------------------------------------------ memory -- */

START_TEST(test_load_without_memory)
{
    eqb_model *model = make_small_model(3, true, NULL), *loaded;
    char dir[4096];
    strcpy(dir, saved_dir(model));
    eqb_model_free(model);
    test_allocator memory;
    test_allocator_init(&memory);
    eqb_model_options options = {.allocator = &memory.base};
    eqb_status status = EQB_ERR_NOMEM;
    for (memory.fail_at = 1; status == EQB_ERR_NOMEM; memory.fail_at++) {
        eqb_error err;
        memory.calls = 0;
        status = eqb_model_load(&loaded, dir, &options, &err);
        if (status == EQB_OK) break;
        ck_assert_msg(status == EQB_ERR_NOMEM, "%zu: %s", memory.fail_at, err.message);
        ck_assert_ptr_null(loaded);
        ck_assert_uint_eq(memory.live_blocks, 0);
    }
    ck_assert_uint_gt(memory.fail_at, 10);
    eqb_model_free(loaded);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

START_TEST(test_save_without_memory)
{
    test_allocator memory;
    test_allocator_init(&memory);
    eqb_model *model = make_small_model(3, true, &memory.base), *loaded;
    size_t blocks = memory.live_blocks;
    eqb_error err;
    const char *dir = saved_dir(model);
    size_t failures = 0;
    for (memory.fail_at = 1; memory.fail_at == 1 || memory.calls >= memory.fail_at - 1;
         memory.fail_at++) {
        memory.calls = 0;
        eqb_status status = eqb_model_save(model, dir, &err);
        ck_assert(status == EQB_OK || status == EQB_ERR_NOMEM);
        failures += status != EQB_OK;
        ck_assert_uint_eq(memory.live_blocks, blocks);
        ck_assert_msg(eqb_model_load(&loaded, dir, NULL, &err) == EQB_OK, "%s", err.message);
        eqb_model_free(loaded);
    }
    ck_assert_uint_gt(failures, 4);
    eqb_model_free(model);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

TCase *weights_directory_tests(void)
{
    TCase *tests = tcase_create("directory");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_directory_faults);
    tcase_add_test(tests, test_longer_vocabulary);
    tcase_add_test(tests, test_round_trip);
    tcase_add_test(tests, test_save_over);
    tcase_add_test(tests, test_full_disk);
    tcase_add_test(tests, test_load_without_memory);
    tcase_add_test(tests, test_save_without_memory);
    return tests;
}
