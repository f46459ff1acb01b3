/* SPDX-License-Identifier: Apache-2.0 */
/* edit_keys.c - which key does what, and those commands that are our own. */
#define _GNU_SOURCE 1

#include "edit_parts.h"

#ifdef SPLINTER_EDIT

#include <stdio.h>
#include <stdlib.h>
#include <wctype.h>

#define MEANS L"a command of the prompt"

/* --- Inserting ---------------------------------------------------------- */

struct run {
	wchar_t *text;
	size_t len;
	size_t room;
};

static bool
append(struct run *run, wchar_t c)
{
	if (run->len + 1 >= run->room) {
		size_t room = run->room ? 2 * run->room : 64;
		wchar_t *text = realloc(run->text, room * sizeof(*text));

		if (!text)
			return false;
		run->text = text;
		run->room = room;
	}
	run->text[run->len++] = c;
	run->text[run->len] = L'\0';
	return true;
}

static bool
is_text(wchar_t c)
{
	return c >= ' ' && c != 0x7f && !(c < 0x100 && iswcntrl((wint_t)c));
}

static bool
take_text(struct edit *edit, wchar_t *c)
{
	if (edit_take_key(edit, c, false) <= 0)
		return false;
	if (is_text(*c))
		return true;
	edit->keyboard.ahead = (wint_t)*c;
	return false;
}

void
edit_insert(struct edit *edit, wchar_t first)
{
	struct run run = {0};
	wchar_t c = first;

	do {
		if (!append(&run, c))
			break;
	} while (take_text(edit, &c));
	if (run.len)
		el_winsertstr(edit->el, run.text);
	free(run.text);
}

static unsigned char
insert(EditLine *el, wint_t key)
{
	edit_insert(edit_of(el), (wchar_t)key);
	return CC_REFRESH;
}

/* Control characters other than tabs have no business in a line. */
static unsigned char
insert_quoted(EditLine *el, wint_t key)
{
	struct edit *edit = edit_of(el);
	wchar_t text[2] = {0};

	(void)key;
	if (edit_take_key(edit, text, true) <= 0)
		return CC_ERROR;
	if (text[0] != L'\t' && !is_text(text[0]))
		return CC_ERROR;
	el_winsertstr(el, text);
	return CC_REFRESH;
}

/* A tab with something behind it was pasted; as the last key it was typed. */
static unsigned char
complete(EditLine *el, wint_t key)
{
	if (edit_is_waiting(edit_of(el)))
		return insert(el, key);
	return edit_complete(el, key);
}

static unsigned char
refresh(EditLine *el, wint_t key)
{
	(void)el;
	(void)key;
	return CC_REFRESH;
}

/* --- Cutting and pasting ------------------------------------------------ */

static unsigned char
kill_between(struct edit *edit, size_t from, size_t to)
{
	wchar_t *line = edit_copy_line(edit);

	if (!line || from >= to) {
		free(line);
		return CC_ERROR;
	}
	wmemmove(line, line + from, to - from);
	line[to - from] = L'\0';
	free(edit->killed);
	edit->killed = line;
	edit_delete(edit, from, to);
	return CC_REFRESH;
}

static unsigned char
kill_to_start(EditLine *el, wint_t key)
{
	struct edit *edit = edit_of(el);
	size_t len, cursor;

	(void)key;
	edit_line(edit, &len, &cursor);
	return kill_between(edit, 0, cursor);
}

static unsigned char
kill_to_end(EditLine *el, wint_t key)
{
	struct edit *edit = edit_of(el);
	size_t len, cursor;

	(void)key;
	edit_line(edit, &len, &cursor);
	return kill_between(edit, cursor, len);
}

static bool
is_no_space(wchar_t c)
{
	return !iswspace((wint_t)c);
}

static bool
is_word(wchar_t c)
{
	return iswalnum((wint_t)c) || c == L'_';
}

static unsigned char
kill_back(EditLine *el, bool (*belongs)(wchar_t))
{
	struct edit *edit = edit_of(el);
	size_t len, cursor;
	const wchar_t *line = edit_line(edit, &len, &cursor);
	size_t from = cursor;

	while (from && !belongs(line[from - 1]))
		from--;
	while (from && belongs(line[from - 1]))
		from--;
	return kill_between(edit, from, cursor);
}

static unsigned char
kill_argument(EditLine *el, wint_t key)
{
	(void)key;
	return kill_back(el, is_no_space);
}

static unsigned char
kill_word_back(EditLine *el, wint_t key)
{
	(void)key;
	return kill_back(el, is_word);
}

static size_t
word_end(struct edit *edit)
{
	size_t len, at;
	const wchar_t *line = edit_line(edit, &len, &at);

	while (at < len && !is_word(line[at]))
		at++;
	while (at < len && is_word(line[at]))
		at++;
	return at;
}

static unsigned char
kill_word(EditLine *el, wint_t key)
{
	struct edit *edit = edit_of(el);
	size_t len, cursor;

	(void)key;
	edit_line(edit, &len, &cursor);
	return kill_between(edit, cursor, word_end(edit));
}

static unsigned char
yank(EditLine *el, wint_t key)
{
	struct edit *edit = edit_of(el);

	(void)key;
	if (!edit->killed || el_winsertstr(el, edit->killed))
		return CC_ERROR;
	return CC_REFRESH;
}

/* --- Bindings ----------------------------------------------------------- */

