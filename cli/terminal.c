/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.c - the keyboard without its line editing, and signals as flags.
 *
 * Only the terminal's foreground process may change or read it: another
 * would be stopped for trying. So whether we are is asked each time.
 */
#define _POSIX_C_SOURCE 200809L

#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "command.h"

#define STOP_KEY 0x1d /* Ctrl-] */
#define ESCAPE 0x1b

static const int caught[] = {
	SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP};

#define CAUGHT (sizeof(caught) / sizeof(caught[0]))

static struct sigaction former[CAUGHT];

/* The last signal to end the wait, and whether Ctrl-Z came. */
static volatile sig_atomic_t ending;
static volatile sig_atomic_t suspending;

/* Ctrl-C outside of a wait. */
static volatile sig_atomic_t interrupted;

/* What a fault has to restore; null: nothing. */
static struct terminal *volatile current;

static void
on_signal(int number)
{
	if (number == SIGTSTP)
		suspending = 1;
	else
		ending = number;
}

/* What the parent has chosen to ignore stays ignored. */
static void
catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < CAUGHT; i++) {
		sigaction(caught[i], NULL, &former[i]);
		if (former[i].sa_handler != SIG_IGN)
			sigaction(caught[i], &action, NULL);
	}
}

static void
release_signals(void)
{
	for (size_t i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &former[i], NULL);
}

/* A terminal that is not the session's own stops nobody for touching it. */
static bool
in_foreground(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group < 0 ? errno == ENOTTY : group == getpgrp();
}

/* Signals stay on, so that Ctrl-C and Ctrl-Z are what they are. */
static void
enter_raw(struct terminal *terminal)
{
	struct termios mode;

	if (terminal->raw || tcgetattr(STDIN_FILENO, &terminal->saved))
		return;
	mode = terminal->saved;
	mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	mode.c_cc[VMIN] = 0;
	mode.c_cc[VTIME] = 0;
	terminal->raw = !tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

static void
leave_raw(struct terminal *terminal)
{
	if (terminal->raw && in_foreground(STDIN_FILENO))
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal->saved);
	terminal->raw = false;
}

/* Signal-safe. What a signal interrupts is left: the end is near. */
static void
put(const char *text, size_t len)
{
	ssize_t done = 0;

	while (len && (done = write(STDOUT_FILENO, text, len)) > 0) {
		text += done;
		len -= (size_t)done;
	}
}

/*
 * As xterm has them, and what imitates it: the other screen, no cursor, and
 * lines that are not continued in the next.
 */
static void
leave_screen(struct terminal *terminal)
{
	static const char text[] = "\033[?7h\033[?25h\033[?1049l";

	if (terminal->screen && in_foreground(STDOUT_FILENO))
		put(text, sizeof(text) - 1);
	terminal->screen = false;
}

bool
terminal_screen(struct terminal *terminal)
{
	static const char text[] = "\033[?1049h\033[?25l\033[?7l\033[2J";

	if (!in_foreground(STDOUT_FILENO)) {
		terminal->screen = false;
		return false;
	}
	if (!terminal->screen)
		put(text, sizeof(text) - 1);
	terminal->screen = true;
	return true;
}

static void
suspend(struct terminal *terminal)
{
	suspending = 0;
	leave_screen(terminal);
	leave_raw(terminal);
	release_signals();
	raise(SIGTSTP);
	catch_signals();
}

/*
 * Is this part of what a key without a letter sends: ESC and one more, ESC [
 * up to a letter, or ESC O and one more? @state is 0 before.
 */
static bool
is_escaped(char *state, char key)
{
	char before = *state;

	if (key == ESCAPE)
		*state = ESCAPE;
	else if (before == ESCAPE && (key == '[' || key == 'O'))
		*state = key;
	else if (before != '[' || (key >= '@' && key <= '~'))
		*state = 0;
	return before || key == ESCAPE;
}

static bool
stop_key_typed(const struct terminal *terminal)
{
	char keys[64];
	char state = 0;
	ssize_t got;

	while ((got = read(STDIN_FILENO, keys, sizeof(keys))) > 0)
		for (ssize_t i = 0; i < got; i++) {
			if (keys[i] == STOP_KEY)
				return true;
			if (!is_escaped(&state, keys[i]) && terminal->typed)
				terminal->typed(terminal->context, keys[i]);
		}
	return false;
}

void
terminal_begin_signals(struct terminal *terminal)
{
	*terminal = (struct terminal){0};
	ending = 0;
	suspending = 0;
	current = terminal;
	catch_signals();
}

void
terminal_begin(struct terminal *terminal)
{
	terminal_begin_signals(terminal);
	terminal->present = isatty(STDIN_FILENO);
	if (terminal->present && in_foreground(STDIN_FILENO))
		enter_raw(terminal);
}

bool
terminal_stop(struct terminal *terminal)
{
	if (suspending)
		suspend(terminal);
	if (ending)
		return true;
	if (!terminal->present || !in_foreground(STDIN_FILENO)) {
		terminal->raw = false;
		return false;
	}
	enter_raw(terminal);
	return terminal->raw && stop_key_typed(terminal);
}

void
terminal_end(struct terminal *terminal)
{
	leave_screen(terminal);
	leave_raw(terminal);
	current = NULL;
	release_signals();
	if (ending == SIGINT)
		interrupted = 1;
	if (ending && ending != SIGINT)
		raise(ending);
}

static void
on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

void
terminal_catch_interrupt(void)
{
	struct sigaction action = {.sa_handler = on_interrupt};
	struct sigaction before;

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, NULL, &before);
	/* What the parent has chosen to ignore stays ignored. */
	if (before.sa_handler != SIG_IGN)
		sigaction(SIGINT, &action, NULL);
}

int
terminal_die_of_interrupt(void)
{
	fflush(stdout);
	signal(SIGINT, SIG_DFL);
	raise(SIGINT);
	return EXIT_FAILED;
}

bool
terminal_interrupted(void)
{
	return interrupted;
}

void
terminal_forget_interrupt(void)
{
	interrupted = 0;
}

/* Only calls that signal-safety(7) allows. */
static void
on_fault(int number)
{
	static const char text[] =
		"the store's file became shorter while it was in use, or no "
		"memory is left for it: create it again\n";

	(void)number;
	if (current) {
		leave_screen(current);
		leave_raw(current);
	}
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(EXIT_FAILED);
	_exit(EXIT_FAILED);
}

void
terminal_catch_fault(void)
{
	struct sigaction action = {.sa_handler = on_fault};

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}
