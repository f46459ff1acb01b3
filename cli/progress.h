/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - how far a command has come, on a terminal's last line, when it
 * takes longer than a moment.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "command.h"

struct progress {
	const char *name; /* of the command */
	const char *unit; /* "keys", "lines" */
	uint64_t total; /* 0: not known */
	uint64_t done;
	uint64_t bytes;
	uint64_t began_ns;
	uint64_t drawn_ns;
	bool on; /* there is a terminal, and nobody minds */
	int width; /* of what is drawn; 0: nothing */
};

/* On a terminal only, and not with --quiet. */
void progress_begin(struct progress *progress, const struct call *call,
	const char *unit, uint64_t total);
void progress_add(struct progress *progress, uint64_t bytes);

/* Wipes it out: something else is to be said. */
void progress_end(struct progress *progress);

#endif
