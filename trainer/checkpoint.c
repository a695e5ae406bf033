/* Saving and resuming; see checkpoint.h. Resuming is exact because everything a step draws is a
 * function of (seed, step): parameters, moments and the step are the whole state.                 */
#include "trainer/checkpoint.h"
#include "trainer/run_files.h"
#include "weights/json.h"
#include "weights/safetensors.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STATE_LIMIT = 1 << 20 };

static eqb_status write_state(const char *dir, const eqb_optimizer *o, eqb_error *err)
{
    char path[4096];
    EQBI_TRY(eqbi_join(path, dir, "state.safetensors", err));
    int64_t step = o->step;
    const eqbi_file_tensor tensors[] = {
        {.name = "adam_m", .dtype = EQBI_F32, .dims = 1, .shape = {o->model->size}, .data = o->m},
        {.name = "adam_v", .dtype = EQBI_F32, .dims = 1, .shape = {o->model->size}, .data = o->v},
        {.name = "step", .dtype = EQBI_I64, .dims = 1, .shape = {1}, .data = &step},
    };
    eqbi_output out;
    EQBI_TRY(eqbi_output_create(&out, path, err));
    eqb_status status = eqbi_safetensors_write(&out, tensors, 3, o->model->allocator, err);
    if (status == EQB_OK) status = eqbi_output_commit(&out, err);
    eqbi_output_abandon(&out);
    return status;
}

/* trainer_state.json: its presence ends a checkpoint. Settings are an array of "key=value". */
static eqb_status write_trainer_state(const char *dir, int64_t step, int64_t steps,
                                      const eqbi_text *settings, const eqb_allocator *allocator,
                                      eqb_error *err)
{
    char path[4096];
    EQBI_TRY(eqbi_join(path, dir, "trainer_state.json", err));
    eqbi_text text = {.allocator = allocator};
    eqbi_text_print(&text, "{\n  \"global_step\": %lld,\n  \"max_steps\": %lld,\n  \"settings\": [",
                    (long long)step, (long long)steps);
    for (size_t from = 0; from < settings->size;) {
        const char *line = settings->data + from;
        size_t length = (size_t)((const char *)memchr(line, '\n', settings->size - from) - line);
        eqbi_text_print(&text, from ? ",\n    " : "\n    ");
        eqbi_text_json_string(&text, line, length);
        from += length + 1;
    }
    eqbi_text_print(&text, "\n  ]\n}\n");
    eqbi_output out = {.fd = -1};
    eqb_status status = text.failed ? eqbi_fail(err, EQB_ERR_NOMEM, "no memory for a checkpoint")
                                    : eqbi_output_create(&out, path, err);
    if (status == EQB_OK) {
        eqbi_output_put(&out, text.data, text.size);
        status = eqbi_output_commit(&out, err);
    }
    eqbi_text_free(&text);
    return status;
}

/* ------------------------------------------------------------------------------------- saving -- */

/* Finds the oldest checkpoint and counts them. */
typedef struct census {
    int64_t oldest, newest, below; /* newest: the newest one older than below */
    int32_t count;
} census;

static eqb_status count_one(void *user, int64_t step, eqb_error *err)
{
    (void)err;
    census *c = user;
    c->count++;
    if (c->oldest < 0 || step < c->oldest) c->oldest = step;
    if (step < c->below && step > c->newest) c->newest = step;
    return EQB_OK;
}

static eqb_status take_census(census *c, const char *output, int64_t below, eqb_error *err)
{
    *c = (census){.oldest = -1, .newest = -1, .below = below};
    return eqbi_each_checkpoint(output, count_one, c, err);
}

static eqb_status checkpoint_path(char path[4096], const char *output, int64_t step,
                                  const char *suffix, eqb_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "checkpoint-%lld%s", (long long)step, suffix);
    return eqbi_join(path, output, name, err);
}

/* Removes the oldest ones until keep are left. The name goes first, so that a half-removed one is
 * never taken for a checkpoint.                                                                   */
static eqb_status prune(const char *output, int32_t keep, eqb_error *err)
{
    for (;;) {
        census c;
        EQBI_TRY(take_census(&c, output, INT64_MAX, err));
        if (c.count <= keep) return EQB_OK;
        char path[4096], doomed[4096];
        EQBI_TRY(checkpoint_path(path, output, c.oldest, "", err));
        EQBI_TRY(checkpoint_path(doomed, output, c.oldest, ".old", err));
        if (rename(path, doomed) != 0) return eqbi_io_error(err, path, "cannot rename");
        EQBI_TRY(eqbi_remove_dir(doomed, err));
    }
}

eqb_status eqbi_checkpoint_save(const eqbi_run_dir *dir, const eqb_model *model,
                                const eqb_optimizer *o, int64_t steps, const eqbi_text *settings,
                                int32_t keep, eqb_error *err)
{
    char making[4096], path[4096];
    EQBI_TRY(checkpoint_path(making, dir->path, o->step, ".tmp", err));
    EQBI_TRY(checkpoint_path(path, dir->path, o->step, "", err));
    EQBI_TRY(eqbi_remove_dir(making, err));
    eqb_status status = eqb_model_save(model, making, err);
    if (status == EQB_OK) status = write_state(making, o, err);
    if (status == EQB_OK)
        status = write_trainer_state(making, o->step, steps, settings, model->allocator, err);
    if (status == EQB_OK) status = eqbi_sync_dir(making, err);
    /* The same step again, after a resume, brings the same bytes. */
    if (status == EQB_OK) status = eqbi_remove_dir(path, err);
    if (status == EQB_OK && rename(making, path) != 0)
        status = eqbi_io_error(err, making, "cannot rename");
    if (status != EQB_OK) {
        eqbi_remove_dir(making, NULL);
        return status;
    }
    EQBI_TRY(eqbi_sync_dir(dir->path, err));
    return prune(dir->path, keep > 0 ? keep : 1, err);
}

