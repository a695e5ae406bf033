/* exp, erf, tanh for loops: branch-free, so that the compiler turns a loop over them into vector
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

/* e^x, relative error below 1e-7; 0 below -87.3 (no subnormals), infinity above 88.7. */
EQBI_INLINE float eqbi_expf(float x)
{
    const float log2e = 1.44269504f, ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f;
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    float low = x < -87.33f ? -87.33f : x;
    float y = low > 88.72f ? 88.72f : low;
    float rounded = y * log2e + magic;
    float n = rounded - magic;
    float r = (y - n * ln2_high) - n * ln2_low;
    float p = 0.00139336504f;
    p = p * r + 0.00836318012f;
    p = p * r + 0.0416664649f;
    p = p * r + 0.16666577f;
    p = p * r + 0.500000001f;
    p = p * (r * r) + r + 1.0f;
    /* 2^n in two halves, because n reaches 128 */
    int32_t whole = (int32_t)(eqbi_float_to_bits(rounded) - eqbi_float_to_bits(magic));
    int32_t half = whole / 2;
    float a = eqbi_bits_to_float((uint32_t)(half + 127) << 23);
    float b = eqbi_bits_to_float((uint32_t)(whole - half + 127) << 23);
    float result = p * a * b;
    result = x > 88.72f ? eqbi_bits_to_float(0x7f800000u) : result;
    return x < -87.33f ? 0.0f : result;
}

/* erf(x), absolute error below 1e-7. */
EQBI_INLINE float eqbi_erff(float x)
{
    float t = x < 0.0f ? -x : x;
    float s = t * t;
    float p = -0.000600837939f;
    p = p * s + 0.00499694324f;
    p = p * s - 0.026769451f;
    p = p * s + 0.112819037f;
    p = p * s - 0.376125032f;
    p = p * s + 0.128379151f;
    float near = t + t * p;
    float u = t > 4.0f ? 4.0f : t;
    float q = -2.1179031e-05f;
    q = q * u + 0.00043525893f;
    q = q * u - 0.00417409715f;
    q = q * u + 0.0251253132f;
    q = q * u - 0.108286054f;
    q = q * u - 0.63334422f;
    q = q * u - 1.12951497f;
    q = q * u + 0.000174438439f;
    float far = 1.0f - eqbi_expf(q);
    float result = t < 0.92f ? near : far;
    result = x < 0.0f ? -result : result;
    return x != x ? x : result;
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
    float e = eqbi_expf(-2.0f * t);
    float far = (1.0f - e) / (1.0f + e);
    float result = t < 0.62f ? near : far;
    result = x < 0.0f ? -result : result;
    return x != x ? x : result;
}

#endif
