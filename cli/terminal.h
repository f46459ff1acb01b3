/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.h - what can end a command: a key, or a signal. The terminal is as
 * it was before once the command has ended, however it did.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct terminal {
	bool present; /* stdin is one */
	bool raw; /* its keys come one by one, by us */
	bool screen; /* the one on stdout shows its other screen, by us */
	struct termios saved; /* how it was before that */
	/* Told of keys but Ctrl-], by terminal_stop(); null: nobody is. */
	void (*typed)(void *context, char key);
	void *context;
};

/*
 * terminal_begin - from here on signals that would end the program end the
 * wait instead, and the keyboard is looked at. One at a time.
 */
void terminal_begin(struct terminal *terminal);

/* The same for signals alone: the keyboard is left to who reads it. */
void terminal_begin_signals(struct terminal *terminal);

/*
 * terminal_stop - has Ctrl-] been typed, or a signal come? Also where
 * Ctrl-Z is obeyed and where a terminal is taken over that was another's
 * before. To be asked every now and then.
 */
bool terminal_stop(struct terminal *terminal);

/*
 * terminal_screen - shows the other screen of the terminal on stdout, empty
 * and without a cursor, unless it is shown. False while that terminal is
 * another's: nothing should be drawn then. To be asked before each drawing.
 * The end, Ctrl-Z and a fault bring back what was there before.
 */
bool terminal_screen(struct terminal *terminal);

/*
 * terminal_end - puts everything back. A signal other than Ctrl-C's is then
 * raised once more, to do what it does.
 */
void terminal_end(struct terminal *terminal);

/*
 * terminal_catch_interrupt - from here on Ctrl-C (SIGINT) ends the command
 * that runs, not the program. terminal_interrupted() says that it came, to a
 * wait too; terminal_forget_interrupt() is for the start of the next command.
 * terminal_die_of_interrupt() is what Ctrl-C does elsewhere; where it is
 * blocked, it returns EXIT_FAILED.
 */
void terminal_catch_interrupt(void);
int terminal_die_of_interrupt(void);
bool terminal_interrupted(void);
void terminal_forget_interrupt(void);

/*
 * terminal_catch_fault - a store that is shortened under us is met as a
 * SIGBUS: say so, restore the terminal and exit with EXIT_FAILED.
 */
void terminal_catch_fault(void);

#endif
