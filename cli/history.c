/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c - the lines that were entered.
 *
 * The file may be anything: somebody else's, huge, binary, a pipe. So it is
 * looked at from its end, not further than LOOK_BACK, with little memory.
 *
 * Who adds a line holds a shared lock, who replaces the file an exclusive
 * one; each then looks whether the path still leads to the file it locked.
 * The lock is never waited for long, since its owner may be stopped.
 */
#define _GNU_SOURCE 1

#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "file.h"

#define LONGEST ((size_t)64 * 1024)
#define LOOK_BACK ((off_t)16 * 1024 * 1024)
#define CHUNK ((size_t)16 * 1024)

/* --- Lines in memory ---------------------------------------------------- */

static bool
is_text(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static int
make_room(struct history *history)
{
	size_t room = history->room ? 2 * history->room : 64;

	if (history->count < history->room)
		return 0;
	char **lines = realloc(history->lines, room * sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	history->lines = lines;
	history->room = room;
	return 0;
}

static int
keep(struct history *history, const char *line, size_t len)
{
	char *copy = strndup(line, len);

	if (!copy || make_room(history)) {
		free(copy);
		return -ENOMEM;
	}
	if (history->count == history->max) {
		free(history->lines[0]);
		memmove(history->lines, history->lines + 1,
			--history->count * sizeof(*history->lines));
	}
	history->lines[history->count++] = copy;
	history->added++;
	return 0;
}

/* --- The file ----------------------------------------------------------- */

/* Opens nothing that could block or be a surprise to write to. */
static int
open_file(const char *path, int flags, struct stat *status)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		S_IRUSR | S_IWUSR);
	int code = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, status))
		code = -errno;
	else if (S_ISCHR(status->st_mode))
		code = -ENODEV;
	else if (S_ISDIR(status->st_mode))
		code = -EISDIR;
	else if (!S_ISREG(status->st_mode))
		code = -EINVAL;
	if (!code)
		return fd;
	close(fd);
	return code;
}

static ssize_t
read_at(int fd, char *bytes, size_t len, off_t at)
{
	ssize_t got;

	do
		got = pread(fd, bytes, len, at);
	while (got < 0 && errno == EINTR);
	return got;
}

/*
 * Where the last @lines lines of a file of @size bytes begin; 0: it has no
 * more than that. If they are too long to be found, *@cut is set, and there
 * is the middle of a line.
 */
static off_t
find_last(int fd, off_t size, size_t lines, bool *cut)
{
	char chunk[CHUNK];
	off_t end = size - 1; /* a newline at the very end begins no line */
	off_t limit = size > LOOK_BACK ? size - LOOK_BACK : 0;

	while (end > limit) {
		off_t begin =
			end - limit > (off_t)CHUNK ? end - (off_t)CHUNK : limit;
		ssize_t got = read_at(fd, chunk, (size_t)(end - begin), begin);

		if (got != end - begin) /* it shrinks just now */
			break;
		for (; got > 0; got--)
			if (chunk[got - 1] == '\n' && --lines == 0)
				return begin + got;
		end = begin;
	}
	*cut = end > 0;
	return end > 0 ? end : 0;
}

/* A line that is being read. */
struct part {
	char *bytes; /* LONGEST of them */
	size_t len;
	bool bad; /* to be left out */
};

static int
end_line(struct history *history, struct part *part)
{
	int rc = 0;

	if (part->len && !part->bad && is_text(part->bytes, part->len))
		rc = keep(history, part->bytes, part->len);
	part->len = 0;
	part->bad = false;
	return rc;
}

static int
take_chunk(struct history *history, struct part *part, const char *chunk,
	size_t len)
{
	while (len) {
		const char *newline = memchr(chunk, '\n', len);
		size_t piece = newline ? (size_t)(newline - chunk) : len;
		int rc = 0;

		if (piece > LONGEST - part->len)
			part->bad = true;
		if (!part->bad) {
			memcpy(part->bytes + part->len, chunk, piece);
			part->len += piece;
		}
		if (newline && (rc = end_line(history, part)))
			return rc;
		piece += newline != NULL;
		chunk += piece;
		len -= piece;
	}
	return 0;
}

static int
read_lines(struct history *history, int fd, off_t at, off_t size, bool cut)
{
	struct part part = {.bytes = malloc(LONGEST), .bad = cut};
	char chunk[CHUNK];
	int rc = part.bytes ? 0 : -ENOMEM;

	while (!rc && at < size) {
		size_t want =
			size - at < (off_t)CHUNK ? (size_t)(size - at) : CHUNK;
		ssize_t got = read_at(fd, chunk, want, at);

		if (got <= 0) {
			rc = got ? -errno : 0;
			break;
		}
		rc = take_chunk(history, &part, chunk, (size_t)got);
		at += got;
	}
	if (!rc)
		rc = end_line(history, &part);
	free(part.bytes);
	return rc;
}

int
history_load(struct history *history, const char *path, size_t max)
{
	struct stat status;
	bool cut = false;

	*history = (struct history){.max = max, .in_memory = !path};
	if (!path)
		return 0;
	history->path = strdup(path);
	if (!history->path) {
		history->in_memory = true;
		return -ENOMEM;
	}
	if (!max)
		return 0;
	int fd = open_file(path, O_RDONLY, &status);
	int rc = fd < 0 ? fd : 0;
	if (!rc) {
		off_t at = find_last(fd, status.st_size, max, &cut);

		rc = read_lines(history, fd, at, status.st_size, cut);
		close(fd);
	}
	history->in_memory = rc && rc != -ENOENT;
	return rc == -ENOENT || rc == -ENODEV ? 0 : rc;
}

