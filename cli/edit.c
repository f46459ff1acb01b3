/* SPDX-License-Identifier: Apache-2.0 */
/* edit.c - libedit, set up; a line from it; the hint at its right. */
#define _GNU_SOURCE 1

#include "edit.h"

#ifndef SPLINTER_EDIT

#include <errno.h>

struct edit *
edit_open(const char *program, const struct editor_hooks *hooks,
	const struct history *history)
{
	(void)program;
	(void)hooks;
	(void)history;
	return NULL;
}

enum editor_result
edit_read(struct edit *edit, const char *prompt, const char **line)
{
	(void)edit;
	(void)prompt;
	(void)line;
	errno = ENOSYS;
	return EDITOR_ERROR;
}

void
edit_close(struct edit *edit)
{
	(void)edit;
}

#else

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edit_parts.h"

struct edit *
edit_of(EditLine *el)
{
	void *edit = NULL;

	el_wget(el, EL_CLIENTDATA, &edit);
	return edit;
}

/* --- Prompts ------------------------------------------------------------ */

#define LITERAL L"\001" /* around what takes no columns */
#define DIM LITERAL L"\033[2m" LITERAL
#define PLAIN LITERAL L"\033[0m" LITERAL

static wchar_t *
left_prompt(EditLine *el)
{
	struct edit *edit = edit_of(el);
	wchar_t *search = edit_search_prompt(edit);

	return search ? search : edit->prompt;
}

static wchar_t *
right_prompt(EditLine *el)
{
	static wchar_t none[1];
	struct edit *edit = edit_of(el);

	if (edit->vi)
		edit_step_hint(edit);
	return edit->hint ? edit->hint_drawn : none;
}

void
edit_drop_hint(struct edit *edit)
{
	free(edit->hint);
	free(edit->hint_drawn);
	edit->hint = edit->hint_drawn = NULL;
}

/* A sequence goes with the character behind it; there has to be one. */
static bool
show_hint(struct edit *edit, wchar_t *hint)
{
	bool dim = edit->dim && !edit->vi;
	size_t room = wcslen(hint) + 32;
	wchar_t *drawn = malloc(room * sizeof(*drawn));

	if (!drawn)
		return false;
	swprintf(drawn, room, L"%ls%ls%ls ", dim ? DIM : L"", hint,
		dim ? PLAIN : L"");
	edit->hint = hint;
	edit->hint_drawn = drawn;
	return true;
}

/* Null: none, or it has no room beside the line. */
static wchar_t *
wanted_hint(struct edit *edit)
{
	int room;
	size_t cursor;

	if (!edit->hooks.hint || edit->search.on ||
		(room = edit_columns_free(edit)) < 0)
		return NULL;
	char *line = edit_line_bytes(edit, &cursor);
	const char *hint =
		line ? edit->hooks.hint(edit->hooks.context, line, cursor)
		     : NULL;
	wchar_t *text = hint && *hint ? edit_decode_shown(hint) : NULL;
	free(line);
	/* One space is the hint's, some have to be between. */
	if (text && edit_width(text) + 5 <= (size_t)room)
		return text;
	free(text);
	return NULL;
}

/*
 * From one hint to another in two steps: libedit draws only what differs, so
 * the second might be drawn without the sequences that the first has too.
 */
bool
edit_step_hint(struct edit *edit)
{
	wchar_t *wanted = wanted_hint(edit);

	if (wanted && edit->hint ? !wcscmp(wanted, edit->hint)
				 : !wanted && !edit->hint) {
		free(wanted);
		return false;
	}
	if (edit->hint && !edit->vi) {
		edit_drop_hint(edit);
		free(wanted);
		return true;
	}
	edit_drop_hint(edit);
	if (wanted && show_hint(edit, wanted))
		return true;
	free(wanted);
	return edit->vi;
}

/* --- A line ------------------------------------------------------------- */

/* What libedit has to say about a line that it did not finish. */
static enum editor_result
no_line(struct edit *edit)
{
	if (edit->event == EVENT_INTERRUPTED)
		return EDITOR_INTERRUPTED;
	if (edit->event == EVENT_HUNG_UP)
		return EDITOR_END;
	if (edit->event == EVENT_FAILED) {
		errno = edit->error;
		return EDITOR_ERROR;
	}
	putchar('\n'); /* behind ^D */
	fflush(stdout);
	return EDITOR_END;
}

static const wchar_t *
read_line(struct edit *edit, size_t *len)
{
	const wchar_t *line;
	int count;

	do {
		edit->event = EVENT_NONE;
		edit_reset_recall(edit);
		edit_drop_hint(edit);
		free(edit->drawn);
		edit->drawn = NULL;
		edit->drawn_rows = 0;
		/* libedit would first show the prompt, for which some wait. */
		edit_take_terminal(edit);
		line = el_wgets(edit->el, &count);
	} while (edit->event == EVENT_CLEARED);
	*len = line && count > 0 ? (size_t)count : 0;
	if (*len && line[*len - 1] == L'\n')
		--*len;
	return edit->event == EVENT_NONE ? line : NULL;
}

