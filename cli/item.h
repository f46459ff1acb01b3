/* SPDX-License-Identifier: Apache-2.0 */
/*
 * item.h - a key with what belongs to it, as a line of JSON.
 */
#ifndef CLI_ITEM_H
#define CLI_ITEM_H

#include <stdio.h>

#include "text.h"
#include "value.h"

/* Room for what a line has beside its key and value: numbers, names. */
enum { ITEM_LINE_REST = 4096 };

/* Of recordings: what a start says. */
enum { ITEM_RECORDING = 1 };

struct item {
	char key[SPL_KEY_MAX + 1];
	const char *value; /* null: the line has none */
	size_t len;
	uint64_t epoch; /* 0: the line has none */
	uint64_t ttl_ms; /* what is left; 0: nothing; UINT64_MAX: no end */
};

/* A line of a recording. */
struct item_event {
	struct item item; /* without a key: SPL_MISSED, SPL_SYNCED, a start */
	uint32_t what; /* SPL_CHANGED, ...; 0: here a recording starts */
	uint64_t time_ns; /* since 1970 */
	uint64_t changes; /* SPL_MISSED: so many */
};

/* Milliseconds since 1970. */
uint64_t item_now_ms(void);

/* The longest line that a value of @max_value bytes can make. */
size_t item_line_max(uint64_t max_value);

/* Key, epoch, length, value and the time that it has, as members. @key is
 * shown in place of its own. */
void item_put(struct json *json, const char *key,
	const struct spl_key_stat *stat, const char *value);

/*
 * item_read - what a line says, as of @now_ms. The value lies in the line.
 * Returns null, or what is wrong, to be put behind "it ".
 */
const char *item_read(
	struct item *item, char *line, size_t len, uint64_t now_ms, size_t *at);

/* The same for a line of a recording. Its times to live are what was left. */
const char *item_read_event(
	struct item_event *event, char *line, size_t len, size_t *at);

#endif
