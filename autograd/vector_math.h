/* exp, the normal distribution, tanh for loops: branch-free, so that the compiler turns a loop over them into vector
 * code. Polynomials are fitted by autograd/fit_math.py; errors below were measured by the tests
 * against libm over the whole range. NaN comes out as NaN.
 *
 * EQBI_KERNEL marks a loop function: on x86-64 Linux the compiler makes an AVX-512, an AVX2 + FMA and a
 * plain version of it and the loader picks one, so that one binary is fast everywhere. OpenMP
 * regions must stay outside of kernels: the outlined part of one would not be cloned.              */
#ifndef EQBI_VECTOR_MATH_H
#define EQBI_VECTOR_MATH_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if __GNUC__ >= 12
#define EQBI_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else /* knows no levels: AVX2 without FMA */
#define EQBI_KERNEL __attribute__((target_clones("avx2", "default")))
#endif
#else
#define EQBI_KERNEL /* one version, for the flags given (sanitizers cannot run before relocation) */
#endif
#define EQBI_INLINE static inline __attribute__((always_inline))

EQBI_INLINE float eqbi_bits_to_float(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}
EQBI_INLINE uint32_t eqbi_float_to_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* 2^n for the integer n that is rounded, less the number that rounded it: n + 127 in the exponent. */
#define EQBI_ROUND 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
EQBI_INLINE uint32_t eqbi_rounded(float sum)
{
    return eqbi_float_to_bits(sum) - eqbi_float_to_bits(EQBI_ROUND);
}

/* e^x / 2^n, where sum = x log2(e) + EQBI_ROUND holds n. */
EQBI_INLINE float eqbi_exp_rest(float x, float sum)
{
    const float ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f;
    float n = sum - EQBI_ROUND;
    float r = (x - n * ln2_high) - n * ln2_low;
    float p = 0.00139336504f;
    p = p * r + 0.00836318012f;
    p = p * r + 0.0416664649f;
    p = p * r + 0.16666577f;
    p = p * r + 0.500000001f;
    return p * (r * r) + r + 1.0f;
}

/* e^x for x up to 88, relative error below 1e-7; 0 below -87.3 (no subnormals). What lies below is
 * computed to nonsense and not taken: one comparison less for loops that wait for each number.     */
EQBI_INLINE float eqbi_expf_to_88(float x)
{
    const float log2e = 1.44269504f;
    float sum = x * log2e + EQBI_ROUND;
    float y = eqbi_exp_rest(x, sum) * eqbi_bits_to_float((eqbi_rounded(sum) + 127) << 23);
    return x < -87.33f ? 0.0f : y;
}

/* e^x, relative error below 1e-7; 0 below -87.3 (no subnormals), infinity above 88.7. */
EQBI_INLINE float eqbi_expf(float x)
{
    const float log2e = 1.44269504f;
    float sum = x * log2e + EQBI_ROUND;
    /* 2^n in two halves, because n reaches 128 */
    uint32_t biased = eqbi_rounded(sum) + 2 * 127, half = biased >> 1;
    float y = eqbi_exp_rest(x, sum) * eqbi_bits_to_float(half << 23) *
              eqbi_bits_to_float((biased - half) << 23);
    y = x > 88.72f ? eqbi_bits_to_float(0x7f800000u) : y;
    return x < -87.33f ? 0.0f : y;
}

/* Phi(x), the normal distribution's share up to x, absolute error below 1e-7 (to the left relative, too,
 * of 2e-6 down to -5); and its density at x. Both from one e^(-x^2 / 2).                                      */
EQBI_INLINE float eqbi_normalf(float x, float *density)
{
    float t = x < 0.0f ? -x : x;
    float e = eqbi_expf_to_88(-0.5f * x * x);
    t = t < 16.0f ? t : 16.0f; /* e is 0 from 13.3 on */
    float s = t / (4.0f + t);
    float p = -0.0352489208f;
    p = p * s + 0.114131739f;
    p = p * s - 0.0550764407f;
    p = p * s - 0.203635595f;
    p = p * s + 0.106807074f;
    p = p * s + 0.870876465f;
    p = p * s - 2.10632304f;
    p = p * s + 2.40421147f;
    p = p * s - 1.59576847f;
    p = p * s + 0.499999996f;
    float tail = e * p;
    *density = e * 0.39894228f;
    return x < 0.0f ? tail : 1.0f - tail;
}

/* tanh(x), relative error below 2e-7. */
EQBI_INLINE float eqbi_tanhf(float x)
{
    float t = x < 0.0f ? -x : x;
    float s = t * t;
    float p = -0.00610838505f;
    p = p * s + 0.0210059889f;
    p = p * s - 0.0538529884f;
    p = p * s + 0.133327855f;
    p = p * s - 0.333333291f;
    float near = t + t * (p * s);
    float e = eqbi_expf_to_88(-2.0f * t);
    float far = (1.0f - e) / (1.0f + e);
    float result = t < 0.62f ? near : far;
    result = x < 0.0f ? -result : result;
    return x != x ? x : result;
}

#endif
