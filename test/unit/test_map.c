/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - geometry, the header, and what counts as a store.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "map.h"
#include "unit.h"

static int
make(uint64_t slots, uint64_t max_value, uint64_t writers, uint64_t ring,
	uint64_t feed_len)
{
	struct spli_geometry g;

	return spli_geometry_make(
		&g, slots, max_value, writers, ring, feed_len);
}

static void
geometry_has_bounds(void)
{
	CHECK_RC(make(1, 1, 1, 1, 1024), 0);
	CHECK_RC(make(1 << 30, UINT32_MAX, 1024, 32, 65536), 0);
	CHECK_RC(make(0, 1, 1, 1, 1024), -EINVAL);
	CHECK_RC(make((1 << 30) + 1, 1, 1, 1, 1024), -EINVAL);
	CHECK_RC(make(UINT64_MAX, 1, 1, 1, 1024), -EINVAL);
	CHECK_RC(make(UINT64_MAX / 2 + 1, 1, 1, 1, 1024), -EINVAL);
	CHECK_RC(make(1, 0, 1, 1, 1024), -EINVAL);
	CHECK_RC(make(1, UINT64_C(1) << 32, 1, 1, 1024), -EINVAL);
	CHECK_RC(make(1, UINT64_MAX, 1, 1, 1024), -EINVAL);
	CHECK_RC(make(1, UINT64_MAX - 127, 1, 1, 1024), -EINVAL);
	CHECK_RC(make(1, 1, 0, 1, 1024), -EINVAL);
	CHECK_RC(make(1, 1, 1025, 1, 1024), -EINVAL);
	CHECK_RC(make(1, 1, UINT64_MAX, 1, 1024), -EINVAL);
	CHECK_RC(make(1, 1, 1, 0, 1024), -EINVAL);
	CHECK_RC(make(1, 1, 1, 33, 1024), -EINVAL);
	CHECK_RC(make(1, 1, 1, 1, 0), -EINVAL);
	CHECK_RC(make(1, 1, 1, 1, 1025), -EINVAL);
	CHECK_RC(make(1, 1, 1, 1, 512), -EINVAL);
	CHECK_RC(make(1, 1, 1, 1, 1 << 17), -EINVAL);
}

/* Sections one after the other, on pages, large enough, and no more. */
static bool
consistent(const struct spli_geometry *g)
{
	uint64_t off[] = {SPLI_PAGE, g->table_off, g->writers_off, g->pool_off,
		g->feed_off, g->blocks_off, g->size};
	uint64_t len[] = {0, g->entries * 32, g->writers * 256,
		(g->blocks + 63) / 64 * 8, 64 + g->feed_len * 8,
		g->blocks * g->stride};

	for (size_t i = 0; i < 6; i++)
		if (off[i + 1] % SPLI_PAGE || off[i + 1] < off[i] + len[i] ||
			off[i + 1] - off[i] - len[i] >= SPLI_PAGE)
			return false;
	unsigned id_bits = 64 - g->generation_bits;
	return g->table_off == SPLI_PAGE && g->entries == 2 * g->slots &&
	       g->blocks == g->slots + g->writers * g->ring &&
	       g->stride % 64 == 0 && g->stride >= 128 + g->max_value &&
	       g->stride < 128 + g->max_value + 64 &&
	       g->generation_bits >= 32 && g->entries >> id_bits == 0 &&
	       g->blocks >> id_bits == 0;
}

static void
geometry_is_consistent(void)
{
	static const uint64_t slots[] = {1, 2, 3, 63, 64, 65, 1023, 1024, 32765,
		65536, 1 << 20, (1 << 30) - 1, 1 << 30};
	static const uint64_t values[] = {
		1, 63, 64, 65, 4096, 1 << 20, UINT32_MAX - 1, UINT32_MAX};
	unsigned wrong = 0, tried = 0;

	for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
		for (size_t j = 0; j < sizeof values / sizeof *values; j++)
			for (uint64_t w = 1; w <= 1024; w *= 4, tried++) {
				struct spli_geometry g;
				wrong += spli_geometry_make(&g, slots[i],
						 values[j], w, 3, 1024) ||
					 !consistent(&g);
			}
	CHECK(!wrong, "%u geometries are consistent", tried);
}

/* A name as long as a path may be, and one byte longer. */
static void
paths_have_bounds(void)
{
	char name[PATH_MAX + 1], path[PATH_MAX + 2];

	memset(name, 'n', sizeof name);
	memset(path, 'p', sizeof path);
	name[PATH_MAX] = '\0';
	CHECK_RC(spli_map_path(path, name, SPL_FILE), -ENAMETOOLONG);
	name[PATH_MAX - 1] = '\0';
	CHECK_RC(spli_map_path(path, name, SPL_FILE), 0);
	CHECK(!strcmp(path, name) && path[PATH_MAX] == 'p',
		"a path, and nothing behind it");
}

