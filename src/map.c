/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "map.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"

#define SHM_DIR "/dev/shm"

/* The largest geometry fits into a file: no sum of sections overflows. */
static_assert((SPLI_SLOTS_MAX + (uint64_t)SPLI_WRITERS_MAX * SPLI_RING_MAX) *
			      (UINT32_MAX + UINT64_C(4096)) <
		      INT64_MAX,
	"layout");

static void
section(uint64_t *off, uint64_t *end, uint64_t count, uint64_t each)
{
	*off = *end;
	*end += count * each + SPLI_PAGE - 1;
	*end &= ~(uint64_t)(SPLI_PAGE - 1);
}

int
spli_geometry_make(struct spli_geometry *g, uint64_t slots, uint64_t max_value,
	uint64_t writers, uint64_t ring, uint64_t feed_len)
{
	uint64_t end = SPLI_PAGE;

	if (slots < 1 || slots > SPLI_SLOTS_MAX || max_value < 1 ||
		max_value > UINT32_MAX || writers < 1 ||
		writers > SPLI_WRITERS_MAX || ring < 1 ||
		ring > SPLI_RING_MAX || feed_len < SPLI_FEED_MIN ||
		feed_len > SPLI_FEED_MAX || (feed_len & (feed_len - 1)))
		return -EINVAL;
	*g = (struct spli_geometry){
		.slots = slots,
		.max_value = max_value,
		.writers = writers,
		.ring = ring,
		.feed_len = feed_len,
		.entries = 2 * slots,
		.blocks = slots + writers * ring,
		.ring_blocks = writers * ring,
		.stride = (sizeof(struct spli_block) + max_value + SPLI_LINE -
				  1) &
			  ~(uint64_t)(SPLI_LINE - 1),
	};
	uint64_t most = g->entries > g->blocks ? g->entries : g->blocks;
	g->generation_bits = (unsigned)__builtin_clzll(most);
	section(&g->table_off, &end, g->entries, sizeof(struct spli_entry));
	section(&g->writers_off, &end, writers, sizeof(struct spli_writer));
	section(&g->pool_off, &end, (g->blocks + 63) / 64, 8);
	section(&g->feed_off, &end, 1, sizeof(struct spli_feed) + feed_len * 8);
	section(&g->blocks_off, &end, g->blocks, g->stride);
	g->size = end;
	return 0;
}

static uint64_t
checksum(const struct spli_header *h)
{
	return spli_hash(h, offsetof(struct spli_header, checksum));
}

/* The header's immutable part, as a store of this geometry has it. */
static void
describe(struct spli_header *h, const struct spli_geometry *g)
{
	h->magic = SPLI_MAGIC;
	h->version = SPLI_LAYOUT_MAJOR << 16 | SPLI_LAYOUT_MINOR;
	h->byte_order = SPLI_BYTE_ORDER;
	h->header_len = sizeof *h;
	h->slots = g->slots;
	h->max_value = g->max_value;
	h->writers = g->writers;
	h->ring = g->ring;
	h->feed_len = g->feed_len;
	h->table_off = g->table_off;
	h->writers_off = g->writers_off;
	h->pool_off = g->pool_off;
	h->feed_off = g->feed_off;
	h->blocks_off = g->blocks_off;
	h->size = g->size;
}

/* Whether a header read from a file of @size bytes can be believed. */
static int
examine(struct spli_geometry *g, const struct spli_header *h, uint64_t size)
{
	struct spli_header want = {0};

	if (h->magic == __builtin_bswap32(SPLI_MAGIC))
		return -EPROTONOSUPPORT;
	if (h->magic != SPLI_MAGIC)
		return -EBADMSG;
	if (h->version >> 16 != SPLI_LAYOUT_MAJOR ||
		h->byte_order != SPLI_BYTE_ORDER)
		/* A flipped bit looks like another version, too; the
		 * checksum has its place in all versions. */
		return checksum(h) == h->checksum ? -EPROTONOSUPPORT : -EBADMSG;
	if (checksum(h) != h->checksum)
		return -EBADMSG;
	if (spli_geometry_make(g, h->slots, h->max_value, h->writers, h->ring,
		    h->feed_len))
		return -EBADMSG;
	describe(&want, g);
	if (h->table_off != want.table_off ||
		h->writers_off != want.writers_off ||
		h->pool_off != want.pool_off || h->feed_off != want.feed_off ||
		h->blocks_off != want.blocks_off || h->size != want.size ||
		size != want.size)
		return -EBADMSG;
	/* What a newer minor version cannot do without is named there. */
	return h->features & ~(uint64_t)SPLI_FEATURES ? -EPROTONOSUPPORT : 0;
}