static const struct {
	const wchar_t *name;
	unsigned char (*run)(EditLine *el, wint_t key);
} commands[] = {
	{L"splinter-insert", insert},
	{L"splinter-insert-quoted", insert_quoted},
	{L"splinter-complete", complete},
	{L"splinter-refresh", refresh},
	{L"splinter-kill-to-start", kill_to_start},
	{L"splinter-kill-to-end", kill_to_end},
	{L"splinter-kill-argument", kill_argument},
	{L"splinter-kill-word-back", kill_word_back},
	{L"splinter-kill-word", kill_word},
	{L"splinter-yank", yank},
	{L"splinter-older", edit_recall_older},
	{L"splinter-newer", edit_recall_newer},
	{L"splinter-like-older", edit_recall_like_older},
	{L"splinter-like-newer", edit_recall_like_newer},
	{L"splinter-search-older", edit_search_older},
	{L"splinter-search-newer", edit_search_newer},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Besides libedit's own. Up to "\\e[6~" what keys send that have a name. */
static const struct {
	const wchar_t *key;
	const wchar_t *command;
} bindings[] = {
	{L"\\e[A", L"splinter-older"}, {L"\\eOA", L"splinter-older"},
	{L"\\e[B", L"splinter-newer"}, {L"\\eOB", L"splinter-newer"},
	{L"\\e[H", L"ed-move-to-beg"}, {L"\\e[1~", L"ed-move-to-beg"},
	{L"\\e[7~", L"ed-move-to-beg"}, {L"\\e[F", L"ed-move-to-end"},
	{L"\\e[4~", L"ed-move-to-end"}, {L"\\e[8~", L"ed-move-to-end"},
	{L"\\e[1;3C", L"em-next-word"}, /* Alt and right */
	{L"\\e[1;5C", L"em-next-word"}, /* Ctrl and right */
	{L"\\e[5C", L"em-next-word"}, {L"\\eOc", L"em-next-word"},
	{L"\\e[1;3D", L"ed-prev-word"}, {L"\\e[1;5D", L"ed-prev-word"},
	{L"\\e[5D", L"ed-prev-word"}, {L"\\eOd", L"ed-prev-word"},
	{L"\\e[2~", L"ed-ignore"}, /* Insert */
	{L"\\e[3~", L"ed-delete-next-char"},
	{L"\\e[5~", L"splinter-like-older"}, /* page up */
	{L"\\e[6~", L"splinter-like-newer"}, {L"^I", L"splinter-complete"},
	{L"^K", L"splinter-kill-to-end"}, {L"^N", L"splinter-newer"},
	{L"^P", L"splinter-older"}, {L"^R", L"splinter-search-older"},
	{L"^S", L"splinter-search-newer"}, {L"^U", L"splinter-kill-to-start"},
	{L"^V", L"splinter-insert-quoted"}, {L"^W", L"splinter-kill-argument"},
	{L"^Y", L"splinter-yank"},
	{L"^@", L"em-set-mark"}, /* libedit binds what has no key to it */
	{L"\\ed", L"splinter-kill-word"}, {L"\\eD", L"splinter-kill-word"},
	{L"\\e^?", L"splinter-kill-word-back"},
	{L"\\e^H", L"splinter-kill-word-back"},
	/* libedit's own commands: reads past an array when a quote is open. */
	{L"\\ex", L"ed-unassigned"}, {L"\\eX", L"ed-unassigned"},
	{L"\\en", L"splinter-like-newer"}, {L"\\eN", L"splinter-like-newer"},
	{L"\\ep", L"splinter-like-older"}, {L"\\eP", L"splinter-like-older"},
	{L"\\200", L"splinter-refresh"}, /* REFRESH_KEY */
};

#define BINDINGS (sizeof(bindings) / sizeof(bindings[0]))

static void
bind(struct edit *edit, const wchar_t *key, const wchar_t *command)
{
	el_wset(edit->el, EL_BIND, key, command, (wchar_t *)NULL);
}

/* Digits stay libedit's: behind Escape they say how often. */
static void
bind_text(struct edit *edit)
{
	wchar_t key[8];

	for (unsigned c = ' '; c < 0x7f; c++) {
		if (c >= '0' && c <= '9')
			continue;
		swprintf(key, 8, L"\\%03o", c);
		bind(edit, key, L"splinter-insert");
	}
}

void
edit_bind_keys(struct edit *edit)
{
	for (size_t i = 0; i < COMMANDS; i++)
		el_wset(edit->el, EL_ADDFN, commands[i].name, MEANS,
			commands[i].run);
	bind_text(edit);
	for (size_t i = 0; i < BINDINGS; i++)
		bind(edit, bindings[i].key, bindings[i].command);
}

void
edit_bind_vi_keys(struct edit *edit)
{
	bind(edit, L"^I", L"splinter-complete");
	bind(edit, L"\\040", L"splinter-insert");
	bind(edit, L"\\200", L"splinter-refresh");
	el_wset(edit->el, EL_BIND, L"-a", L"\\200", L"splinter-refresh",
		(wchar_t *)NULL);
	/* As Escape x in emacs mode; and an editor, which would need a file. */
	el_wset(edit->el, EL_BIND, L"-a", L":", L"ed-unassigned",
		(wchar_t *)NULL);
	el_wset(edit->el, EL_BIND, L"-a", L"v", L"ed-unassigned",
		(wchar_t *)NULL);
}

#endif
