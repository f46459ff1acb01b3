/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_event.h - how a watch prints what its feed tells.
 */
#ifndef CLI_WATCH_EVENT_H
#define CLI_WATCH_EVENT_H

#include "command.h"

/* An event, and how it is to be said. */
struct watch_event {
	const struct spl_event *event;
	uint32_t what; /* SPL_CHANGED, ...: not always the event's own */
	const char *key; /* without the namespace */
	bool named; /* with the key: there may be others */
	bool early; /* SPL_MISSED: before the watch began */
};

/* "changed" for SPL_CHANGED and so on, and back: 0 for what is none. */
const char *watch_event_name(uint32_t what);
uint32_t watch_event_what(const char *name, size_t len);

/* One object, on one line. */
void watch_event_json(const struct watch_event *shown);

/* A value as `get` prints it; a note on stderr about what is none. */
void watch_event_text(const struct watch_event *shown);

#endif
