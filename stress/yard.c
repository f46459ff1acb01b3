/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "yard.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "signals.h"

#define SHM "/dev/shm"

/* Where the file of the store is. */
static char *
yard_path(const struct plan *plan)
{
	char *path = NULL;
	const char *dir = plan->kind == SPL_MEMORY ? SHM "/" : "";

	if (asprintf(&path, "%s%s", dir, plan->store) < 0)
		return NULL;
	return path;
}

/* As limits.md has it: what the store takes once every key is set. */
static uint64_t
store_size(const struct plan *plan)
{
	uint64_t block = (128 + plan->max_value + 63) & ~UINT64_C(63);
	uint64_t blocks = plan->keys + 3 * (plan->writers + 1);

	return blocks * block + plan->slots * 65;
}

static uint64_t
workers_size(const struct plan *plan)
{
	uint64_t each = plan->keys * sizeof(struct sight) + plan->max_value;

	return each * (plan_workers(plan) + 1);
}

static uint64_t
memory_free(void)
{
	unsigned long long kib;
	uint64_t bytes = UINT64_MAX;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	if (!f)
		return bytes;
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			bytes = kib << 10;
	fclose(f);
	return bytes;
}

/* What the file system takes that the store will be on. */
static uint64_t
room_for_store(const struct plan *plan)
{
	uint64_t room = UINT64_MAX;
	struct statvfs st;
	char *path = yard_path(plan), *slash;

	if (!path)
		return room;
	slash = strrchr(path, '/');
	if (slash)
		slash[slash == path] = '\0';
	if (!statvfs(slash ? path : ".", &st))
		room = (uint64_t)st.f_bavail * st.f_frsize;
	free(path);
	return room;
}

static bool
fits(const struct plan *plan, const char *what, uint64_t need, uint64_t room)
{
	if (need <= room)
		return true;
	plan_say(plan,
		"%" PRIu64 " keys of up to %" PRIu64 " bytes, %" PRIu64
		" slots and %" PRIu64 " workers need %" PRIu64 " MiB %s, where "
		"%" PRIu64 " MiB are free: give fewer --keys, --slots, "
		"--threads or --writers, or a smaller --max-value",
		plan->keys, plan->max_value, plan->slots,
		plan->readers + plan->writers, (need >> 20) + 1, what,
		room >> 20);
	return false;
}

/* Before anything is made: filling all memory would hurt others. */
static bool
has_room(const struct plan *plan)
{
	uint64_t store = store_size(plan), workers = workers_size(plan);
	bool memory = plan->kind == SPL_MEMORY;

	return fits(plan, memory ? "in " SHM : "on the disk", store,
		       room_for_store(plan)) &&
	       fits(plan, "of memory", memory ? store + workers : workers,
		       memory_free());
}

static int
say_not_made(const struct plan *plan, int code)
{
	bool memory = plan->kind == SPL_MEMORY;
	const char *ctl = memory ? "splinterctl" : "splinterpctl";

	if (code == -EEXIST)
		plan_say(plan,
			"'%s' exists already and is left alone: give another "
			"--store, or remove it first ('%s destroy %s' if it "
			"is a store)",
			plan->store, ctl, plan->store);
	else if (code == -ENOSPC)
		plan_say(plan,
			"store '%s' does not fit %s: give fewer --keys or "
			"--slots, or a smaller --max-value",
			plan->store, memory ? "into " SHM : "onto the disk");
	else if (code == -ENAMETOOLONG)
		plan_say(plan,
			"the name of the store is too long: give --store a "
			"shorter one");
	else if (code == -ENOENT)
		plan_say(plan,
			"cannot make store '%s': its directory is missing, or "
			"/proc: make or mount it",
			plan->store);
	else if (code == -EINVAL)
		plan_say(plan,
			"%" PRIu64 " slots of %" PRIu64
			" bytes are more than a store can have: give fewer "
			"--slots or a smaller --max-value",
			plan->slots, plan->max_value);
	else
		plan_say(plan,
			"cannot make store '%s': %s: give --store a name "
			"where you may make one",
			plan->store, strerror(-code));
	return EXIT_FAILED;
}

