/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_filter.c - which keys a list or a feed is about. The input becomes a
 * pattern that is known to be right, a prefix and keys; what passes is
 * compared with a matcher that keeps the set of all places where a match may
 * be. Then the input's own bytes are a pattern: that must not crash.
 */
#include <errno.h>

#include "filter.h"
#include "fuzz.h"

enum {
	/* Few: regcomp() copies what is repeated, and again within. */
	NODES = 10,
	DEPTH = 2, /* of groups */
	KEY_MAX = 16,
	KEYS = 4,
	RAW_MAX = 32, /* back-references take long */
	RAW_PLUS = 8, /* each copies what it repeats, at worst all before */
	FOR_EVER = 99
};

/* Most are about these, so that some keys match. */
static const char letters[] = "abc-";

struct node {
	enum { ANY, LETTER, SET, BEGIN, END, GROUP } what;
	char letter; /* LETTER; the first and last of a SET: */
	char last;
	bool negated;
	unsigned least, most; /* how often */
	struct node *next; /* behind it */
	struct node *child; /* GROUP: its first branch, */
	struct node *branch; /* and from that the others */
};

struct source {
	const uint8_t *bytes;
	size_t len, at;
	struct node nodes[NODES];
	size_t used;
	unsigned anchors; /* nodes that are one */
};

static unsigned
choice(struct source *s, unsigned n)
{
	return s->at < s->len ? s->bytes[s->at++] % n : 0;
}

/* --- Patterns ----------------------------------------------------------- */

static struct node *branches(struct source *s, unsigned depth);

static void
repeat(struct source *s, struct node *n)
{
	n->least = n->most = 1;
	switch (choice(s, 12)) {
	case 0:
		n->least = 0;
		n->most = FOR_EVER;
		break;
	case 1:
		n->most = FOR_EVER;
		break;
	case 2:
		n->least = 0;
		break;
	case 3:
		n->least = choice(s, 3);
		n->most = n->least + choice(s, 2);
		break;
	case 4:
		n->least = choice(s, 3);
		n->most = FOR_EVER;
		break;
	default:
		break;
	}
	/* No times at all is a matter of taste. */
	if (!n->most)
		n->most = 1;
}

/* Null: there are no more. */
static struct node *
piece(struct source *s, unsigned depth)
{
	if (s->used == NODES)
		return NULL;
	struct node *n = &s->nodes[s->used++];
	unsigned what = choice(s, 16), anchors = s->anchors;

	*n = (struct node){.what = LETTER, .least = 1, .most = 1};
	n->letter = letters[choice(s, 4)];
	if (what == 0) {
		n->what = choice(s, 2) ? BEGIN : END;
		s->anchors++;
		return n;
	}
	if (what < 3) {
		n->what = ANY;
	} else if (what < 6) {
		n->what = SET;
		n->letter = "ab"[choice(s, 2)];
		n->last = "bc"[choice(s, 2)];
		n->negated = choice(s, 2);
	} else if (what < 8 && depth < DEPTH) {
		struct node *child = branches(s, depth + 1);
		if (child) {
			n->what = GROUP;
			n->child = child;
		}
	}
	/* glibc's (2.36) takes aa for (^a){2}, and for (a$){2}. */
	if (s->anchors == anchors)
		repeat(s, n);
	return n;
}

/* Pieces, one behind the other. */
static struct node *
sequence(struct source *s, unsigned depth)
{
	struct node *first = piece(s, depth), *last = first;

	while (last && choice(s, 3)) {
		last->next = piece(s, depth);
		last = last->next;
	}
	return first;
}

static struct node *
branches(struct source *s, unsigned depth)
{
	struct node *first = sequence(s, depth), *last = first;

	while (last && !choice(s, 4)) {
		last->branch = sequence(s, depth);
		last = last->branch;
	}
	return first;
}

static void
write_branches(FILE *file, const struct node *first)
{
	for (const struct node *b = first; b; b = b->branch) {
		if (b != first)
			fputc('|', file);
		for (const struct node *n = b; n; n = n->next) {
			if (n->what == GROUP) {
				fputc('(', file);
				write_branches(file, n->child);
				fputc(')', file);
			} else if (n->what == SET) {
				fprintf(file, "[%s%c-%c]",
					n->negated ? "^" : "", n->letter,
					n->last);
			} else {
				fputc(n->what == ANY	   ? '.'
					: n->what == BEGIN ? '^'
					: n->what == END   ? '$'
							   : n->letter,
					file);
			}
			if (n->most == FOR_EVER)
				fprintf(file, "{%u,}", n->least);
			else if (n->least != 1 || n->most != 1)
				fprintf(file, "{%u,%u}", n->least, n->most);
		}
	}
}

