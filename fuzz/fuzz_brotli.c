/* The br content coding, whole and in pieces. */
#include "decoder_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode_whole_and_split("br", (hh_slice){(const char *)data, size});
    return 0;
}
