/* SPDX-License-Identifier: Apache-2.0 */
/*
 * editor.h - lines that somebody types.
 *
 * With libedit at a terminal they can be edited, completed and recalled.
 * Without it, or at no terminal, or at one that cannot move its cursor
 * (TERM=dumb, or none), they are read as they come: "plainly". Between two
 * reads, and at the end, the terminal and the caller's signal handlers are
 * as they were before.
 */
#ifndef CLI_EDITOR_H
#define CLI_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

#include "history.h"

struct editor;

struct editor_choice {
	char *text; /* what is to stand from start to the cursor, quoted */
	char *shown; /* the same for a list of choices */
};

struct editor_choices {
	size_t start; /* a byte of the line */
	struct editor_choice *all;
	size_t count;
	bool more; /* these are not all */
};

struct editor_hooks {
	void *context;
	/*
	 * Tab: what may stand for the word before the cursor. 0, or negative
	 * if that is not known. The editor frees the choices. Null: Tab does
	 * nothing.
	 */
	int (*complete)(void *context, const char *line, size_t cursor,
		struct editor_choices *choices);
	/*
	 * What may still follow, for the right prompt; "" for nothing. Is
	 * looked at before the next call. Null: never anything.
	 */
	const char *(*hint)(void *context, const char *line, size_t cursor);
};

enum editor_result {
	EDITOR_LINE,
	EDITOR_END, /* Ctrl-D on an empty line, or the input's end */
	EDITOR_INTERRUPTED, /* Ctrl-C on an empty line */
	EDITOR_ERROR /* errno says which */
};

/*
 * editor_open - the caller has called setlocale(). @history is looked at
 * whenever a line is read: it has to stay as long as the editor, and lines
 * that are added to it are recalled from then on. Null without memory.
 */
struct editor *editor_open(const char *program,
	const struct editor_hooks *hooks, const struct history *history);

/*
 * editor_read - one line, of any length, without its newline; it stays until
 * the next call. EDITOR_ERROR with EILSEQ: it has a NUL byte; the next call
 * reads the next line.
 *
 * Ctrl-C on a line with something on it: the line is forgotten, and a new
 * one begins. When reading plainly nobody knows what was typed, so there
 * Ctrl-C is always EDITOR_INTERRUPTED at a terminal; elsewhere SIGINT does
 * what it did.
 *
 * Read plainly, the prompt is for stderr, and only if stdin is a terminal.
 */
enum editor_result editor_read(
	struct editor *editor, const char *prompt, const char **line);

bool editor_is_plain(const struct editor *editor);

void editor_close(struct editor *editor);

/* What a complete hook has filled in. */
void editor_choices_free(struct editor_choices *choices);

#endif