static int
create(struct yard *yard)
{
	const struct plan *plan = yard->plan;
	struct spl_options o;

	spl_options_init(&o);
	o.kind = plan->kind;
	o.writers = plan->entries;
	o.slots = plan->slots;
	o.max_value = plan->max_value;
	int rc = spl_create(plan->store, &o, &yard->store);
	return rc ? say_not_made(plan, rc) : EXIT_DONE;
}

int
yard_make(struct yard *yard, const struct plan *plan, struct share *share)
{
	*yard = (struct yard){.plan = plan};
	if (!has_room(plan))
		return EXIT_USAGE;
	int status = create(yard);
	if (status)
		return status;
	yard->leader = (struct worker){
		.plan = plan,
		.store = yard->store,
		.share = share,
		.tally = &share->tallies[plan_workers(plan)],
		.role = "the leader, as writer",
		.index = (uint32_t)plan->writers,
		.random = stamp_mix(plan->seed),
	};
	return EXIT_DONE;
}

void
yard_fill(struct yard *yard)
{
	struct worker *leader = &yard->leader;

	if (!work_begin(leader))
		return;
	for (uint64_t k = 0; k < yard->plan->keys; k++) {
		if (share_stopped(leader->share) ||
			(k % 1024 == 0 && signals_count()))
			return;
		work_write(leader, (uint32_t)k, false);
	}
	yard->full = !share_stopped(leader->share);
}

/* Sets a bit for each key that is listed. How many. */
static uint64_t
check_list(struct yard *yard, uint8_t *listed)
{
	struct share *share = yard->leader.share;
	struct spl_key_stat stat;
	spl_list *list;
	uint64_t count = 0;
	int rc = spl_list_begin(yard->store, NULL, NULL, &list);

	if (rc) {
		share_fail(
			share, "the keys cannot be listed: %s", strerror(-rc));
		return 0;
	}
	while ((rc = spl_list_next(list, &stat)) != 0) {
		uint32_t key = work_key_number(stat.key);
		uint8_t bit = (uint8_t)(1 << key % 8);
		count += rc > 0;
		if (rc < 0)
			share_fail(share, "a key cannot be listed: %s",
				strerror(-rc));
		else if (key >= yard->plan->keys)
			share_fail(share,
				"key %.63s is listed: nobody wrote it",
				stat.key);
		else if (listed[key / 8] & bit)
			share_fail(share, "key %s is listed twice", stat.key);
		else
			listed[key / 8] |= bit;
	}
	spl_list_end(list);
	return count;
}

/* What is counted beyond what is there, was lost by somebody who died. */
static void
check_count(struct yard *yard, uint64_t listed)
{
	struct spl_store_stat stat;
	int rc = spl_store_info(yard->store, &stat);

	if (rc || stat.keys != listed)
		share_fail(yard->leader.share,
			"the store counts %" PRIu64 " keys, but %" PRIu64
			" are there",
			rc ? 0 : stat.keys, listed);
}

/* Whole, and listed if and only if it is there. */
static void
check_key(struct yard *yard, uint32_t key, const uint8_t *listed)
{
	bool is_listed = listed[key / 8] >> key % 8 & 1;
	int rc = work_read(&yard->leader, key);
	char name[KEY_SIZE];

	yard->checked++;
	if ((!rc && is_listed) || (rc == -ENOENT && !is_listed) ||
		(rc && rc != -ENOENT))
		return; /* as it should be, or complained of already */
	work_key_name(name, key);
	share_fail(yard->leader.share, "key %s is %s, but %s", name,
		rc ? "absent" : "there", rc ? "listed" : "not listed");
}

/* Writing works at once, and what was written is what is read. */
static void
check_writing(struct yard *yard, uint32_t key)
{
	struct worker *leader = &yard->leader;
	const struct sight *sight = &leader->sights[key];
	uint64_t writes = tally_get(&leader->tally->writes);
	char name[KEY_SIZE];

	work_write(leader, key, !plan_key_stays(key));
	yard->rewritten++;
	const struct sight wrote = *sight;
	if (tally_get(&leader->tally->writes) == writes ||
		work_read(leader, key))
		return; /* complained of already */
	if (sight->writer == wrote.writer && sight->version == wrote.version)
		return;
	work_key_name(name, key);
	share_fail(leader->share,
		"key %s: a write was lost, version %" PRIu64
		" of writer %" PRIu32 " is still there",
		name, sight->version, sight->writer);
}

