/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit_input.c - keys, and the signals that come while we wait for one.
 *
 * SIGINT, SIGTSTP, SIGCONT and SIGWINCH are blocked all the while but for the
 * wait itself, and their handlers only say that they came. What kills the
 * program gives the terminal back first. Only its foreground process may do
 * that: another would be stopped for trying.
 */
#define _GNU_SOURCE 1

#include "edit_parts.h"

#ifdef SPLINTER_EDIT

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

/* --- Signals ------------------------------------------------------------ */

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t suspended;
static volatile sig_atomic_t changed; /* the terminal, or whose it was */

/* For the handler of the deadly ones: how to leave the terminal. */
static struct termios cooked;

enum deadly { LIVE, DEADLY, FAULT };

static struct caught {
	int number;
	enum deadly deadly;
	bool ours; /* the handler is */
	struct sigaction former;
} caught[] = {
	{.number = SIGINT}, {.number = SIGTSTP}, {.number = SIGCONT},
	{.number = SIGWINCH}, {.number = SIGTERM, .deadly = DEADLY},
	{.number = SIGHUP, .deadly = DEADLY},
	{.number = SIGQUIT, .deadly = DEADLY},
	{.number = SIGBUS, .deadly = FAULT}, /* a store was cut short */
};

#define CAUGHT (sizeof(caught) / sizeof(caught[0]))

static void
on_signal(int number)
{
	if (number == SIGINT)
		interrupted = 1;
	else if (number == SIGTSTP)
		suspended = 1;
	else
		changed = 1;
}

static void
on_deadly_signal(int number)
{
	if (tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
	for (size_t i = 0; i < CAUGHT; i++)
		if (caught[i].number == number)
			sigaction(number, &caught[i].former, NULL);
	raise(number);
}

/* What the parent ignores stays ignored; what the caller handles, his. */
static bool
is_to_catch(const struct caught *signal)
{
	if (signal->number == SIGCONT || signal->number == SIGWINCH)
		return true;
	if (signal->deadly == DEADLY)
		return signal->former.sa_handler == SIG_DFL;
	return signal->former.sa_handler != SIG_IGN;
}

static void
catch_signals(struct edit *edit)
{
	struct sigaction action = {0};
	sigset_t held;

	sigemptyset(&action.sa_mask);
	sigemptyset(&held);
	for (size_t i = 0; i < CAUGHT; i++)
		if (!caught[i].deadly)
			sigaddset(&held, caught[i].number);
	sigprocmask(SIG_BLOCK, &held, &edit->mask);
	interrupted = suspended = changed = 0;
	for (size_t i = 0; i < CAUGHT; i++) {
		sigaction(caught[i].number, NULL, &caught[i].former);
		caught[i].ours = is_to_catch(&caught[i]);
		action.sa_handler =
			caught[i].deadly ? on_deadly_signal : on_signal;
		if (caught[i].ours)
			sigaction(caught[i].number, &action, NULL);
	}
}

static void
release_signals(struct edit *edit)
{
	for (size_t i = 0; i < CAUGHT; i++)
		if (caught[i].ours)
			sigaction(caught[i].number, &caught[i].former, NULL);
	sigprocmask(SIG_SETMASK, &edit->mask, NULL);
}

/* --- The terminal ------------------------------------------------------- */

/* Bytes in the terminal. They are taken one by one, but counted together. */
static int
count_waiting(struct keyboard *keyboard)
{
	if (!keyboard->known && ioctl(STDIN_FILENO, FIONREAD, &keyboard->known))
		keyboard->known = 0;
	return keyboard->known;
}

static void
remember_terminal(struct edit *edit)
{
	if (!tcgetattr(STDIN_FILENO, &edit->cooked))
		cooked = edit->cooked;
}

void
edit_take_terminal(struct edit *edit)
{
	struct keyboard *keyboard = &edit->keyboard;

	el_wset(edit->el, EL_PREP_TERM, 1);
	keyboard->known = 0;
	keyboard->cooked = count_waiting(keyboard);
}

/*
 * What libedit calls cooked is almost what there was. Nothing that waits to
 * be read is lost.
 */
static void
restore_terminal(struct edit *edit)
{
	fflush(stdout);
	el_wset(edit->el, EL_PREP_TERM, 0);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &edit->cooked);
}

void
edit_begin_input(struct edit *edit)
{
	remember_terminal(edit);
	catch_signals(edit);
}

void
edit_end_input(struct edit *edit)
{
	restore_terminal(edit);
	release_signals(edit);
}

/* @group: to all that share the terminal, which is what Ctrl-Z does. */
static void
suspend(struct edit *edit, bool group)
{
	edit_leave_line(edit);
	restore_terminal(edit);
	release_signals(edit);
	kill(group ? 0 : getpid(), SIGTSTP);
	remember_terminal(edit);
	catch_signals(edit);
	edit_take_terminal(edit);
	edit_draw_here(edit);
}

/* Another size, or somebody else had the terminal: both anew. */
static void
take_over(struct edit *edit)
{
	changed = 0;
	el_wset(edit->el, EL_PREP_TERM, 0);
	el_wset(edit->el, EL_PREP_TERM, 1);
	edit_redraw(edit);
}

static void
interrupt(struct edit *edit)
{
	size_t len, cursor;

	interrupted = 0;
	edit_line(edit, &len, &cursor);
	edit->event =
		len || edit->search.on ? EVENT_CLEARED : EVENT_INTERRUPTED;
	/* The hint is no part of what was typed. */
	if (edit->hint && cursor == len)
		el_wset(edit->el, EL_ECHOTC, L"-s", L"ce", (wchar_t *)NULL);
	fputs("^C", stdout);
	edit_leave_line(edit);
}

