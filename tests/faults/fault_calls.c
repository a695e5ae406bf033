/* Every allocation and every call of the system fails in turn, once and from then on, while models
 * are loaded, used, trained, saved and resumed. Each time there is an error with a reason or the
 * right result, nothing leaks, and what was on the disk is still good.
 *
 * Over 300 lines: one table of faults times one of scenarios, each scenario a few short functions. */
#include "tests/faults/faults.h"
#include "tests/faults/inject.h"
#include "tests/formats_models.h"
#include "tests/programs_testing.h"
#include "tests/weights_testing.h"
#include "trainer/equibert_train.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Everything that is made to fail, and how. */
static const struct {
    call what;
    int how;
    bool all_later;
    bool harmless; /* there must be no error at all */
} faults[] = {
    {CALL_alloc, ENOMEM, false, false},   {CALL_alloc, ENOMEM, true, false},
    {CALL_open, EIO, false, false},       {CALL_open, EMFILE, true, false},
    {CALL_open, EINTR, false, true},      {CALL_stat, EIO, false, false},
    {CALL_stat, EACCES, true, false},     {CALL_mmap, ENOMEM, false, false},
    {CALL_read, EIO, false, false},       {CALL_read, EINTR, false, true},
    {CALL_read, FAIL_SHORT, true, true},  {CALL_read, FAIL_EMPTY, false, false},
    {CALL_write, EIO, false, false},      {CALL_write, ENOSPC, true, false},
    {CALL_write, EDQUOT, false, false},   {CALL_write, EINTR, false, true},
    {CALL_write, FAIL_SHORT, true, true}, {CALL_fsync, EIO, false, false},
    {CALL_fsync, ENOSPC, true, false},    {CALL_fsync, EINTR, false, true},
    {CALL_close, EIO, false, false},      {CALL_rename, EIO, false, false},
    {CALL_rename, EROFS, true, false},    {CALL_unlink, EIO, false, false},
    {CALL_unlink, EROFS, true, false},    {CALL_mkdir, ENOSPC, false, false},
    {CALL_opendir, EMFILE, false, false}, {CALL_readdir, EIO, false, false},
    {CALL_flock, ENOLCK, false, false},   {CALL_flock, EINTR, false, true},
    {CALL_truncate, EIO, false, false},   {CALL_truncate, EINTR, false, true},
    {CALL_seek, EIO, false, false},
};
enum { FAULTS = sizeof faults / sizeof *faults };

static char dir[96], other[96]; /* of the scenario that runs */
static bool wrong; /* a success that is none: Check's own assertions allocate, and would fail too */

/* ----------------------------------------------------------------------------------- loading -- */

enum { SAFETENSORS, SHARDS, TORCH_ZIP, TORCH_LEGACY, TENSORFLOW };

static void make_directory(int format)
{
    eqb_error err;
    eqb_model *m = make_small_model(3, true, NULL);
    strcpy(dir, memory_dir());
    ck_assert_int_eq(eqb_model_save(m, dir, &err), EQB_OK);
    if (format != SAFETENSORS) remove(path_in(dir, "model.safetensors"));
    if (format == SHARDS) {
        write_part(dir, "a-0", m, EQBI_F16, 0, 2);
        write_part(dir, "a-1", m, EQBI_F64, 1, 2);
        write_index(dir, "model.safetensors.index.json", m, "a-%d", 2);
        write_text(dir, "added_tokens.json", "{\"b\": 6}");
        write_text(dir, "special_tokens_map.json", "{\"additional_special_tokens\": [\"a\"]}");
    }
    if (format == TORCH_ZIP) write_torch_part(dir, "pytorch_model.bin", m, ZIP, EQBI_F32, "", 0, 1);
    if (format == TORCH_LEGACY)
        write_torch_part(dir, "pytorch_model.bin", m, LEGACY, EQBI_F32, "", 0, 1);
    if (format == TENSORFLOW) write_tensorflow(dir, m, EQBI_F32);
    eqb_model_free(m);
}

static void make_safetensors(void) { make_directory(SAFETENSORS); }
static void make_shards(void) { make_directory(SHARDS); }
static void make_torch_zip(void) { make_directory(TORCH_ZIP); }
static void make_torch_legacy(void) { make_directory(TORCH_LEGACY); }
static void make_tensorflow(void) { make_directory(TENSORFLOW); }

static eqb_status load(eqb_error *err)
{
    eqb_model *m;
    eqb_status status = eqb_model_load(&m, dir, NULL, err);
    wrong = wrong || (m != NULL) != (status == EQB_OK) || (m && !eqb_model_tokenizer(m));
    eqb_model_free(m);
    return status;
}

