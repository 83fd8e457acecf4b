/*
 * batch.h - `hyperhttp batch`: many requests at once, in bounded memory.
 */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

/* Takes the arguments after "batch"; returns the exit status. */
int cli_batch(int argc, char **argv);

#endif
