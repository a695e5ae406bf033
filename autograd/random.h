/* Counter-based random numbers: each number is a function of (seed, stream, index) and nothing
 * else, so results depend neither on order nor on the number of threads, and resuming needs no
 * generator state.                                                                                */
#ifndef EQBI_RANDOM_H
#define EQBI_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* 64 random bits.   source  splitmix64: Steele, Lea, Flood 2014, "Fast splittable pseudorandom
 * number generators", the finalizer applied to a mix of the three counters                        */
static inline uint64_t eqbi_mix64(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline uint64_t eqbi_random(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t key = eqbi_mix64(seed + 0x9e3779b97f4a7c15u * (stream + 1));
    return eqbi_mix64(key + 0x9e3779b97f4a7c15u * (index + 1));
}
/* In [0, 1), 53 bits. */
static inline double eqbi_random_real(uint64_t seed, uint64_t stream, uint64_t index)
{
    return (double)(eqbi_random(seed, stream, index) >> 11) * 0x1p-53;
}
/* In 0 .. bound-1, bound > 0 (multiply-shift: bias below 2^-32 for bound < 2^32). */
static inline uint32_t eqbi_random_below(uint32_t bound, uint64_t seed, uint64_t stream,
                                         uint64_t index)
{
    return (uint32_t)(((eqbi_random(seed, stream, index) >> 32) * bound) >> 32);
}
/* x[0..n) from N(0, sigma), Box-Muller. */
void eqbi_random_normal(float *x, size_t n, float sigma, uint64_t seed, uint64_t stream);
/* order[0..n) = a random permutation of 0..n-1 (Fisher-Yates). */
void eqbi_random_permutation(uint32_t *order, uint32_t n, uint64_t seed, uint64_t stream);

#endif
