/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.h - the PATTERN word of a command: a POSIX extended regular
 * expression, or none, which matches everything.
 */
#ifndef CLI_PATTERN_H
#define CLI_PATTERN_H

#include <regex.h>

#include "command.h"

struct pattern {
	bool given;
	const char *text; /* the caller's */
	regex_t regex;
};

/* @text may be null. Explains what is wrong with it and returns a status;
 * pattern_free() is due in any case. */
int pattern_take(struct pattern *pattern, const struct cli *cli,
	const struct call *call, const char *text);
bool pattern_matches(const struct pattern *pattern, const char *text);

/*
 * pattern_no_file - a command's FILE, before its PATTERN, is not to be taken
 * for that: one that begins with ^ is refused. Explains it and returns a
 * status.
 */
int pattern_no_file(
	const struct cli *cli, const struct call *call, const char *file);

/* Has it a '*' that repeats a letter or nothing, as globs have? */
bool pattern_is_like_a_shells(const struct pattern *pattern);
void pattern_free(struct pattern *pattern);

#endif
