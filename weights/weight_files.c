/* Finding and opening the weight files of a directory; see weight_files.h.
 *
 * An index is JSON: {"weight_map": {"name of a tensor": "name of a file", ...}}. Its files must be
 * in the directory itself, have what the map says, and no tensor in common.                      */
#include "weights/weight_files.h"

#include "weights/json.h"
#include "weights/safetensors.h"
#include "weights/tf_checkpoint.h"
#include "weights/torch_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_INDEX = 4 << 20, MOST_SHARDS = 256 };

typedef eqb_status (*opener)(eqbi_tensor_file *out, const char *path, const char *where,
                             const eqb_allocator *allocator, eqb_error *err);

static const struct {
    const char *name;
    opener open; /* the file, or each file that it lists */
    bool lists;
} formats[] = {
    {"model.safetensors", eqbi_safetensors_open, false},
    {"model.safetensors.index.json", eqbi_safetensors_open, true},
    {"pytorch_model.bin", eqbi_torch_open, false},
    {"pytorch_model.bin.index.json", eqbi_torch_open, true},
    {"bert_model.ckpt.index", eqbi_tf_open, false},
};
enum { FORMATS = sizeof formats / sizeof *formats };

static bool exists(const char *dir, const char *name)
{
    char path[4096];
    return eqbi_join(path, dir, name, NULL) == EQB_OK && eqbi_file_exists(path);
}

/* What to do with a file that looks like weights under another name, or NULL: a variant
 * (model.fp16.safetensors), a step of a training (model.ckpt-1000.index), a shard alone.         */
static const char *advice_for(const char *name)
{
    static const struct {
        const char *part, *ending, *advice;
    } known[] = {
        {"-of-", ".safetensors", "is a part, and model.safetensors.index.json is missing"},
        {"-of-", ".bin", "is a part, and pytorch_model.bin.index.json is missing"},
        {"", ".safetensors", "if these are the weights, rename it to model.safetensors"},
        {"model", ".bin", "if these are the weights, rename it to pytorch_model.bin"},
        {"model.ckpt", ".index", "rename it to bert_model.ckpt.index, and what goes with it"},
    };
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t tail = strlen(known[i].ending);
        if (length >= tail && strcmp(name + length - tail, known[i].ending) == 0 &&
            strstr(name, known[i].part))
            return known[i].advice;
    }
    return NULL;
}

/* Names the first file, by name, for which there is advice. */
static eqb_status advise(const char *dir, eqb_error *err)
{
    char found[256] = "";
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        if (advice_for(e->d_name) && (!found[0] || strcmp(e->d_name, found) < 0))
            snprintf(found, sizeof found, "%.255s", e->d_name);
    if (d) closedir(d);
    if (found[0])
        return eqbi_fail(err, EQB_ERR_MODEL, "%s: has no model.safetensors; found %s: %s", dir,
                         found, advice_for(found));
    return eqbi_fail(err, EQB_ERR_MODEL,
                     "%s: has no model.safetensors, pytorch_model.bin or bert_model.ckpt", dir);
}

