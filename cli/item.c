/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "item.h"

#include <string.h>
#include <time.h>

#include "json.h"
#include "watch_event.h"

uint64_t
item_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Each byte may be \u and four digits. */
size_t
item_line_max(uint64_t max_value)
{
	return 6 * (max_value + SPL_KEY_MAX) + ITEM_LINE_REST;
}

void
item_put(struct json *json, const char *key, const struct spl_key_stat *stat,
	const char *value)
{
	json_string(json, "key", key);
	json_number(json, "epoch", stat->epoch);
	json_number(json, "length", stat->len);
	json_text(json, "value", value, stat->len);
	if (stat->ttl_ms == UINT64_MAX)
		return;
	json_number(json, "ttl_ms", stat->ttl_ms);
	json_number(json, "expires_ms", item_now_ms() + stat->ttl_ms);
}

enum {
	KEY,
	KEY_ENCODING,
	EPOCH,
	LENGTH,
	VALUE,
	VALUE_ENCODING,
	TTL,
	EXPIRES,
	ITEM_FIELDS,
	/* Of recordings only. */
	TIME = ITEM_FIELDS,
	EVENT,
	CHANGES,
	RECORDING,
	EVENT_FIELDS
};

static const struct json_field wanted[EVENT_FIELDS] = {
	[KEY] = {.name = "key"},
	[KEY_ENCODING] = {.name = "key_encoding"},
	[EPOCH] = {.name = "epoch", .kind = JSON_WHOLE},
	[LENGTH] = {.name = "length", .kind = JSON_WHOLE},
	[VALUE] = {.name = "value"},
	[VALUE_ENCODING] = {.name = "value_encoding"},
	[TTL] = {.name = "ttl_ms", .kind = JSON_WHOLE},
	[EXPIRES] = {.name = "expires_ms", .kind = JSON_WHOLE},
	[TIME] = {.name = "time_ns", .kind = JSON_WHOLE},
	[EVENT] = {.name = "event"},
	[CHANGES] = {.name = "changes", .kind = JSON_WHOLE},
	[RECORDING] = {.name = "recording", .kind = JSON_WHOLE},
};

static const char *
take_key(struct item *item, struct json_field *fields)
{
	if (!fields[KEY].given)
		return "has no member \"key\"";
	if (!json_decode(&fields[KEY], &fields[KEY_ENCODING]))
		return "has a key that is not encoded as it says";
	if (!fields[KEY].len)
		return "has an empty key";
	if (memchr(fields[KEY].text, '\0', fields[KEY].len))
		return "has a NUL in its key";
	if (fields[KEY].len > SPL_KEY_MAX)
		return "has a key that is too long";
	memcpy(item->key, fields[KEY].text, fields[KEY].len);
	item->key[fields[KEY].len] = '\0';
	return NULL;
}

static const char *
take_value(struct item *item, struct json_field *fields)
{
	if (!fields[VALUE].given)
		return NULL;
	if (!json_decode(&fields[VALUE], &fields[VALUE_ENCODING]))
		return "has a value that is not encoded as it says";
	if (fields[LENGTH].given && fields[LENGTH].number != fields[VALUE].len)
		return "has a value that is not as long as it says";
	item->value = fields[VALUE].text;
	item->len = fields[VALUE].len;
	return NULL;
}

/* When it ends says more than how long it had when the line was written. */
static uint64_t
ttl_of(const struct json_field *fields, uint64_t now_ms)
{
	uint64_t ends = fields[EXPIRES].number;

	if (fields[EXPIRES].given)
		return ends > now_ms ? ends - now_ms : 0;
	return fields[TTL].given ? fields[TTL].number : UINT64_MAX;
}

static const char *
take_item(struct item *item, struct json_field *fields, uint64_t now_ms)
{
	const char *wrong = take_key(item, fields);

	if (!wrong)
		wrong = take_value(item, fields);
	item->epoch = fields[EPOCH].number;
	item->ttl_ms = ttl_of(fields, now_ms);
	return wrong;
}

const char *
item_read(
	struct item *item, char *line, size_t len, uint64_t now_ms, size_t *at)
{
	struct json_field fields[ITEM_FIELDS];

	*item = (struct item){0};
	memcpy(fields, wanted, sizeof(fields));
	const char *wrong = json_read(line, len, fields, ITEM_FIELDS, at);
	return wrong ? wrong : take_item(item, fields, now_ms);
}

static bool
is_set(uint32_t what)
{
	return what & (SPL_CREATED | SPL_CHANGED | SPL_PRESENT);
}

static const char *
take_event(struct item_event *event, struct json_field *fields)
{
	const char *wrong = NULL;

	if (!fields[TIME].given)
		return "has no member \"time_ns\"";
	event->time_ns = fields[TIME].number;
	event->changes = fields[CHANGES].number;
	if (fields[RECORDING].given)
		return fields[RECORDING].number == ITEM_RECORDING
			       ? NULL
			       : "starts a recording of another version";
	if (!fields[EVENT].given)
		return "has no member \"event\"";
	event->what = watch_event_what(fields[EVENT].text, fields[EVENT].len);
	if (!event->what)
		return "tells of an event that is unknown";
	if (event->what != SPL_MISSED && event->what != SPL_SYNCED)
		wrong = take_item(&event->item, fields, 0);
	if (!wrong && is_set(event->what) && !event->item.value)
		return "has no member \"value\"";
	return wrong;
}

const char *
item_read_event(struct item_event *event, char *line, size_t len, size_t *at)
{
	struct json_field fields[EVENT_FIELDS];

	*event = (struct item_event){0};
	memcpy(fields, wanted, sizeof(fields));
	const char *wrong = json_read(line, len, fields, EVENT_FIELDS, at);
	return wrong ? wrong : take_event(event, fields);
}
