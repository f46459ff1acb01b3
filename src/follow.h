/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.h - what the life of a handle means for its feeds.
 */
#ifndef SPLI_FOLLOW_H
#define SPLI_FOLLOW_H

#include "cursor.h"

/* The handle is being closed: calls that begin from now on are -EBADF. */
void spli_feeds_abandon(spl_store *s);

/* For fork handlers. */
void spli_follow_lock(void);
void spli_follow_unlock(void);
void spli_feeds_lock(spl_store *s);
void spli_feeds_unlock(spl_store *s);
void spli_feeds_forked(spl_store *s);

#endif
