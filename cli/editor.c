/* SPDX-License-Identifier: Apache-2.0 */
/* editor.c - how lines are to be read; those that are read plainly. */
#define _GNU_SOURCE 1

#include "editor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "edit.h"

struct editor {
	struct edit *edit; /* null: lines are read plainly */
	char *line; /* the last one that was */
	size_t room;
};

struct editor *
editor_open(const char *program, const struct editor_hooks *hooks,
	const struct history *history)
{
	struct editor *editor = calloc(1, sizeof(*editor));

	if (!editor)
		return NULL;
	editor->edit = edit_open(program, hooks, history);
	/* Nothing is read ahead, so that waiting for the terminal will do. */
	if (!editor->edit && isatty(STDIN_FILENO))
		setvbuf(stdin, NULL, _IONBF, 0);
	return editor;
}

bool
editor_is_plain(const struct editor *editor)
{
	return !editor->edit;
}

void
editor_close(struct editor *editor)
{
	if (!editor)
		return;
	edit_close(editor->edit);
	free(editor->line);
	free(editor);
}

void
editor_choices_free(struct editor_choices *choices)
{
	for (size_t i = 0; i < choices->count; i++) {
		free(choices->all[i].text);
		free(choices->all[i].shown);
	}
	free(choices->all);
	*choices = (struct editor_choices){0};
}

/* --- Plain lines -------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* Until there is something to read, or Ctrl-C, which may have come before. */
static void
wait_for_line(const sigset_t *mask)
{
	fd_set set;

	do {
		FD_ZERO(&set);
		FD_SET(STDIN_FILENO, &set);
	} while (pselect(STDIN_FILENO + 1, &set, NULL, NULL, NULL, mask) < 0 &&
		 errno == EINTR && !interrupted);
}

/* getline(), which Ctrl-C ends unless it is ignored, from the prompt on. */
static ssize_t
get_typed_line(struct editor *editor, const char *prompt)
{
	struct sigaction action = {.sa_handler = on_interrupt};
	struct sigaction former;
	sigset_t held, mask;
	ssize_t len = -1;

	sigemptyset(&action.sa_mask);
	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigprocmask(SIG_BLOCK, &held, &mask);
	interrupted = 0;
	sigaction(SIGINT, NULL, &former);
	if (former.sa_handler != SIG_IGN)
		sigaction(SIGINT, &action, NULL);
	fputs(prompt, stderr);
	fflush(stderr);
	wait_for_line(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (!interrupted)
		len = getline(&editor->line, &editor->room, stdin);
	int code = interrupted ? EINTR : errno;
	sigaction(SIGINT, &former, NULL);
	errno = code;
	return len;
}

/* Leaves stdin as it should be for the next line, or the next reader. */
static enum editor_result
no_line(bool typed)
{
	int code = errno;
	bool end = feof(stdin);

	clearerr(stdin);
	if (typed)
		fputc('\n', stderr);
	errno = code;
	if (end)
		return EDITOR_END;
	return typed && code == EINTR ? EDITOR_INTERRUPTED : EDITOR_ERROR;
}

static enum editor_result
read_plainly(struct editor *editor, const char *prompt, const char **line)
{
	bool typed = isatty(STDIN_FILENO);
	ssize_t len = typed ? get_typed_line(editor, prompt)
			    : getline(&editor->line, &editor->room, stdin);

	if (len < 0)
		return no_line(typed);
	if (len && editor->line[len - 1] == '\n')
		editor->line[--len] = '\0';
	*line = editor->line;
	if (strlen(editor->line) == (size_t)len)
		return EDITOR_LINE;
	errno = EILSEQ;
	return EDITOR_ERROR;
}

enum editor_result
editor_read(struct editor *editor, const char *prompt, const char **line)
{
	if (editor->edit)
		return edit_read(editor->edit, prompt, line);
	return read_plainly(editor, prompt, line);
}
