/* CRC over eight bytes at a time ("slicing by 8"): 1.5 GB/s instead of 0.4, so that checking a
 * BERT-base takes 0.3 s. The tables are made when they are needed; the library has no globals.   */
#include "weights/checksum.h"

#include <string.h>

void eqbi_crc_init(eqbi_crc *crc, uint32_t polynomial)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? polynomial : 0);
        crc->table[0][byte] = sum;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = crc->table[k - 1][byte];
            crc->table[k][byte] = before >> 8 ^ crc->table[0][before & 0xff];
        }
}

uint32_t eqbi_crc_of(const eqbi_crc *crc, const void *data, size_t size)
{
    const unsigned char *p = data;
    const uint32_t(*t)[256] = crc->table;
    uint32_t sum = 0xffffffff;
    for (; size >= 8; size -= 8, p += 8) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + 4, 4);
        low ^= sum;
        sum = t[7][low & 0xff] ^ t[6][low >> 8 & 0xff] ^ t[5][low >> 16 & 0xff] ^ t[4][low >> 24] ^
              t[3][high & 0xff] ^ t[2][high >> 8 & 0xff] ^ t[1][high >> 16 & 0xff] ^
              t[0][high >> 24];
    }
    for (; size > 0; size--) sum = sum >> 8 ^ t[0][(sum ^ *p++) & 0xff];
    return ~sum;
}
