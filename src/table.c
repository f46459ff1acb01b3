/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

int
spli_key_make(struct spli_key *key, const char *text)
{
	uint64_t hash = SPLI_HASH_START;
	unsigned len = 0;

	if (!text || !*text)
		return -EINVAL;
	/* Length and hash in one pass: the multiply hides the rest. */
	for (; text[len]; len++) {
		if (len == SPL_KEY_MAX)
			return -ENAMETOOLONG;
		hash = spli_hash_step(hash, (uint8_t)text[len]);
	}
	*key = (struct spli_key){text, hash, len};
	return 0;
}

static uint64_t
at_distance(const spl_store *s, uint64_t home, uint64_t distance)
{
	uint64_t slot = home + distance;

	return slot < s->geo.entries ? slot : slot - s->geo.entries;
}

int
spli_table_look(const spl_store *s, uint64_t slot, const struct spli_key *key,
	struct spli_spot *spot)
{
	const struct spli_entry *entry = &s->table[slot];
	uint64_t first = 0;

	for (unsigned i = 0; i < SPLI_TRIES; i++) {
		/* R1: acquire, pairs with W3. */
		uint64_t word = spli_load_acquire(&entry->word);
		uint64_t id = spli_word_block(s, word);
		if (!id)
			return 0;
		struct spli_block *block = spli_block(s, id);
		/* R2: relaxed is enough, R1 has acquired what W3 published. */
		if (block && spli_block_holds(s, block, slot, word)) {
			if (!key || spli_block_has_key(block, key)) {
				*spot = (struct spli_spot){slot, word, block};
				return 1;
			}
			/* R3, T3: pairs with W1. */
			spli_fence_acquire();
			if (spli_block_holds(s, block, slot, word))
				return 0;
		}
		if (i == 0)
			first = word;
		else if (word != first)
			first = 0;
	}
	/* The same word all the time is no rival's doing: it is broken. */
	return first ? -EBADMSG : -EAGAIN;
}

int
spli_table_find(
	const spl_store *s, const struct spli_key *key, struct spli_spot *spot)
{
	uint64_t home = spli_hash_home(key->hash, s->geo.entries);
	/* Relaxed, as hash below: T1's stores precede the word's release, and
	 * who knows of the key has acquired that one, by whatever way. */
	uint64_t reach = spli_load(&s->table[home].reach);

	if (reach > s->geo.entries)
		reach = s->geo.entries;
	for (uint64_t d = 0; d < reach; d++) {
		uint64_t slot = at_distance(s, home, d);
		if (spli_load(&s->table[slot].hash) != key->hash)
			continue;
		int rc = spli_table_look(s, slot, key, spot);
		if (rc)
			return rc < 0 ? rc : 0;
	}
	return -ENOENT;
}

int
spli_table_place(const spl_store *s, const struct spli_key *key, uint64_t *slot)
{
	uint64_t home = spli_hash_home(key->hash, s->geo.entries);
	uint64_t reach = spli_load(&s->table[home].reach);
	bool found = false;

	/* The key's former entry if it still stands, else the first empty. */
	for (uint64_t d = 0; d < s->geo.entries && (d < reach || !found); d++) {
		uint64_t at = at_distance(s, home, d);
		const struct spli_entry *entry = &s->table[at];
		if (spli_word_block(s, spli_load(&entry->word)))
			continue;
		bool former = spli_load(&entry->hash) == key->hash;
		if (found && !former)
			continue;
		*slot = at;
		found = true;
		if (former)
			break;
	}
	/* Half of the entries are empty, unless somebody scribbled. */
	return found ? 0 : -EBADMSG;
}

void
spli_table_claim(spl_store *s, const struct spli_key *key, uint64_t slot)
{
	uint64_t home = spli_hash_home(key->hash, s->geo.entries);
	uint64_t distance = slot - home;
	uint32_t *reach = &s->table[home].reach;

	if (slot < home)
		distance += s->geo.entries;
	if (spli_load(reach) < distance + 1)
		spli_store_release(reach, (uint32_t)distance + 1);
	spli_store_release(&s->table[slot].hash, key->hash);
}

void
spli_table_settle(spl_store *s, uint64_t hash)
{
	uint64_t home = spli_hash_home(hash, s->geo.entries);
	uint32_t *stored = &s->table[home].reach;
	uint64_t reach = spli_load(stored);

	if (reach > s->geo.entries)
		reach = s->geo.entries;
	for (; reach; reach--) {
		const struct spli_entry *entry =
			&s->table[at_distance(s, home, reach - 1)];
		if (spli_word_block(s, spli_load(&entry->word)) &&
			spli_hash_home(spli_load(&entry->hash),
				s->geo.entries) == home)
			break;
	}
	spli_store_release(stored, (uint32_t)reach);
}
