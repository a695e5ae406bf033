/* Random numbers that need libm; see random.h. */
#include "autograd/random.h"

#include <math.h>

void eqbi_random_normal(float *x, size_t n, float sigma, uint64_t seed, uint64_t stream)
{
    const double two_pi = 6.283185307179586;
    for (size_t i = 0; i < n; i += 2) {
        double u = eqbi_random_real(seed, stream, i), v = eqbi_random_real(seed, stream, i + 1);
        double radius = (double)sigma * sqrt(-2.0 * log(1.0 - u)); /* 1 - u is in (0, 1] */
        x[i] = (float)(radius * cos(two_pi * v));
        if (i + 1 < n) x[i + 1] = (float)(radius * sin(two_pi * v));
    }
}

void eqbi_random_permutation(uint32_t *order, uint32_t n, uint64_t seed, uint64_t stream)
{
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t k = eqbi_random_below(i, seed, stream, i);
        uint32_t t = order[i - 1];
        order[i - 1] = order[k];
        order[k] = t;
    }
}
