/* Finding a model of the Hugging Face hub in its local cache.
 *
 *     <cache>/models--google-bert--bert-base-uncased/refs/main              a commit
 *                                                   /snapshots/<commit>/    the files
 *
 * source  huggingface_hub, docs "Understand caching"                                             */
#include "base/file.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST_NAME = 200, LONGEST_COMMIT = 200 };

static bool is_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits, and in between dots, dashes and underscores; at most so many slashes. */
static bool is_name(const char *name, int slashes)
{
    size_t length = strlen(name);
    if (length == 0 || length > LONGEST_NAME || strstr(name, "..") || strstr(name, "--"))
        return false;
    for (size_t i = 0; i < length; i++) {
        bool inside = i > 0 && i + 1 < length && name[i - 1] != '/' && name[i + 1] != '/';
        bool mark = strchr("._-", name[i]) != NULL;
        if (name[i] == '/' && slashes-- > 0 && i > 0 && i + 1 < length) continue;
        if (!is_letter(name[i]) && !(mark && inside)) return false;
    }
    return true;
}

bool eqb_hub_is_name(const char *name)
{
    return is_name(name, 1);
}

/* <cache>/models--<owner>--<name> */
static bool folder_of(char out[4096], const char *cache, const char *owner, const char *name)
{
    char flat[2 * LONGEST_NAME + 8];
    size_t length = 0;
    for (const char *c = name; *c; c++)
        length += (size_t)sprintf(flat + length, *c == '/' ? "--" : "%c", *c);
    flat[length] = '\0';
    int n = snprintf(out, 4096, "%s/models--%s%s", cache, owner, flat);
    return n > 0 && n < 4096 && eqbi_file_exists(out);
}

/* The commit that a branch or tag stands for; what is neither is taken for a commit. */
static eqb_status read_ref(char commit[LONGEST_COMMIT + 1], const char *folder,
                           const char *revision, eqb_error *err)
{
    char path[4096], *text;
    size_t size;
    strcpy(commit, revision);
    int n = snprintf(path, sizeof path, "%s/refs/%s", folder, revision);
    if (n < 0 || n >= (int)sizeof path || !eqbi_file_exists(path)) return EQB_OK;
    EQBI_TRY(eqbi_file_read(&text, &size, path, LONGEST_COMMIT, NULL, err));
    memcpy(commit, text, size + 1);
    eqbi_free(NULL, text, size + 1, 1);
    commit[strcspn(commit, "\r\n")] = '\0';
    if (is_name(commit, 0)) return EQB_OK;
    return eqbi_fail(err, EQB_ERR_MODEL, "%s: does not name a commit", path);
}

eqb_status eqb_hub_find(char *path, size_t size, const char *name, const char *cache,
                        const char *revision, eqb_error *err)
{
    char folder[4096], commit[LONGEST_COMMIT + 1];
    if (!revision) revision = "main";
    if (!is_name(name, 1) || !is_name(revision, 8))
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "\"%.200s\" of revision \"%.200s\" is no name of "
                         "the Hugging Face hub", name, revision);
    bool found = folder_of(folder, cache, "", name);
    if (!found && !strchr(name, '/')) found = folder_of(folder, cache, "google-bert--", name);
    if (!found)
        return eqbi_fail(err, EQB_ERR_IO, "%s: is not in the cache %s", name, cache);
    EQBI_TRY(read_ref(commit, folder, revision, err));
    int n = snprintf(path, size, "%s/snapshots/%s", folder, commit);
    if (n < 0 || (size_t)n >= size)
        return eqbi_fail(err, EQB_ERR_ARGUMENT, "path is too long: %s", folder);
    if (eqbi_file_exists(path)) return EQB_OK;
    return eqbi_fail(err, EQB_ERR_IO, "%s: the cache %s has no revision %s of it", name, cache,
                     revision);
}
