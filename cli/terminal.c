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
in_foreground(void)
{
	pid_t group = tcgetpgrp(STDIN_FILENO);

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
	if (terminal->raw && in_foreground())
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal->saved);
	terminal->raw = false;
}

static void
suspend(struct terminal *terminal)
{
	suspending = 0;
	leave_raw(terminal);
	release_signals();
	raise(SIGTSTP);
	catch_signals();
}

static bool
stop_key_typed(void)
{
	char keys[64];
	ssize_t got;

	while ((got = read(STDIN_FILENO, keys, sizeof(keys))) > 0)
		for (ssize_t i = 0; i < got; i++)
			if (keys[i] == STOP_KEY)
				return true;
	return false;
}

void
terminal_begin(struct terminal *terminal)
{
	*terminal = (struct terminal){.present = isatty(STDIN_FILENO)};
	ending = 0;
	suspending = 0;
	current = terminal;
	catch_signals();
	if (terminal->present && in_foreground())
		enter_raw(terminal);
}

bool
terminal_stop(struct terminal *terminal)
{
	if (suspending)
		suspend(terminal);
	if (ending)
		return true;
	if (!terminal->present || !in_foreground()) {
		terminal->raw = false;
		return false;
	}
	enter_raw(terminal);
	return terminal->raw && stop_key_typed();
}

void
terminal_end(struct terminal *terminal)
{
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
	if (current)
		leave_raw(current);
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
