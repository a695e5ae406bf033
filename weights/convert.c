/* Conversion to float; see convert.h.
 *
 * Blocks of 16,384 numbers are converted and then checked while they are still in the cache. The
 * loops are free of branches, so that they vectorise; memcpy reads sources that are unaligned.   */
#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise */
#include <sys/mman.h>
#endif

#include "weights/convert.h"

#include <string.h>

enum { BLOCK = 16384 };

bool eqbi_convertible(eqbi_dtype dtype)
{
    return dtype == EQBI_F32 || dtype == EQBI_F16 || dtype == EQBI_BF16 || dtype == EQBI_F64;
}

static void from_bf16(float *EQBI_RESTRICT out, const unsigned char *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, data + 2 * i, sizeof half);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

/* Exponent and fraction move to their places, and the bias is mended: 112 more for normal numbers,
 * twice that for infinity and NaN. A subnormal gets the exponent of 2^-14 and then loses the 2^-14
 * that its leading bit pretends to be.   source  F. Giesen, half_to_float_fast5                  */
static void from_f16(float *EQBI_RESTRICT out, const unsigned char *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, data + 2 * i, sizeof half);
        uint32_t sign = (uint32_t)(half & 0x8000) << 16;
        uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
        uint32_t exponent = bits & (0x1fu << 23);
        bits += exponent == 0x1fu << 23 ? 224u << 23 : exponent == 0 ? 113u << 23 : 112u << 23;
        float value;
        memcpy(&value, &bits, sizeof value);
        value -= exponent == 0 ? 0x1p-14f : 0.0f;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

static void from_f64(float *EQBI_RESTRICT out, const unsigned char *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double value;
        memcpy(&value, data + 8 * i, sizeof value);
        out[i] = (float)value;
    }
}

static bool is_finite(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & 0x7f800000) != 0x7f800000;
}

static size_t first_not_finite(const float *x, size_t count)
{
    bool all = true;
    for (size_t i = 0; i < count; i++) all &= is_finite(x[i]);
    if (all) return count;
    size_t i = 0;
    while (is_finite(x[i])) i++;
    return i;
}

static size_t convert_block(float *out, const unsigned char *data, eqbi_dtype dtype, size_t count)
{
    switch (dtype) {
    case EQBI_F16: from_f16(out, data, count); break;
    case EQBI_BF16: from_bf16(out, data, count); break;
    case EQBI_F64: from_f64(out, data, count); break;
    default: memcpy(out, data, count * sizeof *out);
    }
    return first_not_finite(out, count);
}

size_t eqbi_convert(float *out, const void *data, eqbi_dtype dtype, size_t count)
{
    size_t width = dtype == EQBI_F64 ? 8 : dtype == EQBI_F32 ? 4 : 2;
    for (size_t begin = 0; begin < count; begin += BLOCK) {
        size_t n = count - begin < BLOCK ? count - begin : BLOCK;
        const unsigned char *block = (const unsigned char *)data + begin * width;
        size_t bad = convert_block(out + begin, block, dtype, n);
        if (bad < n) return begin + bad;
    }
    return count;
}

void eqbi_prefer_huge_pages(void *block, size_t size)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t huge = (uintptr_t)2 << 20;
    uintptr_t begin = ((uintptr_t)block + huge - 1) & ~(huge - 1);
    uintptr_t end = ((uintptr_t)block + size) & ~(huge - 1);
    if (begin < end) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)block, (void)size;
#endif
}