/* The file of a closed store, for reading and writing. */
static int
file_of(const char *name)
{
	int fd = open(unit_path(name), O_RDWR | O_CLOEXEC);

	if (fd < 0)
		abort();
	return fd;
}

static int
try_open(const char *name)
{
	struct spl_options o = unit_options(TEST_KIND, 1, 1);
	spl_store *s = NULL;
	int rc = spl_open(name, &o, &s);

	if (!rc)
		spl_close(s);
	else if (s)
		return 1; /* a handle in spite of the error */
	return rc;
}

static const char *
closed_store(void)
{
	struct spl_options o = unit_options(TEST_KIND, 10, 100);
	const char *name = unit_name();
	spl_store *s;

	if (spl_create(name, &o, &s))
		abort();
	unit_set(s, "key", "value");
	spl_close(s);
	return name;
}

static void
every_flipped_bit_is_noticed(void)
{
	const char *name = closed_store();
	int fd = file_of(name);
	unsigned unnoticed = 0;

	for (off_t i = 0; i < (off_t)offsetof(struct spli_header, pad0); i++)
		for (unsigned bit = 0; bit < 9; bit++) {
			uint8_t byte, was;
			if (pread(fd, &was, 1, i) != 1)
				abort();
			byte = (uint8_t)(bit < 8 ? was ^ 1 << bit : ~was);
			if (pwrite(fd, &byte, 1, i) != 1)
				abort();
			int rc = try_open(name);
			if (rc != -EBADMSG && rc != -EPROTONOSUPPORT) {
				printf("# byte %d bit %u: %s\n", (int)i, bit,
					unit_errno(rc));
				unnoticed++;
			}
			if (pwrite(fd, &was, 1, i) != 1)
				abort();
		}
	CHECK(!unnoticed, "no bit of the header's fixed part can flip unseen");
	CHECK_RC(try_open(name), 0);
	close(fd);
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
}

/* Write a changed header with the checksum that fits it, open, restore. */
static int
open_resealed(const char *name, void (*change)(struct spli_header *))
{
	int fd = file_of(name);
	struct spli_header was, h;

	if (pread(fd, &was, sizeof was, 0) != sizeof was)
		abort();
	h = was;
	change(&h);
	h.checksum = spli_hash(&h, offsetof(struct spli_header, checksum));
	if (pwrite(fd, &h, sizeof h, 0) != sizeof h)
		abort();
	int rc = try_open(name);
	if (pwrite(fd, &was, sizeof was, 0) != sizeof was)
		abort();
	close(fd);
	return rc;
}

#define CHANGE(name, what)                                                     \
	static void name(struct spli_header *h)                                \
	{                                                                      \
		what;                                                          \
	}
CHANGE(nothing, (void)h)
CHANGE(next_minor, h->version++)
CHANGE(next_major, h->version += 1 << 16)
CHANGE(major_zero, h->version = 0)
CHANGE(other_order, h->byte_order = __builtin_bswap32(h->byte_order))
CHANGE(other_magic, h->magic++)
CHANGE(swapped_magic, h->magic = __builtin_bswap32(h->magic))
CHANGE(a_feature, h->features |= 4)
CHANGE(more_slots, h->slots += 1000)
CHANGE(no_slots, h->slots = 0)
CHANGE(all_slots, h->slots = UINT64_MAX)
CHANGE(larger_values, h->max_value += 64)
CHANGE(no_values, h->max_value = 0)
CHANGE(more_writers, h->writers = 128)
CHANGE(a_large_ring, h->ring = 33)
CHANGE(an_odd_feed, h->feed_len = 1500)
CHANGE(table_elsewhere, h->table_off += 4096)
CHANGE(writers_elsewhere, h->writers_off = 0)
CHANGE(pool_elsewhere, h->pool_off = UINT64_MAX)
CHANGE(feed_elsewhere, h->feed_off++)
CHANGE(blocks_elsewhere, h->blocks_off -= 64)
CHANGE(other_size, h->size += 4096)

