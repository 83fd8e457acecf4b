/* Several content codings over one another, whole and in pieces. The first byte chooses which. */
#include "decoder_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const chains[] = {"gzip, zstd", "deflate, br",    "zstd, deflate",
                                         "br, gzip",   "gzip, br, gzip", "zstd, gzip, deflate"};

    if (size == 0)
        return 0;
    hh_slice body = {(const char *)data + 1, size - 1};
    decode_whole_and_split(chains[data[0] % (sizeof(chains) / sizeof(chains[0]))], body);
    return 0;
}
