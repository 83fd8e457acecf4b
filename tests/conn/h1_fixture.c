/*
 * h1_fixture.c - see h1_fixture.h.
 */
#include "h1_fixture.h"

#include <stdlib.h>

int set_up(void **state)
{
    h1_rig *rig = malloc(sizeof *rig);
    if (rig == NULL)
        return -1;
    shifted_clock_set(0);
    h1_rig_init(rig, FAKE_PLAIN, 65536);
    *state = rig;
    return 0;
}

int tear_down(void **state)
{
    shifted_clock_set(0);
    h1_rig_finish(*state);
    free(*state);
    return 0;
}