/* ----------------------------------------------------------------------------------- resuming -- */

/* Compares the settings of a checkpoint with those of this run, line by line. */
static eqb_status compare_settings(const eqbi_json *doc, const char *dir, const eqbi_text *settings,
                                   eqb_error *err)
{
    const eqbi_json_value *list = eqbi_json_get(doc->root, "settings");
    const eqbi_json_value *then = list ? eqbi_json_first(list) : NULL;
    for (size_t from = 0; from < settings->size || then;) {
        const char *now = settings->data + from;
        const char *end = from < settings->size ? memchr(now, '\n', settings->size - from) : now;
        const char *was = then ? eqbi_json_text(then) : NULL;
        size_t length = (size_t)(end - now);
        if (!was || strlen(was) != length || memcmp(was, now, length) != 0)
            return eqbi_fail(err, EQB_ERR_DATA, "%s: was made with %s, this run has %.*s", dir,
                             was ? was : "nothing", (int)length, now);
        from += length + 1;
        then = eqbi_json_next(then);
    }
    return EQB_OK;
}

/* Copies an F32 tensor of count floats; false when it is not there in that shape. */
static bool copy_floats(float *to, const eqbi_tensor_file *file, const char *name, size_t count)
{
    const eqbi_file_tensor *t = eqbi_tensor_file_find(file, name);
    if (!t || t->dtype != EQBI_F32 || t->size != count * sizeof *to) return false;
    memcpy(to, t->data, t->size);
    return true;
}

static eqb_status read_tensors(const char *dir, eqb_model *model, eqb_optimizer *o, eqb_error *err)
{
    char path[4096];
    eqbi_tensor_file file = {0};
    EQBI_TRY(eqbi_join(path, dir, "model.safetensors", err));
    EQBI_TRY(eqbi_safetensors_open(&file, path, path, model->allocator, err));
    bool whole = true;
    for (int32_t i = 0; i < model->entries; i++) {
        const eqbi_entry *e = &model->entry[i];
        whole = whole && copy_floats(model->block + e->offset, &file, e->name,
                                     (size_t)e->rows * (size_t)e->cols);
    }
    eqbi_tensor_file_close(&file);
    if (!whole) return eqbi_fail(err, EQB_ERR_DATA, "%s: is not this model's", path);
    EQBI_TRY(eqbi_join(path, dir, "state.safetensors", err));
    EQBI_TRY(eqbi_safetensors_open(&file, path, path, model->allocator, err));
    const eqbi_file_tensor *step = eqbi_tensor_file_find(&file, "step");
    whole = copy_floats(o->m, &file, "adam_m", model->size) &&
            copy_floats(o->v, &file, "adam_v", model->size) && step && step->dtype == EQBI_I64 &&
            step->size == sizeof o->step;
    if (whole) memcpy(&o->step, step->data, sizeof o->step);
    eqbi_tensor_file_close(&file);
    return whole ? EQB_OK : eqbi_fail(err, EQB_ERR_DATA, "%s: is not this model's", path);
}

static eqb_status resume_from(const char *dir, eqb_model *model, eqb_optimizer *o,
                              const eqbi_text *settings, bool *other, eqb_error *err)
{
    eqbi_json doc = {.where = "trainer_state.json", .fault = EQB_ERR_DATA};
    EQBI_TRY(eqbi_json_read(&doc, dir, STATE_LIMIT, model->allocator, err));
    eqb_status status = compare_settings(&doc, dir, settings, err);
    *other = status != EQB_OK;
    eqbi_json_free(&doc);
    return status == EQB_OK ? read_tensors(dir, model, o, err) : status;
}

eqb_status eqbi_checkpoint_resume(eqbi_run_dir *dir, eqb_model *model, eqb_optimizer *o,
                                  const eqbi_text *settings,
                                  void (*on_note)(void *user, const char *line), void *user,
                                  eqb_error *err)
{
    for (int64_t below = INT64_MAX;;) {
        census c;
        EQBI_TRY(take_census(&c, dir->path, below, err));
        if (c.newest < 0)
            return eqbi_fail(err, EQB_ERR_DATA, "%s: there is no whole checkpoint to resume from",
                             dir->path);
        char path[4096], line[5200];
        bool other = false;
        eqb_error fault = {0};
        EQBI_TRY(checkpoint_path(path, dir->path, c.newest, "", err));
        eqb_status status = resume_from(path, model, o, settings, &other, &fault);
        if (status == EQB_OK || other || status == EQB_ERR_NOMEM) {
            if (err && status != EQB_OK) *err = fault;
            return status;
        }
        snprintf(line, sizeof line, "%s is damaged (%s); trying an older one", path, fault.message);
        if (on_note) on_note(user, line);
        below = c.newest;
    }
}
