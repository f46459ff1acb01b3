/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - descriptors of feeds: an eventfd each, readable exactly while the
 * feed has something to tell.
 *
 * To know that, the next event has to be looked at ahead: by the feed's reader
 * at the end of each read, and while there is none by one thread of the
 * handle, the notifier, which sleeps on the ring for all of its feeds.
 */
#ifndef SPLI_NOTIFY_H
#define SPLI_NOTIFY_H

#include "cursor.h"

/* The feed's descriptor, made when it has none; as spl_feed_fd(). */
int spli_notify_start(spl_feed *f);

/*
 * Make the descriptor, if there is one, say what is so. The feed's lock is
 * held.
 */
void spli_notify_settle(spl_feed *f);

/* The same for all feeds of the handle. */
void spli_notify_all(spl_store *s);

/* End the thread; unless @all, only if no feed of the handle needs it. */
void spli_notify_stop(spl_store *s, bool all);

#endif
