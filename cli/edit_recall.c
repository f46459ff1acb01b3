/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit_recall.c - lines of the history, by arrows, by how they begin, and by
 * what they contain.
 *
 * libedit keeps its own copy of them, wide and for all its commands; ours
 * use it as well. Places are counted from the newest, which is 1.
 */
#define _GNU_SOURCE 1

#include "edit_parts.h"

#ifdef SPLINTER_EDIT

#include <stdlib.h>
#include <string.h>

/* Of a huge history only the newest are copied: in bytes. */
#define COPIED ((size_t)8 * 1024 * 1024)

/* --- libedit's copy ------------------------------------------------------ */

/* The first of the lines that are not in the copy yet. */
static size_t
first_new(const struct edit *edit)
{
	const struct history *history = edit->history;
	size_t fresh = history->added - edit->seen;
	size_t first = history->count > fresh ? history->count - fresh : 0;
	size_t at = history->count;
	size_t bytes = 0;

	while (at > first && bytes < COPIED)
		bytes += strlen(history->lines[--at]);
	return at;
}

void
edit_load_recall(struct edit *edit)
{
	const struct history *history = edit->history;
	size_t i = first_new(edit);
	HistEventW event;

	for (; i < history->count; i++) {
		wchar_t *line = edit_decode(
			history->lines[i], strlen(history->lines[i]));

		if (line)
			history_w(edit->recall, &event, H_ENTER, line);
		free(line);
	}
	edit->seen = history->added;
}

/* Null: there are not so many. */
static const wchar_t *
line_at(struct edit *edit, size_t place)
{
	HistEventW event;
	int rc = history_w(edit->recall, &event, H_FIRST);

	while (rc >= 0 && --place)
		rc = history_w(edit->recall, &event, H_NEXT);
	return rc < 0 ? NULL : event.str;
}

/* --- Going through it --------------------------------------------------- */

struct walk {
	struct edit *edit;
	bool newer; /* the direction */
	bool begun; /* libedit stands where we do */
	size_t place;
};

/* The newest of all, at 0, is what was typed. Null behind either end. */
static const wchar_t *
next_line(struct walk *walk)
{
	HistEventW event;

	if (walk->newer && !walk->place)
		return NULL;
	walk->place = walk->newer ? walk->place - 1 : walk->place + 1;
	if (!walk->place)
		return walk->edit->typed;
	if (!walk->begun) {
		walk->begun = true;
		return line_at(walk->edit, walk->place);
	}
	if (history_w(walk->edit->recall, &event,
		    walk->newer ? H_PREV : H_NEXT) < 0)
		return NULL;
	return event.str;
}

/* What was typed is kept as long as something is recalled. */
static bool
keep_typed(struct edit *edit)
{
	if (edit->place)
		return true;
	free(edit->typed);
	edit->typed = edit_copy_line(edit);
	return edit->typed != NULL;
}

static void
go_to(struct edit *edit, size_t place, const wchar_t *line, size_t cursor)
{
	edit_set_line(edit, line, cursor);
	edit->place = place;
}

void
edit_reset_recall(struct edit *edit)
{
	free(edit->typed);
	edit->typed = NULL;
	edit->place = 0;
	free(edit->search.line);
	edit->search.line = NULL;
	edit->search.on = false;
}

/* --- One by one --------------------------------------------------------- */

static unsigned char
recall(struct edit *edit, bool newer)
{
	struct walk walk = {.edit = edit, .newer = newer, .place = edit->place};

	if (!keep_typed(edit))
		return CC_ERROR;
	const wchar_t *line = next_line(&walk);
	if (!line)
		return CC_ERROR;
	go_to(edit, walk.place, line, wcslen(line));
	return CC_REFRESH;
}

unsigned char
edit_recall_older(EditLine *el, wint_t key)
{
	(void)key;
	return recall(edit_of(el), false);
}

unsigned char
edit_recall_newer(EditLine *el, wint_t key)
{
	(void)key;
	return recall(edit_of(el), true);
}

/* --- By their beginning: what stands before the cursor ------------------ */

static unsigned char
recall_like(struct edit *edit, bool newer)
{
	struct walk walk = {.edit = edit, .newer = newer, .place = edit->place};
	size_t len, cursor;
	wchar_t *now = edit_copy_line(edit);
	const wchar_t *line = NULL;

	edit_line(edit, &len, &cursor);
	if (now && keep_typed(edit))
		do
			line = next_line(&walk);
		while (line && (wcsncmp(line, now, cursor) != 0 ||
				       !wcscmp(line, now)));
	free(now);
	if (!line)
		return CC_ERROR;
	go_to(edit, walk.place, line, cursor);
	return CC_REFRESH;
}