static eqb_status load_text(eqb_error *err)
{
    eqb_tokenizer *t;
    eqb_corpus *c = NULL;
    const char *path = tiny_text();
    eqb_status status = eqb_tokenizer_learn(&t, &path, 1, 90, NULL, err);
    if (status == EQB_OK) status = eqb_corpus_load(&c, &path, 1, t, NULL, err);
    eqb_corpus_free(c);
    eqb_tokenizer_free(t);
    return status;
}

/* ------------------------------------------------------------------------------------- using -- */

static eqb_model *used;
static eqb_session *session;
static eqb_encoding encoding;
static float expected[2];

static void load_used(void)
{
    eqb_error err;
    ck_assert_int_eq(eqb_model_load(&used, tiny_model(), NULL, &err), EQB_OK);
}

static void new_session(void)
{
    eqb_error err;
    ck_assert_int_eq(eqb_session_new(&session, used, NULL, &err), EQB_OK);
    encoding = (eqb_encoding){0};
}

/* A text to an answer, and a mask filled in between. */
static eqb_status use_session(eqb_error *err)
{
    static const char first[] = "My wife is the [MASK].", second[] = "The dog is loud, \xc3\xa9!";
    const float *logits;
    eqb_status status = eqb_encode(eqb_model_tokenizer(used), first, sizeof first - 1, second,
                                   sizeof second - 1, 32, &encoding, err);
    const int32_t start[] = {0, encoding.count}, row = 5;
    const eqb_batch batch = {1, start, encoding.ids, encoding.types};
    if (status == EQB_OK) status = eqb_session_forward(session, &batch, err);
    if (status == EQB_OK) status = eqb_session_mlm_logits(session, &row, 1, &logits, err);
    if (status == EQB_OK) status = eqb_session_nsp_logits(session, &logits, err);
    if (status == EQB_OK && expected[0] == 0.0f) memcpy(expected, logits, sizeof expected);
    wrong = wrong || (status == EQB_OK && memcmp(expected, logits, sizeof expected) != 0);
    return status;
}

/* After a failure the session is as good as before. */
static void use_again(eqb_status status)
{
    eqb_error err;
    (void)status;
    ck_assert_int_eq(use_session(&err), EQB_OK);
    eqb_encoding_free(&encoding);
    eqb_session_free(session);
}

static void free_used(void) { eqb_model_free(used); }

static eqb_status train_steps(eqb_error *err)
{
    return run_training(NULL, RUN_START, err);
}

/* ------------------------------------------------------------------------------------ saving -- */

static eqb_model *old, *new;

static void make_models(uint64_t seed, bool same_tokenizer)
{
    old = make_small_model(3, true, NULL);
    new = make_small_model(seed, same_tokenizer, NULL);
    strcpy(dir, memory_dir());
}

static void make_alike(void) { make_models(4, true); }
static void make_unlike(void) { make_models(5, false); }

static void save_old(void)
{
    eqb_error err;
    empty_dir(dir);
    ck_assert_int_eq(eqb_model_save(old, dir, &err), EQB_OK);
}

static eqb_status save_new(eqb_error *err) { return eqb_model_save(new, dir, err); }

static eqb_status save_half(eqb_error *err)
{
    return eqb_model_save_with(new, dir, &(eqb_save_options){.dtype = EQB_BF16}, err);
}

/* One of the two models is there, whole; or, when they differ in more than weights, nothing that
 * can be loaded. */
static void check_saved(eqb_status status)
{
    eqb_model *m;
    eqb_error err;
    eqb_status loaded = eqb_model_load(&m, dir, NULL, &err);
    bool alike = eqb_model_tokenizer(new) != NULL;
    ck_assert_msg(loaded == EQB_OK || (loaded == EQB_ERR_MODEL && !alike && status != EQB_OK),
                  "%s", err.message);
    if (m) {
        bool is_old = same_parameters(old, m, 0), is_new = same_parameters(new, m, 0);
        ck_assert(is_old || is_new);
        ck_assert(status != EQB_OK || is_new);
        ck_assert(alike || (eqb_model_tokenizer(m) != NULL) == is_old);
    }
    eqb_model_free(m);
    /* What was in the way is not any more. */
    ck_assert_msg(eqb_model_save(new, dir, &err) == EQB_OK, "%s", err.message);
    ck_assert_int_eq(eqb_model_load(&m, dir, NULL, &err), EQB_OK);
    ck_assert(same_parameters(new, m, 0));
    eqb_model_free(m);
}

/* In 16 bits there are other numbers, but whole files all the same. */
static void check_half(eqb_status status)
{
    eqb_model *m;
    eqb_error err;
    eqb_status loaded = eqb_model_load(&m, dir, NULL, &err);
    ck_assert(loaded == EQB_OK || (loaded == EQB_ERR_MODEL && status != EQB_OK));
    eqb_model_free(m);
}

static void free_models(void)
{
    eqb_model_free(old);
    eqb_model_free(new);
}

/* ------------------------------------------------------------------------------------- runs -- */