/* --- Adding ------------------------------------------------------------- */

static bool
still_there(int fd, const char *path)
{
	struct stat ours, now;

	return !fstat(fd, &ours) && !stat(path, &now) &&
	       ours.st_dev == now.st_dev && ours.st_ino == now.st_ino;
}

/*
 * A trim takes a moment. One that takes longer is stopped, or there are no
 * locks here: then the line may be lost, which is better than to hang.
 */
static void
lock_out_trims(int fd)
{
	const struct timespec moment = {.tv_nsec = 10000000};

	for (int i = 0; i < 50; i++) {
		if (!flock(fd, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK)
			return;
		nanosleep(&moment, NULL);
	}
}

static int
open_to_add(const char *path)
{
	struct stat status;
	int fd = -EAGAIN;

	for (int i = 0; i < 10; i++) {
		fd = open_file(path, O_RDWR | O_APPEND | O_CREAT, &status);
		if (fd < 0)
			return fd;
		lock_out_trims(fd);
		if (still_there(fd, path))
			return fd;
		close(fd); /* replaced, or removed, while we waited */
		fd = -EAGAIN;
	}
	return fd;
}

/* Does the file end within a line, which somebody could not write wholly? */
static bool
ends_torn(int fd)
{
	struct stat status;
	char last;

	return !fstat(fd, &status) && status.st_size > 0 &&
	       read_at(fd, &last, 1, status.st_size - 1) == 1 && last != '\n';
}

/* One write, so that lines of others do not get between. */
static int
append(int fd, const char *line, size_t len)
{
	bool torn = ends_torn(fd);
	char *bytes = malloc(len + 2);

	if (!bytes)
		return -ENOMEM;
	bytes[0] = '\n';
	memcpy(bytes + torn, line, len);
	bytes[torn + len] = '\n';
	ssize_t done = write(fd, bytes, torn + len + 1);
	int rc = done < 0 ? -errno : 0;
	if (done >= 0 && (size_t)done < torn + len + 1)
		rc = -ENOSPC;
	free(bytes);
	return rc;
}

int
history_add(struct history *history, const char *line)
{
	size_t len = strlen(line);

	if (!history->max || !len || len > LONGEST || *line == ' ' ||
		!is_text(line, len))
		return 0;
	if (history->count && !strcmp(line, history->lines[history->count - 1]))
		return 0;
	int rc = keep(history, line, len);
	if (rc || history->in_memory)
		return rc;
	int fd = open_to_add(history->path);
	if (fd < 0)
		return fd;
	rc = append(fd, line, len);
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

/* --- Trimming ----------------------------------------------------------- */

static int
copy_from(int to, int from, off_t at)
{
	char chunk[CHUNK];
	ssize_t got;
	int rc = 0;

	while (!rc && (got = read_at(from, chunk, CHUNK, at)) > 0) {
		rc = file_write_all(to, chunk, (size_t)got);
		at += got;
	}
	return rc ? rc : got < 0 ? -errno : 0;
}

/* Replaces @path, which is no link, by what @fd has from @at on. */
static int
replace(const char *path, int fd, off_t at, const struct stat *status)
{
	char *name;

	if (asprintf(&name, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	int to = mkostemp(name, O_CLOEXEC);
	int rc = to < 0 ? -errno : 0;
	if (to >= 0) {
		if (!(rc = file_like(to, status)))
			rc = copy_from(to, fd, at);
		if (close(to) && !rc)
			rc = -errno;
		if (!rc && rename(name, path))
			rc = -errno;
		if (rc)
			unlink(name);
	}
	free(name);
	return rc;
}

/* Where the next line begins; 0: there is none. */
static off_t
next_line(int fd, off_t at)
{
	char chunk[CHUNK];
	ssize_t got;

	for (; (got = read_at(fd, chunk, CHUNK, at)) > 0; at += got) {
		char *newline = memchr(chunk, '\n', (size_t)got);

		if (newline)
			return at + (newline - chunk) + 1;
	}
	return 0;
}

/* Where to cut; 0: the file is not that long, or is all one line. */
static off_t
find_cut(int fd, off_t size, size_t max)
{
	bool cut = false;

	if (!find_last(fd, size, max > SIZE_MAX / 2 ? max : 2 * max, &cut))
		return 0;
	cut = false;
	off_t at = find_last(fd, size, max, &cut);
	return cut ? next_line(fd, at) : at;
}

/* A file that has a second name would go on being long under that. */
static int
trim(const char *path, int fd, size_t max)
{
	struct stat status;
	off_t at;

	if (flock(fd, LOCK_EX | LOCK_NB) || !still_there(fd, path))
		return 0; /* somebody else is at it, or has just been */
	if (fstat(fd, &status))
		return -errno;
	if (status.st_nlink != 1 || !(at = find_cut(fd, status.st_size, max)))
		return 0;
	return replace(path, fd, at, &status);
}

int
history_trim(struct history *history)
{
	struct stat status;

	if (!history->max || history->in_memory)
		return 0;
	char *path = realpath(history->path, NULL);
	if (!path)
		return errno == ENOENT ? 0 : -errno;
	int fd = open_file(path, O_RDWR, &status);
	int rc = fd;
	if (fd >= 0) {
		rc = trim(path, fd, history->max);
		close(fd);
	}
	free(path);
	return rc;
}

void
history_free(struct history *history)
{
	for (size_t i = 0; i < history->count; i++)
		free(history->lines[i]);
	free(history->lines);
	free(history->path);
	*history = (struct history){0};
}
