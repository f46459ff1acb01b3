/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.h - waiting for a key, and waking who waits.
 *
 * A waiter sleeps on the low half of the slot's word, or, for a key that is
 * absent, of the structure counter. He sets the flag beside it, full fence,
 * looks again, sleeps. A writer publishes, full fence, looks at the flag. One
 * of the two sees the other. A wake costs a system call only when the
 * flag was set.
 */
#ifndef SPLI_WAIT_H
#define SPLI_WAIT_H

#include "store.h"

/* Under the claim, after the swap of an insert or unset. */
void spli_structure_changed(spl_store *s);

/* Append to the feed, wake who waits for @slot or, @structural, for any key. */
void spli_announce(spl_store *s, uint64_t slot, bool structural);

#endif