unsigned char
edit_recall_like_older(EditLine *el, wint_t key)
{
	(void)key;
	return recall_like(edit_of(el), false);
}

unsigned char
edit_recall_like_newer(EditLine *el, wint_t key)
{
	(void)key;
	return recall_like(edit_of(el), true);
}

/* --- By what they contain ----------------------------------------------- */

/* The next line with the pattern that is another than the one shown. */
static const wchar_t *
find_next(struct walk *walk, const wchar_t *pattern)
{
	wchar_t *now = edit_copy_line(walk->edit);
	const wchar_t *line = NULL;

	if (now)
		do
			line = next_line(walk);
		while (line && walk->place &&
			(!wcsstr(line, pattern) || !wcscmp(line, now)));
	free(now);
	return walk->place ? line : NULL; /* what was typed does not count */
}

/* @stay: the line that is shown will do as well. */
static void
find(struct edit *edit, bool stay)
{
	struct search *search = &edit->search;
	struct walk walk = {
		.edit = edit, .newer = search->forward, .place = edit->place};
	const wchar_t *line = NULL;

	search->failed = false;
	if (!search->pattern[0])
		return;
	if (stay && edit->place) {
		walk.begun = true;
		line = line_at(edit, edit->place);
	}
	if (!line || !wcsstr(line, search->pattern))
		line = find_next(&walk, search->pattern);
	search->failed = !line;
	if (line)
		go_to(edit, walk.place, line,
			(size_t)(wcsstr(line, search->pattern) - line));
	else
		el_beep(edit->el);
}

static unsigned char
begin_search(struct edit *edit, bool forward)
{
	struct search *search = &edit->search;
	size_t len;

	free(search->line);
	search->line = edit_copy_line(edit);
	if (!search->line || !keep_typed(edit))
		return CC_ERROR;
	edit_line(edit, &len, &search->cursor);
	search->place = edit->place;
	search->pattern[0] = L'\0';
	search->forward = forward;
	search->failed = false;
	search->on = true;
	edit_drop_hint(edit);
	return CC_REFRESH;
}

unsigned char
edit_search_older(EditLine *el, wint_t key)
{
	(void)key;
	return begin_search(edit_of(el), false);
}

unsigned char
edit_search_newer(EditLine *el, wint_t key)
{
	(void)key;
	return begin_search(edit_of(el), true);
}

static void
search_on(struct edit *edit, bool forward)
{
	struct search *search = &edit->search;

	search->forward = forward;
	if (!search->pattern[0])
		wcscpy(search->pattern, search->before);
	find(edit, false);
}

static void
start_anew(struct edit *edit)
{
	const struct search *search = &edit->search;

	go_to(edit, search->place, search->line, search->cursor);
}

static void
end_search(struct edit *edit)
{
	struct search *search = &edit->search;

	if (search->pattern[0])
		wcscpy(search->before, search->pattern);
	free(search->line);
	search->line = NULL;
	search->on = false;
}

static void
lengthen(struct edit *edit, wchar_t c)
{
	struct search *search = &edit->search;
	size_t len = wcslen(search->pattern);

	if (len + 1 >= PATTERN_MAX) {
		el_beep(edit->el);
		return;
	}
	search->pattern[len] = c;
	search->pattern[len + 1] = L'\0';
	find(edit, true);
}

static void
shorten(struct edit *edit)
{
	struct search *search = &edit->search;
	size_t len = wcslen(search->pattern);

	if (!len) {
		el_beep(edit->el);
		return;
	}
	search->pattern[len - 1] = L'\0';
	start_anew(edit);
	find(edit, true);
}

bool
edit_search_key(struct edit *edit, wchar_t key)
{
	if (key == 0x12) { /* Ctrl-R */
		search_on(edit, false);
	} else if (key == 0x13) { /* Ctrl-S */
		search_on(edit, true);
	} else if (key == 0x7f || key == L'\b') {
		shorten(edit);
	} else if (key == 0x07) { /* Ctrl-G: as if it had not been */
		start_anew(edit);
		end_search(edit);
	} else if (key >= L' ') {
		lengthen(edit, key);
	} else {
		end_search(edit);
		return false;
	}
	return true;
}

/* Null: no search is on. */
wchar_t *
edit_search_prompt(struct edit *edit)
{
	struct search *search = &edit->search;

	if (!search->on)
		return NULL;
	swprintf(search->prompt, sizeof(search->prompt) / sizeof(wchar_t),
		L"(search %ls%ls) %ls: ", search->forward ? L"newer" : L"older",
		search->failed ? L", not found" : L"", search->pattern);
	return search->prompt;
}

#endif