/* --- The reference: places are bits ------------------------------------- */

static uint64_t match_branches(
	const struct node *first, const char *key, uint64_t places);

static bool
fits(const struct node *n, char c)
{
	if (n->what == SET)
		return (c >= n->letter && c <= n->last) != n->negated;
	return n->what == ANY || c == n->letter;
}

/* Where one may be behind @n once, from any of @places. */
static uint64_t
match_once(const struct node *n, const char *key, uint64_t places)
{
	size_t len = strlen(key);
	uint64_t behind = 0;

	if (n->what == GROUP)
		return match_branches(n->child, key, places);
	if (n->what == BEGIN)
		return places & 1;
	if (n->what == END)
		return places & UINT64_C(1) << len;
	for (size_t i = 0; i < len; i++)
		if (places >> i & 1 && fits(n, key[i]))
			behind |= UINT64_C(2) << i;
	return behind;
}

static uint64_t
match_piece(const struct node *n, const char *key, uint64_t places)
{
	for (unsigned i = 0; i < n->least; i++)
		places = match_once(n, key, places);
	uint64_t now = places;
	/* (More often than there are places brings no new one.) */
	for (unsigned i = n->least; i < n->most && now; i++) {
		now = match_once(n, key, now) & ~places;
		places |= now;
	}
	return places;
}

static uint64_t
match_branches(const struct node *first, const char *key, uint64_t places)
{
	uint64_t all = 0;

	for (const struct node *b = first; b; b = b->branch) {
		uint64_t some = places;
		for (const struct node *n = b; n; n = n->next)
			some = match_piece(n, key, some);
		all |= some;
	}
	return all;
}

/* --- Properties --------------------------------------------------------- */

static void
take_key(struct source *s, char key[KEY_MAX + 1], unsigned most)
{
	unsigned len = choice(s, most + 1);

	for (unsigned i = 0; i < len; i++)
		key[i] = letters[choice(s, 4)];
	key[len] = '\0';
}

static void
check_pattern(struct source *s)
{
	struct node *root = branches(s, 0);
	char prefix[KEY_MAX + 1], key[KEY_MAX + 1];
	struct spli_filter filter;
	char *pattern = NULL;
	size_t len;
	FILE *file = open_memstream(&pattern, &len);

	EXPECT(file && root);
	write_branches(file, root);
	fclose(file);
	take_key(s, prefix, 3);
	bool given = choice(s, 2);
	EXPECT(!spli_filter_make(&filter, given ? prefix : NULL, pattern));
	for (int i = 0; i < KEYS; i++) {
		take_key(s, key, KEY_MAX);
		size_t keys = strlen(key);
		bool begins =
			!given || (strlen(prefix) <= keys &&
					  !memcmp(key, prefix, strlen(prefix)));
		uint64_t all = UINT64_MAX >> (63 - keys);
		bool matches = match_branches(root, key, all) != 0;
		if (spli_filter_passes(&filter, key) != (begins && matches))
			dprintf(2, "fuzz: pattern %s, prefix %s, key %s\n",
				pattern, given ? prefix : "none", key);
		EXPECT(spli_filter_passes(&filter, key) == (begins && matches));
	}
	spli_filter_free(&filter);
	free(pattern);
}

static void
check_raw(const uint8_t *data, size_t size)
{
	char *pattern = fuzz_string(data, size < RAW_MAX ? size : RAW_MAX);
	struct spli_filter filter;

	unsigned plus = 0;

	for (const char *p = pattern; *p; p++)
		plus += *p == '+';
	/* A repetition may take all memory, which is not ours to mend. */
	if (!strchr(pattern, '{') && plus <= RAW_PLUS) {
		int rc = spli_filter_make(&filter, pattern, pattern);
		EXPECT(!rc || rc == -EINVAL);
		if (!rc) {
			spli_filter_passes(&filter, "aab-ab");
			spli_filter_passes(&filter, pattern);
			spli_filter_free(&filter);
		}
	}
	free(pattern);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source s = {.bytes = data, .len = size};

	check_pattern(&s);
	check_raw(data, size);
	return 0;
}