static void make_place(void) { strcpy(dir, memory_dir()); }
static void clear_place(void) { empty_dir(dir); }
static eqb_status start_run(eqb_error *err) { return run_training(dir, RUN_START, err); }

static void make_stopped(void)
{
    eqb_error err;
    strcpy(dir, memory_dir());
    strcpy(other, memory_dir());
    ck_assert_int_eq(run_stopped(other, 2, &err), EQB_ERR_CANCELLED);
}

static void put_stopped(void)
{
    empty_dir(dir);
    copy_dir(dir, other);
}

static eqb_status resume_run(eqb_error *err) { return run_training(dir, RUN_RESUME, err); }

static void check_run(eqb_status status)
{
    check_checkpoints(dir);
    if (status == EQB_OK)
        check_finished(dir);
    else
        check_goes_on(dir);
}

/* --------------------------------------------------------------------------------- scenarios -- */

static const struct scenario {
    const char *name;
    size_t sampled;
    void (*begin)(void);             /* once */
    void (*before)(void);            /* before each case */
    eqb_status (*act)(eqb_error *err);
    void (*after)(eqb_status status); /* without faults: what must hold */
    void (*end)(void);
    bool keeps; /* act keeps memory, which after gives back */
} scenarios[] = {
    {"load safetensors", 7, make_safetensors, NULL, load, NULL, NULL, false},
    {"load shards", 7, make_shards, NULL, load, NULL, NULL, false},
    {"load torch zip", 7, make_torch_zip, NULL, load, NULL, NULL, false},
    {"load torch legacy", 7, make_torch_legacy, NULL, load, NULL, NULL, false},
    {"load TensorFlow", 7, make_tensorflow, NULL, load, NULL, NULL, false},
    {"load plain text", 7, NULL, NULL, load_text, NULL, NULL, false},
    {"encode, fill, next sentence", 1, load_used, new_session, use_session, use_again, free_used,
     true},
    {"load pairs, train steps", 47, NULL, NULL, train_steps, NULL, NULL, false},
    {"save over the same kind", 3, make_alike, save_old, save_new, check_saved, free_models, false},
    {"save over another kind", 3, make_unlike, save_old, save_new, check_saved, free_models, false},
    {"save in 16 bits", 3, make_alike, save_old, save_half, check_half, free_models, false},
    {"run with checkpoints", 97, make_place, clear_place, start_run, check_run, NULL, false},
    {"resume a run", 97, make_stopped, put_stopped, resume_run, check_run, NULL, false},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* Fails the n-th call; false when there are not so many. */
static bool one_case(const struct scenario *s, int fault, size_t n, size_t *errors)
{
    eqb_error err = {0};
    if (s->before) s->before();
    size_t descriptors = open_descriptors();
    inject_begin(&(injection){1u << faults[fault].what, n, faults[fault].all_later,
                              faults[fault].how});
    eqb_status status = s->act(&err);
    injected r = inject_end();
    const char *what = call_name(faults[fault].what);
    bool memory = faults[fault].what == CALL_alloc;
    check_message(status, &err);
    ck_assert_msg(!wrong, "%s, %s %zu (%d): a wrong result", s->name, what, n, faults[fault].how);
    ck_assert_msg(status == EQB_OK || (r.hits > 0 && !faults[fault].harmless),
                  "%s, %s %zu (%d): %s", s->name, what, n, faults[fault].how, err.message);
    ck_assert_msg(status == EQB_OK || (memory ? status == EQB_ERR_NOMEM : status != EQB_ERR_NOMEM),
                  "%s, %s %zu (%d): status %d: %s", s->name, what, n, faults[fault].how, status,
                  err.message);
    ck_assert_msg((s->keeps || (r.blocks == 0 && r.maps == 0)) &&
                      open_descriptors() == descriptors,
                  "%s, %s %zu (%d): leaks %ld blocks, %ld maps", s->name, what, n,
                  faults[fault].how, r.blocks, r.maps);
    if (s->after) s->after(status);
    *errors += status != EQB_OK;
    return r.hits > 0;
}

/* _i: the scenario */
START_TEST(failing_calls)
{
    const struct scenario *s = &scenarios[_i];
    char row[64];
    if (!inject_possible()) return;
    if (s->begin) s->begin();
    for (int f = 0; f < FAULTS; f++) {
        size_t cases = 0, errors = 0, step = fault_step(s->sampled);
        while (one_case(s, f, 1 + cases * step, &errors)) cases++;
        snprintf(row, sizeof row, "%s: %s", s->name,
                 faults[f].what == CALL_alloc ? "memory" : "system calls");
        if (cases > 0) fault_row(row, cases, errors);
    }
    if (s->end) s->end();
}
END_TEST

TCase *fault_calls_case(void)
{
    TCase *t = tcase_create("calls");
    tcase_set_timeout(t, 3600);
    tcase_add_loop_test(t, failing_calls, 0, SCENARIOS);
    return t;
}
