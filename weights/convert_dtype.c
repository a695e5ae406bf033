/* Conversion to float; see convert_dtype.h.
 *
 * Blocks of 16,384 numbers are converted and then checked while they are still in the cache. The
 * loops are free of branches, so that they vectorise; memcpy reads sources that are unaligned.   */
#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise */
#include <sys/mman.h>
#endif

#include "weights/convert_dtype.h"

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

void eqbi_widen(float *out, const void *data, eqbi_dtype dtype, size_t count)
{
    switch (dtype) {
    case EQBI_F16: from_f16(out, data, count); break;
    case EQBI_BF16: from_bf16(out, data, count); break;
    case EQBI_F64: from_f64(out, data, count); break;
    default: memcpy(out, data, count * sizeof *out);
    }
}

static size_t convert_block(float *out, const unsigned char *data, eqbi_dtype dtype, size_t count)
{
    eqbi_widen(out, data, dtype, count);
    return first_not_finite(out, count);
}

static size_t width_of(eqbi_dtype dtype)
{
    return dtype == EQBI_F64 ? 8 : dtype == EQBI_F32 ? 4 : 2;
}

size_t eqbi_convert(float *out, const void *data, eqbi_dtype dtype, size_t count)
{
    for (size_t begin = 0; begin < count; begin += BLOCK) {
        size_t n = count - begin < BLOCK ? count - begin : BLOCK;
        const unsigned char *block = (const unsigned char *)data + begin * width_of(dtype);
        size_t bad = convert_block(out + begin, block, dtype, n);
        if (bad < n) return begin + bad;
    }
    return count;
}

/* out[rows, cols] = the transpose of data[cols, rows], tile by tile: pieces of data's rows are
 * converted into a tile, whose columns are then pieces of out's rows. */
static size_t convert_transposed(float *out, const unsigned char *data, eqbi_dtype dtype,
                                 size_t rows, size_t cols)
{
    enum { TALL = 32, WIDE = 128 };
    float tile[TALL][WIDE];
    for (size_t col = 0; col < cols; col += TALL)
        for (size_t row = 0; row < rows; row += WIDE) {
            size_t tall = cols - col < TALL ? cols - col : TALL;
            size_t wide = rows - row < WIDE ? rows - row : WIDE;
            for (size_t c = 0; c < tall; c++) {
                const unsigned char *from = data + ((col + c) * rows + row) * width_of(dtype);
                size_t bad = convert_block(tile[c], from, dtype, wide);
                if (bad == wide) continue;
                size_t place = (row + bad) * cols + col + c;
                out[place] = tile[c][bad];
                return place;
            }
            for (size_t r = 0; r < wide; r++)
                for (size_t c = 0; c < tall; c++) out[(row + r) * cols + col + c] = tile[c][r];
        }
    return rows * cols;
}

size_t eqbi_convert_tensor(float *out, const eqbi_file_tensor *t)
{
    if (t->transposed)
        return convert_transposed(out, t->data, t->dtype, (size_t)t->shape[0],
                                  (size_t)t->shape[1]);
    return eqbi_convert(out, t->data, t->dtype, t->size / width_of(t->dtype));
}

/* Half of the last bit that stays is added, a little less when that bit is 0 (ties to even); the
 * carry may run into the exponent, as it should. A number that becomes subnormal is added to 0.5,
 * whose last bit is worth 2^-24: the addition rounds.   source  F. Giesen, float_to_half_fast3   */
static uint16_t to_f16(float x)
{
    uint32_t bits, sign;
    memcpy(&bits, &x, sizeof bits);
    sign = bits & 0x80000000;
    bits ^= sign;
    uint32_t half;
    if (bits > 0x7f800000) {
        half = 0x7e00; /* NaN */
    } else if (bits >= 0x477ff000) {
        half = 0x7c00; /* 65520 and more */
    } else if (bits < 113u << 23) {
        float tiny;
        memcpy(&tiny, &bits, sizeof tiny);
        tiny += 0.5f;
        memcpy(&half, &tiny, sizeof half);
        half -= 126u << 23;
    } else {
        half = (bits - (112u << 23) + 0xfff + (bits >> 13 & 1)) >> 13;
    }
    return (uint16_t)(half | sign >> 16);
}

static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40); /* NaN */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

size_t eqbi_narrow(uint16_t *out, const float *in, eqbi_dtype dtype, size_t count)
{
    uint16_t infinite = dtype == EQBI_F16 ? 0x7c00 : 0x7f80;
    for (size_t i = 0; i < count; i++) {
        out[i] = dtype == EQBI_F16 ? to_f16(in[i]) : to_bf16(in[i]);
        if ((out[i] & 0x7fff) == infinite && is_finite(in[i])) return i;
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