static void
a_resealed_header_is_examined(void)
{
	const char *n = closed_store();

	CHECK_RC(open_resealed(n, nothing), 0);
	CHECK_RC(open_resealed(n, next_minor), 0);
	CHECK_RC(open_resealed(n, next_major), -EPROTONOSUPPORT);
	CHECK_RC(open_resealed(n, major_zero), -EPROTONOSUPPORT);
	CHECK_RC(open_resealed(n, other_order), -EPROTONOSUPPORT);
	CHECK_RC(open_resealed(n, swapped_magic), -EPROTONOSUPPORT);
	CHECK_RC(open_resealed(n, a_feature), -EPROTONOSUPPORT);
	CHECK_RC(open_resealed(n, other_magic), -EBADMSG);
	CHECK_RC(open_resealed(n, more_slots), -EBADMSG);
	CHECK_RC(open_resealed(n, no_slots), -EBADMSG);
	CHECK_RC(open_resealed(n, all_slots), -EBADMSG);
	CHECK_RC(open_resealed(n, larger_values), -EBADMSG);
	CHECK_RC(open_resealed(n, no_values), -EBADMSG);
	CHECK_RC(open_resealed(n, more_writers), -EBADMSG);
	CHECK_RC(open_resealed(n, a_large_ring), -EBADMSG);
	CHECK_RC(open_resealed(n, an_odd_feed), -EBADMSG);
	CHECK_RC(open_resealed(n, table_elsewhere), -EBADMSG);
	CHECK_RC(open_resealed(n, writers_elsewhere), -EBADMSG);
	CHECK_RC(open_resealed(n, pool_elsewhere), -EBADMSG);
	CHECK_RC(open_resealed(n, feed_elsewhere), -EBADMSG);
	CHECK_RC(open_resealed(n, blocks_elsewhere), -EBADMSG);
	CHECK_RC(open_resealed(n, other_size), -EBADMSG);
	CHECK_RC(spl_destroy(n, TEST_KIND), 0);
}

static void
sizes_have_to_fit(void)
{
	const char *name = closed_store();
	int fd = file_of(name);
	struct spli_header h;

	if (pread(fd, &h, sizeof h, 0) != sizeof h)
		abort();
	off_t size = (off_t)h.size;
	const off_t wrong[] = {size + 1, size + SPLI_PAGE, 2 * size, size - 1,
		size - SPLI_PAGE, (off_t)h.blocks_off, 4096, 512, 511, 144, 4,
		3, 1, 0};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		if (ftruncate(fd, wrong[i]))
			abort();
		int rc = try_open(name);
		CHECK(rc == -EBADMSG, "%lld bytes instead of %lld: %s",
			(long long)wrong[i], (long long)size, unit_errno(rc));
		/* Its head is lost for good below a page. */
		if (pwrite(fd, &h, sizeof h, 0) != sizeof h)
			abort();
	}
	if (ftruncate(fd, size))
		abort();
	CHECK_RC(try_open(name), 0);
	close(fd);
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
}

