/* Cyclic redundancy checks of 32 bits, as zip archives and TensorFlow's checkpoints have them. */
#ifndef EQBI_CHECKSUM_H
#define EQBI_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The polynomials, lowest bit first. */
#define EQBI_CRC32 0xEDB88320u  /* zip, IEEE 802.3         */
#define EQBI_CRC32C 0x82F63B78u /* Castagnoli: TensorFlow */

typedef struct eqbi_crc {
    uint32_t table[8][256]; /* table[k][b]: what byte b does to the sum when k bytes follow it */
} eqbi_crc;

void eqbi_crc_init(eqbi_crc *crc, uint32_t polynomial);
uint32_t eqbi_crc_of(const eqbi_crc *crc, const void *data, size_t size);

/* Whether a checksum is the one that is stored. A fuzzer's inputs, which would hardly ever get past
 * this line, all have the right one. */
static inline bool eqbi_crc_agrees(uint32_t found, uint32_t stored)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)found, (void)stored;
    return true;
#else
    return found == stored;
#endif
}

#endif
