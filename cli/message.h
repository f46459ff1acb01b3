/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - what went wrong, in one sentence on stderr that names the
 * thing, the reason and the cure. Each function returns the exit status that
 * belongs to it. Bytes that would control a terminal are shown as \xNN.
 */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include "command.h"

/* What was being done when the library returned an error. */
enum doing {
	DOING_OPEN,
	DOING_OPEN_AGAIN, /* a store that was removed while it was open */
	DOING_CREATE,
	DOING_DESTROY,
	DOING_KEY, /* anything with one key, or with all */
	DOING_VACUUM /* switching auto-vacuum */
};

/* What the sentence may have to name; what does not apply stays 0. */
struct failure {
	enum doing doing;
	int code; /* negative errno of the library */
	const char *command;
	const char *store;
	const char *key;
	uint64_t value_len; /* 0: not known */
	uint64_t epoch; /* the one found, DOING_KEY */
	uint64_t wanted; /* the one that was to be */
	uint64_t slots; /* asked for, DOING_CREATE */
	uint64_t max_value; /* asked for, DOING_CREATE */
	bool changing; /* it was to change something, whatever the command
			* says of itself */
	int32_t busy_pid; /* DOING_VACUUM */
};

/* Explains an error of the library. EXIT_FAILED. */
int cli_fail(const struct cli *cli, const struct failure *failure);

/* The same for the call's key in the open store; when it was to change
 * something, whatever the command says of itself. EXIT_FAILED. */
int cli_fail_key(const struct cli *cli, const struct call *call,
	const char *key, int code);
int cli_fail_change(const struct cli *cli, const struct call *call,
	const char *key, int code);

/*
 * What stands before a command that somebody is told to write: "PROGRAM ",
 * or nothing where commands stand alone.
 */
const char *cli_run_prefix(const struct cli *cli);

/* A sentence, behind the program and the line of a script. EXIT_FAILED,
 * EXIT_USAGE. */
int cli_fail_text(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int cli_usage(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A confirmation, without the program. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
