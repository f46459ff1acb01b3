/* SPDX-License-Identifier: Apache-2.0 */
#include "watch_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "text.h"
#include "value.h"

static const struct {
	uint32_t what;
	const char *name;
} names[] = {
	{SPL_CHANGED, "changed"},
	{SPL_CREATED, "created"},
	{SPL_UNSET, "unset"},
	{SPL_EXPIRED, "expired"},
	{SPL_PRESENT, "present"},
	{SPL_SYNCED, "synced"},
	{SPL_MISSED, "missed"},
};

#define NAMES (sizeof(names) / sizeof(names[0]))

const char *
watch_event_name(uint32_t what)
{
	for (size_t i = 0; i < NAMES; i++)
		if (names[i].what == what)
			return names[i].name;
	return "unknown";
}

uint32_t
watch_event_what(const char *name, size_t len)
{
	for (size_t i = 0; i < NAMES; i++)
		if (strlen(names[i].name) == len &&
			!memcmp(names[i].name, name, len))
			return names[i].what;
	return 0;
}

/* Sequences that were missed, or sets that are told as one. */
static void
put_changes(struct json *json, const struct watch_event *shown)
{
	uint64_t changes = shown->event->changes;

	if (changes > 1 || shown->what == SPL_MISSED)
		json_number(json, "changes", changes);
}

void
watch_event_json(const struct watch_event *shown)
{
	const struct spl_event *event = shown->event;
	bool has_key = shown->what != SPL_SYNCED && shown->what != SPL_MISSED;
	struct json json;

	json_begin(&json);
	if (has_key)
		json_string(&json, "key", shown->key);
	json_string(&json, "event", watch_event_name(shown->what));
	if (has_key && event->epoch)
		json_number(&json, "epoch", event->epoch);
	json_number(&json, "sequence", event->sequence);
	put_changes(&json, shown);
	if (has_key && event->epoch)
		json_number(&json, "length", event->len);
	if (has_key && event->value)
		json_text(&json, "value", event->value, event->len);
	json_end(&json);
}

static void
print_value(const struct watch_event *shown)
{
	/* In a pipe as well: a key with a line end must not look like two. */
	if (shown->named) {
		text_show(stdout, shown->key, strlen(shown->key), false);
		fputs(": ", stdout);
	}
	value_print(shown->event->value, shown->event->len);
}

static void
note_missed(const struct watch_event *shown)
{
	uint64_t changes = shown->event->changes;
	bool one = changes == 1;

	if (shown->early)
		cli_note("watch: %" PRIu64 " earlier change%s cannot be told "
			 "any more",
			changes, one ? "" : "s");
	else
		cli_note("watch: %" PRIu64 " change%s came faster than %s "
			 "printed; what %s led to follows",
			changes, one ? "" : "s", one ? "it was" : "they were",
			one ? "it" : "they");
}

static void
note(const struct watch_event *shown)
{
	/* Behind what was printed before. */
	fflush(stdout);
	if (shown->what == SPL_UNSET)
		cli_note("watch: key '%s' was removed", shown->event->key);
	else if (shown->what == SPL_EXPIRED)
		cli_note("watch: key '%s' expired", shown->event->key);
	else if (shown->what == SPL_MISSED)
		note_missed(shown);
}

void
watch_event_text(const struct watch_event *shown)
{
	switch (shown->what) {
	case SPL_CHANGED:
	case SPL_CREATED:
	case SPL_PRESENT:
		print_value(shown);
		break;
	default:
		note(shown);
	}
}
