/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.h - waiting for a key, and waking who waits.
 *
 * A waiter makes the flag of the slot odd (or, for a key that is absent, that
 * of the structure counter), full fence, looks at the word (the counter)
 * again, and sleeps on the flag while it is unchanged. A writer publishes,
 * full fence, and if the flag is odd counts it up and wakes. One of the two
 * sees the other, and a wake costs a system call only when somebody waits.
 */
#ifndef SPLI_WAIT_H
#define SPLI_WAIT_H

#include "store.h"

/* Under the claim, after the swap of an insert or unset. */
void spli_structure_changed(spl_store *s);

/* Append to the feed, wake who waits for @slot or, @structural, for any key. */
void spli_announce(spl_store *s, uint64_t slot, bool structural);

#endif