/* False: that ends the line. */
static bool
obey_signals(struct edit *edit)
{
	if (suspended) {
		suspended = 0;
		suspend(edit, false);
	}
	if (changed)
		take_over(edit);
	if (interrupted)
		interrupt(edit);
	return edit->event == EVENT_NONE;
}

static bool
is_key(const struct edit *edit, wchar_t key, int which)
{
	cc_t set = edit->cooked.c_cc[which];

	return edit->cooked.c_lflag & ISIG && set != _POSIX_VDISABLE &&
	       key == set;
}

/* The keys that would be signals. False: this one is none. */
static bool
obey_key(struct edit *edit, wchar_t key)
{
	if (is_key(edit, key, VINTR))
		interrupt(edit);
	else if (is_key(edit, key, VSUSP))
		suspend(edit, true);
	else if (is_key(edit, key, VQUIT))
		kill(0, SIGQUIT);
	else
		return false;
	return true;
}

/* --- Bytes -------------------------------------------------------------- */

static int
fail(struct edit *edit, enum edit_event event)
{
	edit->error = errno;
	edit->event = event;
	return -1;
}

/* A cooked terminal has a NUL where Ctrl-D was typed. */
static void
count_byte(struct edit *edit)
{
	struct keyboard *keyboard = &edit->keyboard;
	char *byte = &keyboard->bytes[keyboard->count++];

	if (keyboard->cooked > 0 && !*byte)
		*byte = (char)edit->cooked.c_cc[VEOF];
	keyboard->known -= keyboard->known > 0;
	keyboard->cooked -= keyboard->cooked > 0;
}

/* Waits for a byte and takes it. 1, or -1. */
static int
read_byte(struct edit *edit)
{
	struct keyboard *keyboard = &edit->keyboard;
	fd_set set;

	for (;;) {
		fflush(stdout);
		if (!obey_signals(edit))
			return -1;
		FD_ZERO(&set);
		FD_SET(STDIN_FILENO, &set);
		if (pselect(STDIN_FILENO + 1, &set, NULL, NULL, NULL,
			    &edit->mask) < 0) {
			if (errno == EINTR)
				continue;
			return fail(edit, EVENT_FAILED);
		}
		ssize_t got = read(
			STDIN_FILENO, keyboard->bytes + keyboard->count, 1);
		if (got == 1)
			break;
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		return fail(edit, EVENT_HUNG_UP);
	}
	count_byte(edit);
	return 1;
}

/* False: these bytes are only the beginning of a character. */
static bool
take_char(struct keyboard *keyboard, wchar_t *c)
{
	mbstate_t state = {0};

	if (!keyboard->count)
		return false;
	size_t used = mbrtowc(c, keyboard->bytes, keyboard->count, &state);
	if (used == (size_t)-2)
		return false;
	if (used == (size_t)-1) {
		*c = ESCAPED + (unsigned char)keyboard->bytes[0];
		used = 1;
	}
	used += !used; /* Ctrl-@ */
	keyboard->count -= used;
	memmove(keyboard->bytes, keyboard->bytes + used, keyboard->count);
	return true;
}

bool
edit_is_waiting(struct edit *edit)
{
	struct keyboard *keyboard = &edit->keyboard;

	return keyboard->ahead != WEOF || keyboard->count ||
	       count_waiting(keyboard);
}

int
edit_take_key(struct edit *edit, wchar_t *key, bool wait)
{
	struct keyboard *keyboard = &edit->keyboard;

	if (keyboard->ahead != WEOF) {
		*key = (wchar_t)keyboard->ahead;
		keyboard->ahead = WEOF;
		return 1;
	}
	while (!take_char(keyboard, key)) {
		if (!wait && !count_waiting(keyboard))
			return 0;
		int rc = read_byte(edit);
		if (rc < 0)
			return rc;
	}
	return 1;
}

/* --- Keys --------------------------------------------------------------- */

/* True: this has to be drawn, and may have put the key back for later. */
static bool
goes_before(struct edit *edit, wchar_t key)
{
	if (edit->search.on) {
		if (!edit_search_key(edit, key))
			edit->keyboard.ahead = (wint_t)key;
		return true;
	}
	if ((key != L'\n' && key != L'\r') || !edit->hint)
		return false;
	edit_drop_hint(edit); /* it is no part of what was entered */
	edit->keyboard.ahead = (wint_t)key;
	return true;
}

/*
 * libedit lets nobody bind keys beyond ASCII, and loses count of columns
 * where they have none (accents, for example), unless all is drawn anew.
 */
static bool
is_inserted_here(const struct edit *edit, wchar_t key)
{
	return !edit->vi && key >= 0x80;
}

int
edit_next_key(EditLine *el, wchar_t *key)
{
	struct edit *edit = edit_of(el);

	do {
		if (!edit_is_waiting(edit) &&
			(edit_repair(edit) || edit_step_hint(edit))) {
			*key = REFRESH_KEY;
			return 1;
		}
		int rc = edit_take_key(edit, key, true);
		if (rc < 0)
			return rc;
	} while (obey_key(edit, *key) && edit->event == EVENT_NONE);
	if (edit->event != EVENT_NONE)
		return -1;
	if (goes_before(edit, *key)) {
		*key = REFRESH_KEY;
	} else if (is_inserted_here(edit, *key)) {
		edit_insert(edit, *key);
		*key = REFRESH_KEY;
	}
	return 1;
}

#endif
