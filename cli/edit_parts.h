/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit_parts.h - how lines are edited with libedit, and what it is not used
 * for.
 *
 * libedit has the line, the keys and the drawing. It asks edit_next_key()
 * for every key, and there all the rest hangs:
 *
 * - Signals. Its own handlers redraw and free memory while the program is
 *   anywhere, and pass each signal on to the whole process group. Here they
 *   only arrive while we wait for a key. Ctrl-C, Ctrl-Z and Ctrl-\ come as
 *   keys, so that they take effect in the order they were typed in.
 * - Bytes. Those that are no character in the locale are kept, each as a
 *   code point ESCAPED + byte, which no character has.
 * - Redrawing. REFRESH_KEY is slipped in as if typed: its command draws the
 *   prompts anew, which no public function does. What libedit has drawn
 *   wrong, as it does on several rows, is drawn once more.
 * - Pasted text. What is waiting behind a character is inserted with it and
 *   drawn once. Nothing behind a newline is read: it may be for a command.
 *
 * Recall, search, cut and paste are our own as well: libedit's forget what
 * is typed beyond 1023 characters, search for regular expressions, take
 * arrows for text, and let any deletion replace what was cut. They are bound
 * in emacs mode only; with `bind -v` in ~/.editrc all keys are libedit's.
 */
#ifndef CLI_EDIT_PARTS_H
#define CLI_EDIT_PARTS_H

#include "edit.h"

#ifdef SPLINTER_EDIT

#include <histedit.h>
#include <limits.h>
#include <signal.h>
#include <termios.h>
#include <wchar.h>

#define ESCAPED 0xdc00
#define REFRESH_KEY 0x80 /* a control character that no keyboard has */

enum edit_event {
	EVENT_NONE,
	EVENT_CLEARED, /* Ctrl-C, and there was a line */
	EVENT_INTERRUPTED, /* Ctrl-C, and there was none */
	EVENT_HUNG_UP,
	EVENT_FAILED /* errno is in edit->error */
};

enum { PATTERN_MAX = 128 };

/* What was read and is no key yet. */
struct keyboard {
	char bytes[MB_LEN_MAX]; /* the beginning of a character */
	size_t count;
	int known; /* bytes that certainly wait in the terminal */
	int cooked; /* the first of them, which were typed before it was raw */
	wint_t ahead; /* a key that was put back, or WEOF */
};

struct search {
	bool on;
	bool forward;
	bool failed;
	wchar_t pattern[PATTERN_MAX];
	wchar_t before[PATTERN_MAX]; /* the pattern of the last search */
	wchar_t prompt[PATTERN_MAX + 32];
	size_t place; /* where it stands, as edit->place */
	wchar_t *line; /* what was typed when it began */
	size_t cursor;
};

struct edit {
	EditLine *el;
	struct editor_hooks hooks;
	bool vi;
	bool dim; /* the terminal can */
	char *line; /* the last that was returned */
	wchar_t *prompt;
	wchar_t *hint; /* that is shown; null: none */
	wchar_t *hint_drawn; /* the same for libedit */
	enum edit_event event; /* why there is no line */
	int error;
	struct keyboard keyboard;
	struct termios cooked; /* the terminal as it was before */
	sigset_t mask; /* and the signals */
	const struct history *history;
	HistoryW *recall; /* the same for libedit */
	size_t seen; /* of history->added are in it */
	size_t place; /* the n-th newest line is recalled; 0: none */
	wchar_t *typed; /* what was there before that */
	struct search search;
	wchar_t *killed; /* for Ctrl-Y */
	wchar_t *drawn; /* the prompt and the line on the screen; null: ? */
	int drawn_rows; /* below its first */
};

/* edit.c */
struct edit *edit_of(EditLine *el);
/* Makes the hint what it should be, in steps. False: it is that already. */
bool edit_step_hint(struct edit *edit);
void edit_drop_hint(struct edit *edit);

/* edit_text.c - of bytes and characters. What is returned is malloc()ed. */
wchar_t *edit_decode(const char *bytes, size_t len);
wchar_t *edit_decode_shown(const char *text); /* unprintable ones as '?' */
char *edit_encode(const wchar_t *text, size_t len);
size_t edit_width(const wchar_t *text); /* in columns */
void edit_print(const wchar_t *text, size_t columns); /* no more than that */

/* edit_text.c - of the line. */
const wchar_t *edit_line(struct edit *edit, size_t *len, size_t *cursor);
wchar_t *edit_copy_line(struct edit *edit);
char *edit_line_bytes(struct edit *edit, size_t *cursor);
void edit_set_line(struct edit *edit, const wchar_t *text, size_t cursor);
void edit_delete(struct edit *edit, size_t from, size_t to);

/* edit_screen.c */
struct screen {
	int lines;
	int columns;
};
struct screen edit_screen(struct edit *edit);
/* Columns that are free behind a line that fits on one row, or -1. */
int edit_columns_free(struct edit *edit);
/* To the row below the line, where something else may be written. */
void edit_leave_line(struct edit *edit);
/* Mends what libedit has drawn wrong. True: now it has to refresh. */
bool edit_repair(struct edit *edit);
/* Draws the line again, where it is or where the cursor is. */
void edit_redraw(struct edit *edit);
void edit_draw_here(struct edit *edit);

/* edit_input.c */
void edit_begin_input(struct edit *edit);
void edit_end_input(struct edit *edit);
/* Takes the terminal over: keys come as they are, and without an echo. */
void edit_take_terminal(struct edit *edit);
int edit_next_key(EditLine *el, wchar_t *key);
/* Is there more than what has been taken? */
bool edit_is_waiting(struct edit *edit);
/* A key as it comes. 1; 0: none waits, and @wait is false; -1: see event. */
int edit_take_key(struct edit *edit, wchar_t *key, bool wait);

/* edit_keys.c */
void edit_bind_keys(struct edit *edit);
void edit_bind_vi_keys(struct edit *edit);
/* Inserts a character, and all text that waits behind it. */
void edit_insert(struct edit *edit, wchar_t first);

/* edit_recall.c */
void edit_load_recall(struct edit *edit);
void edit_reset_recall(struct edit *edit);
unsigned char edit_recall_older(EditLine *el, wint_t key);
unsigned char edit_recall_newer(EditLine *el, wint_t key);
unsigned char edit_recall_like_older(EditLine *el, wint_t key);
unsigned char edit_recall_like_newer(EditLine *el, wint_t key);
unsigned char edit_search_older(EditLine *el, wint_t key);
unsigned char edit_search_newer(EditLine *el, wint_t key);
/* A key while a search is on. False: it has ended it, and is not used. */
bool edit_search_key(struct edit *edit, wchar_t key);
wchar_t *edit_search_prompt(struct edit *edit);

/* edit_choices.c - Tab. */
unsigned char edit_complete(EditLine *el, wint_t key);

#endif
#endif
