/* The table of names; see names.h. */
#include "trainer/names.h"

#include <string.h>

uint64_t eqbi_fnv1a(const void *data, size_t size)
{
    const unsigned char *byte = data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

const char *eqbi_names_text(const eqbi_names *names, int32_t number)
{
    return names->pool + names->name[number].offset;
}

void eqbi_names_free(eqbi_names *n)
{
    eqbi_free(n->allocator, n->name, n->capacity, sizeof *n->name);
    eqbi_free(n->allocator, n->pool, n->pool_capacity, 1);
    eqbi_free(n->allocator, n->bucket, n->buckets, sizeof *n->bucket);
    *n = (eqbi_names){.allocator = n->allocator};
}

/* A search looks into so many buckets, far more than chance asks for: the names of a file may be made
 * to want the same one. */
enum { MOST_PROBES = 1024 };

/* The bucket that holds text, or the free one where it belongs; NULL: there is no room for it. */
static int32_t *find(const eqbi_names *n, const char *text, uint64_t hash)
{
    size_t mask = n->buckets - 1, at = hash & mask;
    for (size_t end = at + MOST_PROBES; at < end; at++) {
        int32_t *bucket = &n->bucket[at & mask];
        if (*bucket < 0 || (n->name[*bucket].hash == hash &&
                            strcmp(eqbi_names_text(n, *bucket), text) == 0))
            return bucket;
    }
    return NULL;
}

static bool grow_buckets(eqbi_names *n)
{
    size_t buckets = n->buckets ? 2 * n->buckets : 64;
    int32_t *bucket = eqbi_alloc(n->allocator, buckets, sizeof *bucket);
    if (!bucket) return false;
    memset(bucket, 0xff, buckets * sizeof *bucket); /* all -1 */
    for (size_t i = 0; i < n->count; i++) {
        size_t at = n->name[i].hash & (buckets - 1), end = at + MOST_PROBES;
        while (at < end && bucket[at & (buckets - 1)] >= 0) at++;
        if (at == end) {
            eqbi_free(n->allocator, bucket, buckets, sizeof *bucket);
            return false;
        }
        bucket[at & (buckets - 1)] = (int32_t)i;
    }
    eqbi_free(n->allocator, n->bucket, n->buckets, sizeof *n->bucket);
    n->bucket = bucket;
    n->buckets = buckets;
    return true;
}

int32_t eqbi_names_add(eqbi_names *n, const char *text, int64_t line)
{
    if (2 * (n->count + 1) > n->buckets && (n->count >= INT32_MAX / 4 || !grow_buckets(n)))
        return -1;
    size_t size = strlen(text) + 1;
    uint64_t hash = eqbi_fnv1a(text, size);
    int32_t *bucket = find(n, text, hash);
    if (!bucket) return -1;
    if (*bucket >= 0) return *bucket;
    if (!eqbi_grow(n->allocator, (void **)&n->name, &n->capacity, n->count + 1, sizeof *n->name) ||
        !eqbi_grow(n->allocator, (void **)&n->pool, &n->pool_capacity, n->pool_size + size, 1))
        return -1;
    memcpy(n->pool + n->pool_size, text, size);
    n->name[n->count] = (eqbi_name){.hash = hash, .offset = n->pool_size, .line = line};
    n->pool_size += size;
    return *bucket = (int32_t)n->count++;
}
