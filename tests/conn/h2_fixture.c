/*
 * h2_fixture.c - see h2_fixture.h.
 */
#include "h2_fixture.h"

#include <stdlib.h>

static int make_rig(void **state)
{
    h2_rig *rig = malloc(sizeof *rig);
    if (rig == NULL)
        return -1;
    h2_rig_init(rig, FAKE_PLAIN, 8192);
    *state = rig;
    return 0;
}

int set_up(void **state)
{
    shifted_clock_set(0);
    return make_rig(state);
}

int set_up_open(void **state)
{
    if (set_up(state) != 0)
        return -1;
    h2_rig_open(*state, FAKE_PLAIN);
    return 0;
}

int set_up_frozen(void **state)
{
    shifted_clock_set(0);
    shifted_clock_freeze();
    return make_rig(state);
}

int tear_down(void **state)
{
    shifted_clock_set(0);
    h2_rig_finish(*state);
    free(*state);
    return 0;
}