enum editor_result
edit_read(struct edit *edit, const char *prompt, const char **line)
{
	size_t len;

	free(edit->prompt);
	edit->prompt = edit_decode_shown(prompt);
	if (!edit->prompt) {
		errno = ENOMEM;
		return EDITOR_ERROR;
	}
	edit_load_recall(edit);
	edit_begin_input(edit);
	const wchar_t *typed = read_line(edit, &len);
	edit_end_input(edit);
	if (!typed)
		return no_line(edit);
	free(edit->line);
	edit->line = edit_encode(typed, len);
	*line = edit->line;
	if (edit->line)
		return EDITOR_LINE;
	errno = ENOMEM;
	return EDITOR_ERROR;
}

/* --- Beginning and end -------------------------------------------------- */

static bool
has(struct edit *edit, const char *capability)
{
	const char *string = NULL;

	return !el_get(edit->el, EL_GETTC, capability, &string) && string &&
	       *string;
}

/* Both, since whoever has standout has what is written for others too. */
static bool
has_attributes(struct edit *edit)
{
	const char *end = NULL;

	return has(edit, "md") && !el_get(edit->el, EL_GETTC, "me", &end) &&
	       end && strstr(end, "\033[");
}

/*
 * It would tell about unknown terminals, which are no mistake: they are read
 * from plainly. It cannot take names that are no text in this locale.
 */
static EditLine *
start_libedit(const char *program)
{
	FILE *quiet = fopen("/dev/null", "we");
	EditLine *el;

	if (!quiet)
		return NULL;
	if (mbstowcs(NULL, program, 0) == (size_t)-1)
		program = "splinter";
	el = el_init(program, stdin, stdout, quiet);
	if (el)
		el_wset(el, EL_SETFP, 2, stderr);
	fclose(quiet);
	return el;
}

static void
set_up(struct edit *edit)
{
	HistEventW event;
	const wchar_t *editor = NULL;
	size_t max = edit->history->max;

	history_w(edit->recall, &event, H_SETSIZE,
		max < INT_MAX ? (int)max : INT_MAX);
	el_wset(edit->el, EL_HIST, history_w, edit->recall);
	el_wset(edit->el, EL_CLIENTDATA, edit);
	el_wset(edit->el, EL_GETCFN, edit_next_key);
	el_wset(edit->el, EL_PROMPT, left_prompt);
	el_wset(edit->el, EL_RPROMPT_ESC, right_prompt, (int)*LITERAL);
	el_wset(edit->el, EL_SETTY, L"-d", L"-isig", L"-ixon", (wchar_t *)NULL);
	el_wset(edit->el, EL_EDITOR, L"emacs");
	edit_bind_keys(edit);
	el_source(edit->el, NULL);
	el_wset(edit->el, EL_PREP_TERM, 0); /* "edit on" is raw at once */
	el_wget(edit->el, EL_EDITOR, &editor);
	edit->vi = editor && !wcscmp(editor, L"vi");
	if (edit->vi)
		edit_bind_vi_keys(edit);
	edit->dim = has_attributes(edit);
}

static bool
is_editing(struct edit *edit)
{
	int on = 0;

	el_wget(edit->el, EL_EDITMODE, &on);
	return on;
}

struct edit *
edit_open(const char *program, const struct editor_hooks *hooks,
	const struct history *history)
{
	struct edit *edit;
	struct termios cooked;

	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &cooked) ||
		!(edit = calloc(1, sizeof(*edit))))
		return NULL;
	edit->hooks = *hooks;
	edit->history = history;
	edit->keyboard.ahead = WEOF;
	edit->recall = history_winit();
	edit->el = start_libedit(program);
	bool able = edit->recall && edit->el && has(edit, "up");
	if (able)
		set_up(edit);
	if (!able || !is_editing(edit)) {
		edit_close(edit);
		edit = NULL;
	}
	tcsetattr(STDIN_FILENO, TCSADRAIN, &cooked);
	return edit;
}

/* libedit would throw away what was typed ahead, unless it does not edit. */
void
edit_close(struct edit *edit)
{
	if (!edit)
		return;
	if (edit->el) {
		el_wset(edit->el, EL_PREP_TERM, 0);
		el_wset(edit->el, EL_EDITMODE, 0);
		el_end(edit->el);
	}
	if (edit->recall)
		history_wend(edit->recall);
	edit_reset_recall(edit);
	edit_drop_hint(edit);
	free(edit->killed);
	free(edit->drawn);
	free(edit->prompt);
	free(edit->line);
	free(edit);
}

#endif
