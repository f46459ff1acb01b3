/* SPDX-License-Identifier: Apache-2.0 */
/*
 * victim.h - a writer that takes the steps of swap.c one by one, and dies
 * before the one it is told.
 */
#ifndef UNIT_VICTIM_H
#define UNIT_VICTIM_H

#include "unit.h"

#define VICTIM_KEY "the key that dies-----"
#define VICTIM_OLD "the old value, to go--"
#define VICTIM_NEW "the new value, to come"
enum {
	VICTIM_LEN = 22,
	VICTIM_KEY_LEN = 22,
	/* On the board. */
	VICTIM_PUBLISHED = 40, /* whether the swap had happened */
	VICTIM_TAIL = 41, /* the store's epoch before it began */
	VICTIM_ENTRY = 42 /* its writer entry's name */
};

struct victim {
	const char *name; /* of the store */
	spl_store *s;
	enum spli_kind kind; /* UPDATE, INSERT, UNSET */
	int steps; /* to take; then it is killed */
};

/* For unit_fork. Come back only when all steps are taken. */
void victim_run(void *victim);
void victim_open_and_run(void *victim);

#endif
