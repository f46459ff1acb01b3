/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - a file that is cut short under an open store: an error, and not
 * the end of the process, for who asked for that.
 *
 * A handler of SIGBUS, one for the process, looks whether the address is in
 * the mapping of a guarded store. If so it marks the handle lost and puts
 * zeros in the place of the whole mapping, private ones: the call that was
 * interrupted goes on in them and meets what any hostile store could hold, its
 * writes reach nobody, and at its end it finds the mark and gives -EIO. All
 * other signals go to the handler that was there before.
 *
 *  G1  the handler marks the handle, then replaces the mapping
 *  G2  a call reads the mapping, acquire fence, then looks at the mark: who
 *      has read a zero of the handler's sees the mark
 */
#ifndef SPLI_GUARD_H
#define SPLI_GUARD_H

#include "store.h"

/* @s is mapped; and is about to be unmapped. Nothing unless it is guarded. */
void spli_guard_start(spl_store *s);
void spli_guard_stop(spl_store *s);

/* Around fork(). */
void spli_guard_lock(void);
void spli_guard_unlock(void);
void spli_guard_forked(void);

#endif
