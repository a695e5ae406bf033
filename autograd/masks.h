/* Dropout masks as a function of (seed, step, site, row, column): nothing is stored, backward
 * computes the same mask again, and the number of threads changes nothing.                        */
#ifndef EQBI_MASKS_H
#define EQBI_MASKS_H

#include "autograd/random.h"
#include "autograd/tensor.h"
#include "autograd/vector_math.h"

/* One dropout site of one step. p = 0: keeps all. */
typedef struct mask_key {
    uint64_t key;
    int32_t threshold; /* of 24 random bits: below it the element is dropped */
    float scale;       /* 1 / (1 - p) */
} mask_key;

/* The probability in force where an op asks for p; negative: the op is no dropout site. */
static inline float eqbi_dropout_rate(const graph *g, float p)
{
    return !g->train || p < 0.0f ? 0.0f : g->dropout >= 0.0f ? g->dropout : p;
}

static inline mask_key eqbi_mask_key(graph *g, float wanted)
{
    mask_key k = {.scale = 1.0f};
    float p = eqbi_dropout_rate(g, wanted);
    if (p <= 0.0f) return k;
    k.key = eqbi_random(g->seed, g->step, g->site++);
    k.threshold = (int32_t)(p * 16777216.0f);
    k.scale = 1.0f / (1.0f - p);
    return k;
}

static inline uint32_t eqbi_mask_row(const mask_key *k, size_t row)
{
    return (uint32_t)(eqbi_mix64(k->key + 0x9e3779b97f4a7c15u * (row + 1)) >> 32);
}

/* 0 for a dropped element, scale for a kept one.
 *   source  the mixer is lowbias32 of C. Wellons, "Prospecting for hash functions", 2018          */
EQBI_INLINE float eqbi_mask(uint32_t row_key, uint32_t column, int32_t threshold, float scale)
{
    uint32_t h = column * 0x9e3779b9u + row_key;
    h = (h ^ (h >> 16)) * 0x7feb352du;
    h = (h ^ (h >> 15)) * 0x846ca68bu;
    h ^= h >> 16;
    return (int32_t)(h >> 8) >= threshold ? scale : 0.0f;
}

#endif
