/*
 * fetch.h - `hyperhttp [options] URL...`: one request for each URL, one after another.
 */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

/* Takes the arguments after the program's name; returns the exit status. */
int cli_fetch(int argc, char **argv);

#endif
