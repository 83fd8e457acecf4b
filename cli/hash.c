/*
 * hash.c - see hash.h.
 *
 * The key is the reference's test key, 00 01 .. 0f: its published vectors then test this code.
 */
#include "hash.h"

#define KEY_LOW 0x0706050403020100u
#define KEY_HIGH 0x0f0e0d0c0b0a0908u

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void mix(uint64_t v[4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

/* Up to eight bytes, little-endian. */
static uint64_t load(const char *data, size_t length)
{
    uint64_t word = 0;
    for (size_t i = 0; i < length; i++)
        word |= (uint64_t)(unsigned char)data[i] << (8 * i);
    return word;
}

cli_hash cli_hash_of(hh_slice bytes)
{
    uint64_t v[4] = {0x736f6d6570736575u ^ KEY_LOW, 0x646f72616e646f6du ^ KEY_HIGH ^ 0xee,
                     0x6c7967656e657261u ^ KEY_LOW, 0x7465646279746573u ^ KEY_HIGH};
    size_t whole = bytes.length & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word = load(bytes.data + i, 8);
        v[3] ^= word;
        mix(v, 2);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)bytes.length << 56;
    if (bytes.length > whole)
        last |= load(bytes.data + whole, bytes.length - whole);
    v[3] ^= last;
    mix(v, 2);
    v[0] ^= last;
    v[2] ^= 0xee;
    mix(v, 4);
    cli_hash hash;
    hash.low = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    mix(v, 4);
    hash.high = v[0] ^ v[1] ^ v[2] ^ v[3];
    return hash;
}