static void
other_files_are_no_stores(void)
{
	const char *name = unit_name();
	int fd = open(
		unit_path(name), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	char zeros[8192] = {0};

	CHECK_RC(try_open(name), -EBADMSG);
	CHECK_RC(spl_destroy(name, TEST_KIND), -EBADMSG);
	if (write(fd, "SPL", 3) != 3)
		abort();
	CHECK_RC(spl_destroy(name, TEST_KIND), -EBADMSG);
	if (write(fd, zeros, sizeof zeros) != sizeof zeros)
		abort();
	CHECK_RC(try_open(name), -EBADMSG);
	CHECK_RC(spl_destroy(name, TEST_KIND), -EBADMSG);
	if (pwrite(fd, "#!/bin/sh\n", 10, 0) != 10)
		abort();
	CHECK_RC(try_open(name), -EBADMSG);
	CHECK_RC(spl_destroy(name, TEST_KIND), -EBADMSG);
	/* As little as the first bytes of a store can be taken away. */
	if (pwrite(fd, "SPLN", 4, 0) != 4 || ftruncate(fd, 4))
		abort();
	CHECK_RC(try_open(name), -EBADMSG);
	CHECK_RC(spl_destroy(name, TEST_KIND), 0);
	CHECK(access(unit_path(name), F_OK), "what is destroyed is gone");
	close(fd);
}

static void
a_new_file_is_as_asked(void)
{
	struct spl_options o = unit_options(TEST_KIND, 10, 100);
	struct spl_store_stat info;
	struct stat st;

	o.mode = 0757;
	mode_t mask = umask(077);
	spl_store *s = unit_store_with(&o);
	umask(mask);
	CHECK(!fstat(spl_fd(s), &st) && (st.st_mode & 07777) == 0757,
		"a store has the mode asked for, whatever the umask");
	CHECK_RC(spl_store_info(s, &info), 0);
	CHECK((uint64_t)st.st_size == info.size, "size is the file's size");
	CHECK(info.reserved_size < info.size, "not all of it is reserved");
	CHECK((uint64_t)st.st_blocks * 512 >= info.reserved_size,
		"what is called reserved is");
	CHECK(fcntl(spl_fd(s), F_GETFD) & FD_CLOEXEC,
		"the descriptor closes on exec");
	CHECK(st.st_nlink == 1, "it has one name");
	unit_drop(s);
	s = unit_store(TEST_KIND, 10, 100);
	CHECK(!fstat(spl_fd(s), &st) && (st.st_mode & 07777) == 0600,
		"0600 unless asked");
	unit_drop(s);
}

/* What is checked at opening is computed again, so that both could be wrong. */
static void
the_header_says_it_all(void)
{
	spl_store *s = unit_store(TEST_KIND, 100, 1000);
	const struct spli_geometry *g = &s->geo;
	const struct spli_header *h = s->header;

	CHECK(h->magic == 0x4e4c5053 && h->version == 2 << 16 &&
			h->byte_order == 0x01020304 && h->header_len == 512,
		"magic, version, byte order and length of the header");
	CHECK(h->slots == 100 && h->max_value == 1000 && h->writers == 64 &&
			h->ring == 3 && h->feed_len == 1024,
		"what was asked for, and what is usual");
	CHECK(h->table_off == 4096 && h->table_off == g->table_off &&
			h->writers_off == 4096 + 2 * 4096 &&
			h->writers_off == g->writers_off &&
			h->pool_off == h->writers_off + 64 * 256 &&
			h->pool_off == g->pool_off &&
			h->feed_off == h->pool_off + 4096 &&
			h->feed_off == g->feed_off,
		"where table, writers, pool and feed are");
	CHECK(h->blocks_off == h->feed_off + 3 * 4096 &&
			h->blocks_off == g->blocks_off && h->size == g->size &&
			h->size >= h->blocks_off + 292 * UINT64_C(1152) &&
			h->size < h->blocks_off + 292 * UINT64_C(1152) + 4096,
		"where the blocks are, and where they end");
	unit_drop(s);
}

static void
prefault_reserves_all(uint32_t kind)
{
	struct spl_options o = unit_options(kind, 100, 1000);
	struct spl_store_stat info;
	struct stat st;

	o.flags = SPL_PREFAULT;
	spl_store *s = unit_store_with(&o);
	CHECK_RC(spl_store_info(s, &info), 0);
	CHECK(!fstat(spl_fd(s), &st) &&
			(uint64_t)st.st_blocks * 512 >= info.size,
		"a prefaulted store has all of its memory");
	CHECK(info.size - info.reserved_size < SPLI_PAGE, "and says so");
	CHECK_RC(unit_set(s, "k", "v"), 0);
	spl_store *again = unit_again(s, SPL_PREFAULT | SPL_READ_ONLY);
	CHECK(unit_is(again, "k", "v"), "it is opened with prefaulting, too");
	spl_close(again);
	CHECK(!unit_misplaced(s), "its blocks are accounted for");
	unit_drop(s);
}

/* How many pages of a mapping have been touched, in it. */
static uint64_t
pages_there(const void *map, uint64_t size)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), count = 0, entry;
	uint64_t first = (uintptr_t)map / page;

	for (uint64_t i = first; i < first + size / page; i++)
		if (pread(fd, &entry, 8, (off_t)i * 8) == 8)
			count += entry >> 63;
	close(fd);
	return count;
}

/* Not under an emulator, nor where the kernel is too old. */
static bool
pages_are_told(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map = mmap(
		NULL, 2 * page, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool told = !pages_there(map, 2 * page) &&
		    !madvise(map, page, MADV_POPULATE_READ) &&
		    pages_there(map, 2 * page) == 1;

	munmap(map, 2 * page);
	return told;
}

static bool
mostly_there(const spl_store *s)
{
	uint64_t all = s->geo.size / (uint64_t)sysconf(_SC_PAGESIZE);

	return pages_there(s->header, s->geo.size) > all / 2;
}

static void
prefault_touches_all(uint32_t kind)
{
	struct spl_options o = unit_options(kind, 2000, 4096);

	if (!pages_are_told()) {
		unit_skip("prefaulting", "no kernel that does it, and says so");
		return;
	}
	o.flags = SPL_PREFAULT;
	spl_store *s = unit_store_with(&o);
	CHECK(mostly_there(s), "what is created so has been touched");
	spl_store *again = unit_again(s, SPL_PREFAULT | SPL_READ_ONLY);
	CHECK(mostly_there(again), "what is opened so, too");
	spl_close(again);
	again = unit_again(s, SPL_READ_ONLY);
	CHECK(!mostly_there(again), "else only what was used");
	spl_close(again);
	unit_drop(s);
}

void
test_map(void)
{
	geometry_has_bounds();
	geometry_is_consistent();
	paths_have_bounds();
	every_flipped_bit_is_noticed();
	a_resealed_header_is_examined();
	sizes_have_to_fit();
	other_files_are_no_stores();
	a_new_file_is_as_asked();
	the_header_says_it_all();
	for (int i = 0; i < 2; i++) {
		prefault_reserves_all(unit_kinds[i]);
		prefault_touches_all(unit_kinds[i]);
	}
}