int
spli_map_path(char *path, const char *name, uint32_t kind)
{
	if (!name || !*name)
		return -EINVAL;
	if (kind == SPL_FILE) {
		size_t len = strlen(name);
		if (len >= PATH_MAX)
			return -ENAMETOOLONG;
		memcpy(path, name, len + 1);
		return 0;
	}
	if (kind != SPL_MEMORY || strchr(name, '/') || !strcmp(name, ".") ||
		!strcmp(name, ".."))
		return -EINVAL;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	snprintf(path, PATH_MAX, SHM_DIR "/%s", name);
	return 0;
}

int
spli_map_keep(int fd)
{
	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int rc = high < 0 ? -errno : high;
	close(fd);
	return rc;
}

int
spli_map_open_file(const char *path, int flags)
{
	int fd;

	/* A network or user space file system may be interrupted. */
	do
		fd = open(path, flags | O_CLOEXEC, 0600);
	while (fd < 0 && errno == EINTR);
	return spli_map_keep(fd);
}

ssize_t
spli_map_read(int fd, void *buf, size_t len)
{
	ssize_t n;

	do
		n = pread(fd, buf, len, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

bool
spli_map_is_linked(int fd)
{
	struct stat st;

	return fstat(fd, &st) || st.st_nlink > 0;
}

/* What a store can be in: a regular file. */
static int
examine_file(int fd, struct stat *st)
{
	if (fstat(fd, st))
		return -errno;
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	return S_ISREG(st->st_mode) ? 0 : -ENXIO;
}

int
spli_map_open(const char *path, bool read_only, bool any_owner)
{
	struct stat st;
	/* O_NONBLOCK: a fifo of that name must not hang us. */
	int fd = spli_map_open_file(path,
		(read_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return fd;
	int rc = examine_file(fd, &st);
	if (!rc && !any_owner && st.st_uid != geteuid() && st.st_uid != 0)
		rc = -EPERM;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

static int
set_size(int fd, uint64_t size)
{
	struct rlimit limit;
	int rc;

	/* Else the kernel sends SIGXFSZ, which ends a process. */
	if (!getrlimit(RLIMIT_FSIZE, &limit) && size > limit.rlim_cur)
		return -EFBIG;
	do
		rc = ftruncate(fd, (off_t)size);
	while (rc && errno == EINTR);
	return rc ? -errno : 0;
}

static int
reserve(int fd, uint64_t from, uint64_t to)
{
	int rc;

	do
		rc = fallocate(fd, 0, (off_t)from, (off_t)(to - from));
	while (rc && errno == EINTR);
	return rc ? -errno : 0;
}

/* Move a mark to @to unless it is already beyond; @up says which way. */
static void
widen(uint64_t *mark, uint64_t to, bool up)
{
	uint64_t seen = spli_load(mark);

	while (up ? seen < to : seen > to)
		if (spli_cas(mark, &seen, to))
			return;
}

int
spli_reserve_down(spl_store *s, uint64_t first)
{
	uint64_t low = spli_load(&s->header->low);

	if (low > s->geo.ring_blocks + 1)
		return -EBADMSG;
	if (first >= low)
		return 0;
	int rc = reserve(s->fd, spli_block_off(&s->geo, first),
		spli_block_off(&s->geo, low));
	if (!rc)
		widen(&s->header->low, first, false);
	return rc;
}

/* In steps of an eighth of what is there: few calls, little idle memory. */
int
spli_reserve_up(spl_store *s, uint64_t last)
{
	const struct spli_geometry *g = &s->geo;
	uint64_t high = spli_load(&s->header->high);

	if (high < g->ring_blocks + 1 || high > g->blocks + 1 ||
		last > g->blocks)
		return -EBADMSG;
	if (last < high)
		return 0;
	uint64_t bytes = (high - g->ring_blocks) * g->stride / 8;
	if (bytes < 256 << 10)
		bytes = 256 << 10;
	if (bytes > 64 << 20)
		bytes = 64 << 20;
	uint64_t to = last + 1 + bytes / g->stride;
	if (to > g->blocks + 1)
		to = g->blocks + 1;
	int rc = reserve(s->fd, spli_block_off(g, high), spli_block_off(g, to));
	if (rc == -ENOSPC) {
		/* Not the whole step: just what is needed, then. */
		to = last + 1;
		rc = reserve(
			s->fd, spli_block_off(g, high), spli_block_off(g, to));
	}
	if (!rc)
		widen(&s->header->high, to, true);
	return rc;
}

/* Bytes of memory that may be had without pushing anybody out, or all ones. */
static uint64_t
memory_available(void)
{
	char line[128];
	unsigned long long kib;
	uint64_t bytes = UINT64_MAX;
	FILE *f = fopen("/proc/meminfo", "re");

	if (!f)
		return bytes;
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			bytes = kib << 10;
	fclose(f);
	return bytes;
}

static int
map(spl_store *s)
{
	int prot = s->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	uint8_t *base = mmap(NULL, s->geo.size, prot, MAP_SHARED, s->fd, 0);

	if (base == MAP_FAILED)
		return -errno;
	s->header = (struct spli_header *)(void *)base;
	s->table = (struct spli_entry *)(void *)(base + s->geo.table_off);
	s->writers = (struct spli_writer *)(void *)(base + s->geo.writers_off);
	s->pool = (uint64_t *)(void *)(base + s->geo.pool_off);
	s->feed = (struct spli_feed *)(void *)(base + s->geo.feed_off);
	s->blocks = base + s->geo.blocks_off;
	spli_guard_start(s);
	return 0;
}

/* Touch what is reserved, and nothing else: a hole would be filled. */
static void
prefault(const spl_store *s)
{
	uint64_t low = spli_load(&s->header->low);
	uint64_t high = spli_load(&s->header->high);
	uint8_t *base = (uint8_t *)s->header;

	/* Only a hint: without it pages come when they are used. */
	madvise(base, s->geo.blocks_off, MADV_POPULATE_READ);
	if (low < high && low >= 1 && high <= s->geo.blocks + 1) {
		uint64_t from = spli_block_off(&s->geo, low);
		uint64_t to = spli_block_off(&s->geo, high);
		from &= ~(uint64_t)(SPLI_PAGE - 1);
		madvise(base + from, to - from, MADV_POPULATE_READ);
	}
}

void
spli_map_drop(spl_store *s)
{
	if (s->header) {
		spli_guard_stop(s);
		munmap(s->header, s->geo.size);
	}
	if (s->fd >= 0)
		close(s->fd);
	s->header = NULL;
	s->fd = -1;
}

int
spli_map_attach(spl_store *s, bool touch)
{
	struct spli_header h;
	struct stat st;
	int rc = examine_file(s->fd, &st);

	if (rc)
		return rc;
	/* Not through the mapping: a file may be shorter than it says. */
	ssize_t n = spli_map_read(s->fd, &h, sizeof h);
	if (n < 0)
		return (int)n;
	if (n != (ssize_t)sizeof h)
		return -EBADMSG;
	rc = examine(&s->geo, &h, (uint64_t)st.st_size);
	s->features = h.features;
	s->linked = st.st_nlink > 0;
	if (!rc)
		rc = map(s);
	if (!rc && touch)
		prefault(s);
	return rc;
}

/*
 * A file without a name in @path's directory: gone by itself if we die. Where
 * the file system cannot do that, one under a temporary name, left in @temp.
 */
static int
open_temporary(const char *path, char *temp)
{
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash - path) + 1 : 0;
	uint64_t nonce;

	snprintf(temp, PATH_MAX, "%.*s.", dir, path);
	int fd = spli_map_open_file(temp, O_TMPFILE | O_RDWR);
	temp[0] = '\0';
	if (fd != -EOPNOTSUPP && fd != -EISDIR)
		return fd;
	if (getrandom(&nonce, sizeof nonce, 0) < 0)
		return -errno;
	if (snprintf(temp, PATH_MAX, "%.*s.splinter-%016llx", dir, path,
		    (unsigned long long)nonce) >= PATH_MAX) {
		temp[0] = '\0';
		return -ENAMETOOLONG;
	}
	fd = spli_map_open_file(temp, O_CREAT | O_EXCL | O_RDWR);
	if (fd == -EEXIST)
		temp[0] = '\0'; /* not ours to remove */
	return fd;
}

static int
open_new(struct spli_new *new, const char *label, const struct spl_options *o)
{
	struct stat st;

	if (o->kind == SPL_MEMFD)
		/* The kernel takes 249 bytes, and calls more EINVAL. */
		return strlen(label) > 249
			       ? -ENAMETOOLONG
			       : spli_map_keep(memfd_create(label,
					 MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (!lstat(new->path, &st))
		return -EEXIST; /* early; publishing decides */
	return open_temporary(new->path, new->temp);
}

static void
initialise(spl_store *s, const struct spl_options *o, bool all)
{
	struct spli_header *h = s->header;
	struct timespec now;

	describe(h, &s->geo);
	if (getrandom(h->id, sizeof h->id, 0) != (ssize_t)sizeof h->id)
		memcpy(h->id, &(uint64_t){spli_now_ns()}, 8);
	clock_gettime(CLOCK_REALTIME, &now);
	h->created_ns =
		(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (o->flags & SPL_WAKE_ALWAYS)
		h->features |= SPLI_WAKE_ALWAYS;
	if (o->kind == SPL_FILE)
		h->features |= SPLI_WALL_CLOCK; /* outlives a boot */
	s->features = h->features;
	h->checksum = checksum(h);
	h->flags = SPLI_AUTO_VACUUM;
	h->low = all ? 1 : s->geo.ring_blocks + 1;
	h->high = all ? s->geo.blocks + 1 : s->geo.ring_blocks + 1;
	/* The rings' blocks are in use from the start. */
	for (uint64_t i = 0; i < s->geo.ring_blocks; i++)
		s->pool[i / 64] |= UINT64_C(1) << i % 64;
}

/* Size, seal, reserve, map and initialise what s->fd refers to. */
static int
fill_new(spl_store *s, const struct spl_options *o)
{
	bool all = o->flags & SPL_PREFAULT;
	uint64_t fixed = all ? s->geo.size : s->geo.blocks_off;

	if (o->kind != SPL_FILE && fixed > memory_available())
		return -ENOSPC;
	/* Exactly the mode asked for, whatever the umask. */
	if (fchmod(s->fd, o->mode & 07777))
		return -errno;
	int rc = set_size(s->fd, s->geo.size);
	if (!rc && o->kind == SPL_MEMFD &&
		fcntl(s->fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		rc = -errno;
	if (!rc)
		rc = reserve(s->fd, 0, fixed);
	if (!rc)
		rc = map(s);
	if (rc)
		return rc;
	initialise(s, o, all);
	if (all)
		prefault(s);
	return 0;
}

int
spli_map_new(spl_store *s, struct spli_new *new, const char *label,
	const struct spl_options *o)
{
	uint64_t feed_len = SPLI_FEED_MIN;

	while (feed_len < SPLI_FEED_MAX && feed_len < 4 * o->slots)
		feed_len *= 2;
	int rc = spli_geometry_make(&s->geo, o->slots, o->max_value, o->writers,
		SPLI_RING, feed_len);
	if (rc)
		return rc;
	rc = open_new(new, label, o);
	if (rc < 0)
		return rc;
	s->fd = rc;
	rc = fill_new(s, o);
	/* A size that no file or address space can have is too big as well. */
	return rc == -EFBIG || rc == -ENOMEM ? -ENOSPC : rc;
}

int
spli_map_publish(spl_store *s, struct spli_new *new)
{
	char from[64];

	snprintf(from, sizeof from, "/proc/self/fd/%d", s->fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, new->path, AT_SYMLINK_FOLLOW)
		       ? -errno
		       : 0;
}

void
spli_map_forget(struct spli_new *new)
{
	if (*new->temp)
		unlink(new->temp);
	new->temp[0] = '\0';
}
