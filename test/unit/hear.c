/* SPDX-License-Identifier: Apache-2.0 */
#include "hear.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>

enum { SOON_MS = 30000 };

struct spl_event heard;

spl_feed *
hear_open(spl_store *s, const struct spl_feed_options *o)
{
	spl_feed *f = NULL;
	int rc = spl_feed_open(s, o, &f);

	if (rc) {
		CHECK(false, "a feed (%s)", unit_errno(rc));
		exit(tap_end());
	}
	return f;
}

spl_feed *
hear_flags(spl_store *s, uint32_t flags)
{
	struct spl_feed_options o;

	spl_feed_options_init(&o);
	o.flags = flags;
	return hear_open(s, &o);
}

spl_feed *
hear_since(spl_store *s, uint64_t since)
{
	struct spl_feed_options o;

	spl_feed_options_init(&o);
	o.since = since;
	return hear_open(s, &o);
}

static bool
read_one(spl_feed *f, uint64_t timeout_ms, uint32_t what, const char *key)
{
	memset(&heard, 0, sizeof heard);
	int rc = spl_feed_read(f, &heard, 1, timeout_ms);
	if (rc == 1 && heard.what == what && !strcmp(heard.key, key))
		return true;
	printf("# event %u of '%s' is wanted, %d (%s): %u of '%s', "
	       "sequence %" PRIu64 ", epoch %" PRIu64 ", changes %" PRIu64 "\n",
		what, key, rc, unit_errno(rc), heard.what, heard.key,
		heard.sequence, heard.epoch, heard.changes);
	return false;
}

bool
hear(spl_feed *f, uint32_t what, const char *key)
{
	return read_one(f, 0, what, key);
}

bool
hear_value(spl_feed *f, uint32_t what, const char *key, const char *text)
{
	if (!read_one(f, 0, what, key))
		return false;
	return heard.value && heard.len == strlen(text) &&
	       !memcmp(heard.value, text, heard.len);
}

bool
hear_soon(spl_feed *f, uint32_t what, const char *key)
{
	return read_one(f, SOON_MS, what, key);
}

bool
hear_nothing(spl_feed *f)
{
	memset(&heard, 0, sizeof heard);
	int rc = spl_feed_read(f, &heard, 1, 0);
	if (rc)
		printf("# nothing is wanted, %d (%s): %u of '%s'\n", rc,
			unit_errno(rc), heard.what, heard.key);
	return !rc;
}

bool
hear_readable(int fd, int timeout_ms)
{
	struct pollfd p = {fd, POLLIN, 0};

	return poll(&p, 1, timeout_ms) == 1 && p.revents == POLLIN;
}

bool
hear_end(spl_feed *f)
{
	return hear(f, SPL_SYNCED, "") && !heard.changes && hear_nothing(f);
}

void
hear_lap(spl_store *s, const char *key)
{
	for (uint64_t i = 0; i <= s->geo.feed_len; i++)
		unit_set(s, key, "");
}

bool
hear_missed(spl_feed *f, uint64_t count)
{
	if (!hear(f, SPL_MISSED, ""))
		return false;
	if (heard.changes != count)
		printf("# %llu missed, not %llu\n",
			(unsigned long long)heard.changes,
			(unsigned long long)count);
	return heard.changes == count && !heard.value;
}

struct spl_feed_stat
hear_info(spl_feed *f)
{
	struct spl_feed_stat stat;

	memset(&stat, 0xff, sizeof stat);
	spl_feed_info(f, &stat);
	return stat;
}

bool
hear_adds_up(spl_feed *f)
{
	struct spl_feed_stat stat = hear_info(f);

	return stat.seen + stat.missed == stat.sequence - stat.started;
}

void
until_expired(spl_store *s, const char *key)
{
	while (spl_get(s, key, NULL, 0, NULL) != -ENOENT)
		unit_moment();
}