/* Opening for writing repairs whatever killed writers have left. */
static void
open_again(struct yard *yard)
{
	spl_store *again;
	int rc = spl_open_fd(spl_fd(yard->store), NULL, &again);

	if (rc) {
		share_fail(yard->leader.share, "the store cannot be opened: %s",
			strerror(-rc));
		return;
	}
	spl_close(yard->store);
	yard->store = again;
	yard->leader.store = again;
}

/* Nobody keeps it from being switched on any more. */
static void
check_vacuum(struct yard *yard)
{
	int rc = spl_set_auto_vacuum(yard->store, 1, NULL);

	if (rc || spl_auto_vacuum(yard->store) != 1)
		share_fail(yard->leader.share,
			"auto-vacuum cannot be switched on: %s", strerror(-rc));
}

static void
check_keys(struct yard *yard, const uint8_t *listed)
{
	enum { REWRITTEN_MOST = 1000 };
	int signals = signals_count();

	for (uint64_t k = 0; k < yard->plan->keys; k++) {
		if (k % 1024 == 1023 && signals_count() > signals)
			return;
		check_key(yard, (uint32_t)k, listed);
		if (k < REWRITTEN_MOST)
			check_writing(yard, (uint32_t)k);
	}
}

void
yard_check(struct yard *yard)
{
	size_t size = yard->plan->keys / 8 + 1;
	uint8_t *listed = calloc(size, 1);

	if (!listed) {
		share_error(yard->leader.share,
			"no memory to check the keys: give fewer --keys");
		return;
	}
	yard->leader.role = "the last check, as writer";
	yard->leader.alone = true;
	check_list(yard, listed);
	check_keys(yard, listed);
	if (yard->plan->toggle_vacuum)
		check_vacuum(yard);
	open_again(yard);
	memset(listed, 0, size);
	check_count(yard, check_list(yard, listed));
	free(listed);
}

static void
say_kept(const struct plan *plan)
{
	const char *ctl =
		plan->kind == SPL_MEMORY ? "splinterctl" : "splinterpctl";

	plan_say(plan,
		"kept store '%s': look at it with '%s --use %s list', remove "
		"it with '%s destroy %s'",
		plan->store, ctl, plan->store, ctl, plan->store);
}

static int
unlink_file(const struct plan *plan)
{
	char *path = yard_path(plan);
	int rc = !path ? -ENOMEM : unlink(path) ? -errno : 0;

	free(path);
	return rc;
}

/* Still the file that we made, and not another of the same name. */
static bool
is_ours(const struct yard *yard)
{
	struct stat ours, there;
	char *path = yard_path(yard->plan);
	bool same = path && !fstat(spl_fd(yard->store), &ours) &&
		    !lstat(path, &there) && ours.st_dev == there.st_dev &&
		    ours.st_ino == there.st_ino;

	free(path);
	return same;
}

void
yard_remove(const struct yard *yard)
{
	const struct plan *plan = yard->plan;

	if (plan->keep) {
		say_kept(plan);
		return;
	}
	if (!is_ours(yard)) {
		plan_say(plan,
			"somebody else has removed or replaced store '%s': "
			"what bears its name now, if anything, is left alone",
			plan->store);
		return;
	}
	int rc = spl_destroy(plan->store, plan->kind);
	/* Ours, but it does not look like a store any more. */
	if (rc == -EBADMSG)
		rc = unlink_file(plan);
	if (rc)
		plan_say(plan,
			"cannot remove store '%s': %s: remove its file with rm",
			plan->store, strerror(-rc));
}

void
yard_leave(struct yard *yard)
{
	yard_remove(yard);
	work_end(&yard->leader);
	spl_close(yard->store);
	yard->store = NULL;
}
