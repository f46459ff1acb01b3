/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_keys.h - which keys a watch follows: those that are named, and those
 * that a pattern matches, by one feed.
 */
#ifndef CLI_WATCH_KEYS_H
#define CLI_WATCH_KEYS_H

#include "pattern.h"

struct watch_keys {
	const struct cli *cli;
	char *one; /* the only one, as it is in the store; null: many */
	char *all; /* else: a pattern that matches each of them */
	struct pattern compiled; /* the same */
};

/*
 * watch_keys_take - what the call's words and --pattern say. A word that
 * begins with ^ is a pattern. Explains what is wrong with one and returns a
 * status; watch_keys_free() is due in any case.
 */
int watch_keys_take(struct watch_keys *keys, const struct cli *cli,
	const struct call *call);

/* Has a feed tell their changes; of other keys too in a namespace. */
void watch_keys_follow(
	const struct watch_keys *keys, struct spl_feed_options *options);

/* A key without its namespace; null for one that is not followed. */
const char *watch_keys_shown(const struct watch_keys *keys, const char *key);
void watch_keys_free(struct watch_keys *keys);

#endif
