/* Models by the name of a directory or of the Hugging Face hub; see cli.h. */
#include "programs/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where huggingface_hub keeps its downloads: HF_HUB_CACHE, else HF_HOME/hub, else
 * XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub. An empty variable is none. */
static void cache_dir(char path[4096])
{
    static const struct {
        const char *variable, *below;
    } places[] = {{"HF_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"},
                  {"HOME", "/.cache/huggingface/hub"}};
    path[0] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places && !path[0]; i++) {
        const char *value = getenv(places[i].variable);
        if (value && *value) snprintf(path, 4096, "%s%s", value, places[i].below);
    }
}

eqb_status cli_model_dir(char path[4096], const char *name, eqb_error *err)
{
    struct stat st;
    char cache[4096];
    int n = snprintf(path, 4096, "%s", name);
    if ((n > 0 && n < 4096 && stat(name, &st) == 0) || !eqb_hub_is_name(name)) return EQB_OK;
    cache_dir(cache);
    eqb_status status = eqb_hub_find(path, 4096, name, cache, NULL, err);
    if (status != EQB_ERR_IO) return status;
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used,
             ", nor is it a directory; get it with: make model MODEL=%.100s", name);
    return status;
}

eqb_status cli_model_load(eqb_model **out, const char *name, const eqb_model_options *options,
                          eqb_error *err)
{
    char path[4096];
    *out = NULL;
    eqb_status status = cli_model_dir(path, name, err);
    return status == EQB_OK ? eqb_model_load(out, path, options, err) : status;
}

eqb_status cli_model_check(const eqb_model *model, const char *name, unsigned parts,
                           eqb_error *err)
{
    unsigned lacks = parts & ~eqb_model_parts(model);
    const char *what = lacks & EQB_PART_MLM ? "masked-language-model head: it cannot guess words"
                       : lacks ? "next-sentence head: it cannot tell what follows"
                               : "vocabulary (vocab.txt or tokenizer.json)";
    if (!lacks && eqb_model_tokenizer(model)) return EQB_OK;
    err->status = EQB_ERR_MODEL;
    snprintf(err->message, sizeof err->message, "%s: has no %s", name, what);
    return EQB_ERR_MODEL;
}