/* Says what else lies in a directory that has no weights. */
static eqb_status no_weights(const char *dir, eqb_error *err)
{
    static const char *const others[] = {
        "tf_model.h5", "flax_model.msgpack", "rust_model.ot", "model.onnx",
        "adapter_model.safetensors", "bert_model.ckpt.meta"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (exists(dir, others[i]))
            return eqbi_fail(err, EQB_ERR_MODEL,
                             "%s: found %s only, which is not supported: convert it to "
                             "model.safetensors with transformers' from_pretrained and "
                             "save_pretrained",
                             dir, others[i]);
    return advise(dir, err);
}

static eqb_status open_file(eqbi_weights *w, const char *dir, const char *name, opener open,
                            eqb_error *err)
{
    char path[4096];
    EQBI_TRY(eqbi_join(path, dir, name, err));
    if (!eqbi_grow(w->allocator, (void **)&w->file, &w->file_capacity, w->files + 1,
                   sizeof *w->file))
        return eqbi_fail(err, EQB_ERR_NOMEM, "%s: no memory for a list of files", name);
    eqbi_weight_file *f = &w->file[w->files];
    strcpy(f->name, name);
    EQBI_TRY(open(&f->content, path, f->name, w->allocator, err));
    w->files++;
    w->size += f->content.file.size;
    return EQB_OK;
}

/* ------------------------------------------------------------------------------------ shards -- */

static eqbi_weight_file *find_file(const eqbi_weights *w, const char *name)
{
    for (size_t i = w->files; i > 0; i--) /* the last one first: a map goes file by file */
        if (strcmp(w->file[i - 1].name, name) == 0) return &w->file[i - 1];
    return NULL;
}

static eqb_status open_shard(eqbi_weights *w, const char *dir, const eqbi_json *doc,
                             const eqbi_json_value *v, opener open, eqb_error *err)
{
    const char *name = eqbi_json_text(v);
    if (!name || *name == '\0' || strlen(name) >= EQBI_FILE_NAME_SIZE || strchr(name, '/') ||
        strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return eqbi_json_fail(doc, err, "the file of %.200s is \"%.200s\", expected the name of a "
                              "file beside it", eqbi_json_key(v), name ? name : "");
    if (find_file(w, name)) return EQB_OK;
    if (w->files == MOST_SHARDS)
        return eqbi_json_fail(doc, err, "lists more than %d files", MOST_SHARDS);
    if (!exists(dir, name)) return eqbi_json_fail(doc, err, "%.200s is missing", name);
    return open_file(w, dir, name, open, err);
}

static eqb_status open_shards(eqbi_weights *w, const char *dir, const eqbi_json *doc, opener open,
                              eqb_error *err)
{
    const eqbi_json_value *map = eqbi_json_get(doc->root, "weight_map");
    if (!map || eqbi_json_type(map) != EQBI_JSON_OBJECT || !eqbi_json_first(map))
        return eqbi_json_fail(doc, err, "key \"weight_map\" is no object with tensors");
    for (const eqbi_json_value *v = eqbi_json_first(map); v; v = eqbi_json_next(v))
        EQBI_TRY(open_shard(w, dir, doc, v, open, err));
    for (const eqbi_json_value *v = eqbi_json_first(map); v; v = eqbi_json_next(v)) {
        const eqbi_weight_file *f = find_file(w, eqbi_json_text(v));
        if (!eqbi_tensor_file_find(&f->content, eqbi_json_key(v)))
            return eqbi_json_fail(doc, err, "%.200s is not in %s", eqbi_json_key(v), f->name);
    }
    return EQB_OK;
}

static eqb_status open_index(eqbi_weights *w, const char *dir, opener open, eqb_error *err)
{
    eqbi_json doc = {.where = w->where, .fault = EQB_ERR_MODEL};
    EQBI_TRY(eqbi_json_read(&doc, dir, LARGEST_INDEX, w->allocator, err));
    eqb_status status = open_shards(w, dir, &doc, open, err);
    eqbi_json_free(&doc);
    return status;
}

/* ----------------------------------------------------------------------------------- the set -- */

static int by_name(const void *a, const void *b)
{
    const eqbi_file_tensor *x = *(const eqbi_file_tensor *const *)a;
    const eqbi_file_tensor *y = *(const eqbi_file_tensor *const *)b;
    return strcmp(x->name, y->name);
}

static eqb_status list_tensors(eqbi_weights *w, eqb_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < w->files; i++) count += w->file[i].content.count;
    w->tensor = eqbi_alloc(w->allocator, count, sizeof *w->tensor);
    if (!w->tensor)
        return eqbi_fail(err, EQB_ERR_NOMEM, "%s: no memory for a list of tensors", w->where);
    w->count = count;
    size_t n = 0;
    for (size_t i = 0; i < w->files; i++)
        for (size_t k = 0; k < w->file[i].content.count; k++)
            w->tensor[n++] = &w->file[i].content.tensor[k];
    qsort(w->tensor, count, sizeof *w->tensor, by_name);
    for (size_t i = 1; i < count; i++)
        if (by_name(&w->tensor[i - 1], &w->tensor[i]) == 0)
            return eqbi_fail(err, EQB_ERR_MODEL, "%s: %.200s is in two files, %s and %s", w->where,
                             w->tensor[i]->name, eqbi_weights_file_of(w, w->tensor[i - 1]),
                             eqbi_weights_file_of(w, w->tensor[i]));
    return EQB_OK;
}

eqb_status eqbi_weights_open(eqbi_weights *out, const char *dir, const eqb_allocator *allocator,
                             eqb_error *err)
{
    *out = (eqbi_weights){.allocator = allocator};
    int chosen = 0;
    while (chosen < FORMATS && !exists(dir, formats[chosen].name)) chosen++;
    if (chosen == FORMATS) return no_weights(dir, err);
    out->where = formats[chosen].name;
    if (chosen + 1 < FORMATS && formats[chosen + 1].lists && exists(dir, formats[chosen + 1].name))
        out->ignored = formats[chosen + 1].name;
    eqb_status status = formats[chosen].lists
                            ? open_index(out, dir, formats[chosen].open, err)
                            : open_file(out, dir, out->where, formats[chosen].open, err);
    if (status == EQB_OK) status = list_tensors(out, err);
    if (status != EQB_OK) eqbi_weights_close(out);
    return status;
}

void eqbi_weights_close(eqbi_weights *w)
{
    for (size_t i = 0; i < w->files; i++) eqbi_tensor_file_close(&w->file[i].content);
    eqbi_free(w->allocator, w->file, w->file_capacity, sizeof *w->file);
    eqbi_free(w->allocator, w->tensor, w->count, sizeof *w->tensor);
    *w = (eqbi_weights){0};
}

const char *eqbi_weights_file_of(const eqbi_weights *w, const eqbi_file_tensor *tensor)
{
    uintptr_t at = (uintptr_t)tensor;
    for (size_t i = 0; i < w->files; i++) {
        const eqbi_tensor_file *f = &w->file[i].content;
        if (at >= (uintptr_t)f->tensor && at < (uintptr_t)(f->tensor + f->count))
            return w->file[i].name;
    }
    return w->where;
}
