/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - the lines that were entered, in memory and in a file: text, a
 * line a line, readable by its owner only. Each line is appended at once, so
 * two programs may share the file and a killed one loses nothing.
 */
#ifndef CLI_HISTORY_H
#define CLI_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

struct history {
	char **lines; /* oldest first */
	size_t count;
	size_t max; /* of count; 0: nothing is kept, read or written */
	size_t room; /* in lines */
	size_t added; /* all that ever were, also those that fell out */
	char *path; /* null: no file */
	bool in_memory; /* there is no file that could be used */
};

/*
 * history_load - the newest @max lines of the file @path, or of none. What
 * is too long or has control characters is left out; other bytes stay as
 * they are. A file that is not there yet is no error, nor is a device: it
 * keeps nothing. 0 or a negative errno, after which all is kept in memory
 * only. Call history_free() in any case.
 */
int history_load(struct history *history, const char *path, size_t max);

/*
 * history_add - keeps a line, unless it is empty, begins with a space,
 * repeats the last one, is longer than 64 KiB or has control characters other
 * than tabs. 0, or a negative errno when the file did not get it (-ENOMEM:
 * memory neither).
 */
int history_add(struct history *history, const char *line);

/*
 * history_trim - for the end: a file of more than twice max lines is
 * replaced by one with the newest max, of the same mode and owner. Lines
 * that others add meanwhile stay. 0 or a negative errno; the file is whole
 * in any case.
 */
int history_trim(struct history *history);

void history_free(struct history *history);

#endif
