/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratchpad.c - a scratchpad that does not leak old text into new.
 *
 * A model appends token after token to a key, then replaces the text. With
 * auto-vacuum, which is on in a new store, the old text is then nowhere in
 * the region; to show it, the whole region is searched.
 *
 *   cc scratchpad.c -o scratchpad $(pkg-config --cflags --libs splinter)
 */
#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <spl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static const char *const PAD = "scratchpad";
static const char *const THOUGHT = "the user's password is swordfish";
static const char *const ANSWER = "I cannot tell you that.";

/* How often @text stands in the @size bytes of the region. */
static unsigned
count(const char *region, size_t size, const char *text)
{
	const char *at = region, *end = region + size;
	unsigned found = 0;

	while ((at = memmem(at, (size_t)(end - at), text, strlen(text)))) {
		found++;
		at++;
	}
	return found;
}

/* Append the words of @text one by one, as a model gives them out. */
static int
stream(spl_store *store, const char *text)
{
	int rc = spl_set(store, PAD, NULL, 0);

	while (!rc && *text) {
		size_t token = strcspn(text, " ");
		token += strspn(text + token, " ");
		rc = spl_append(store, PAD, text, token, NULL);
		text += token;
	}
	return rc;
}

static int
think_and_answer(spl_store *store, const char *region, size_t size)
{
	int rc = stream(store, THOUGHT);

	if (rc)
		return rc;
	printf("  as a value:  found %u time(s)\n",
		count(region, size, THOUGHT));
	rc = spl_set(store, PAD, ANSWER, strlen(ANSWER));
	if (rc)
		return rc;
	printf("  overwritten: found %u time(s)\n",
		count(region, size, THOUGHT));
	return 0;
}

static int
show(spl_store *store, const char *region, size_t size)
{
	int rc;

	printf("auto-vacuum on, as in every new store\n");
	rc = think_and_answer(store, region, size);
	if (rc)
		return rc;
	printf("auto-vacuum off\n");
	rc = spl_set_auto_vacuum(store, 0, NULL);
	if (!rc)
		rc = think_and_answer(store, region, size);
	if (rc)
		return rc;
	rc = spl_set_auto_vacuum(store, 1, NULL);
	if (!rc)
		printf("switched on again\n  at once:     found %u time(s)\n",
			count(region, size, THOUGHT));
	return rc;
}

int
main(void)
{
	struct spl_options options;
	struct spl_store_stat stat;
	spl_store *store = NULL;
	void *region = MAP_FAILED;
	int rc;

	/* A memfd: gone when this program ends, however it does. */
	spl_options_init(&options);
	options.kind = SPL_MEMFD;
	options.slots = 16;
	rc = spl_create("scratchpad", &options, &store);
	if (!rc)
		rc = spl_store_info(store, &stat);
	if (!rc) {
		region = mmap(NULL, stat.size, PROT_READ, MAP_SHARED,
			spl_fd(store), 0);
		rc = region == MAP_FAILED ? -errno
					  : show(store, region, stat.size);
	}
	if (rc)
		fprintf(stderr, "scratchpad: %s\n", strerror(-rc));
	if (region != MAP_FAILED)
		munmap(region, stat.size);
	spl_close(store);
	return rc != 0;
}
