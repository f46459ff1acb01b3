/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1

#include "infile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define CHUNK ((size_t)64 * 1024)

/* --- Opening ------------------------------------------------------------ */

static int
open_unnamed(void)
{
	const char *dir = getenv("TMPDIR");
	char *path;

	if (asprintf(&path, "%s/splinter.XXXXXX", dir && *dir ? dir : "/tmp") <
		0)
		return -ENOMEM;
	int fd = mkostemp(path, O_CLOEXEC);
	int rc = fd < 0 ? -errno : fd;
	if (fd >= 0)
		unlink(path);
	free(path);
	return rc;
}

static int
copy_all(int to, int from, bool (*stop)(void *context), void *context)
{
	char chunk[4096];
	int rc = 0;

	while (!rc) {
		if (stop(context))
			return -EINTR;
		ssize_t got = read(from, chunk, sizeof(chunk));
		if (got < 0 && errno != EINTR)
			return -errno;
		if (!got)
			break;
		if (got > 0)
			rc = file_write_all(to, chunk, (size_t)got);
	}
	return rc;
}

/* What is no regular file can be read only once. */
static int
make_readable_again(
	struct infile *file, bool (*stop)(void *context), void *context)
{
	struct stat status;

	if (fstat(file->fd, &status))
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (S_ISREG(status.st_mode)) {
		file->begin = lseek(file->fd, 0, SEEK_CUR);
		return file->begin < 0 ? -errno : 0;
	}
	int fd = open_unnamed();
	if (fd < 0)
		return fd;
	int rc = copy_all(fd, file->fd, stop, context);
	close(file->fd);
	file->fd = fd;
	return rc;
}

static ssize_t
read_file(void *context, char *bytes, size_t len)
{
	struct infile *file = context;
	ssize_t got;

	do
		got = pread(file->fd, bytes, len, file->at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	file->at += got;
	return got;
}

static int
recognize(struct infile *file)
{
	char start[4];

	file->at = file->begin;
	ssize_t got = read_file(file, start, sizeof(start));
	if (got < 0)
		return (int)got;
	file->packing = packing_of_bytes(start, (size_t)got);
	return packing_is_built(file->packing) ? 0 : -EOPNOTSUPP;
}

int
infile_open(struct infile *file, const char *path, bool (*stop)(void *context),
	void *context)
{
	bool is_stdin = !strcmp(path, "-");

	*file = (struct infile){0};
	file->fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
			    : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file->fd < 0)
		return -errno;
	int rc = make_readable_again(file, stop, context);
	if (!rc)
		rc = recognize(file);
	return rc ? rc : infile_rewind(file);
}

int
infile_rewind(struct infile *file)
{
	unpack_free(file->unpacker);
	file->unpacker = NULL;
	file->at = file->begin;
	file->number = 0;
	file->cut = false;
	file->chunk_at = file->chunk_len = 0;
	if (!file->chunk && !(file->chunk = malloc(CHUNK)))
		return -ENOMEM;
	return unpack_begin(&file->unpacker, file->packing, read_file, file);
}

void
infile_close(struct infile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	unpack_free(file->unpacker);
	free(file->chunk);
	free(file->line);
	*file = (struct infile){.fd = -1};
}

/* --- Lines -------------------------------------------------------------- */

static int
add(struct infile *file, const char *bytes, size_t len, size_t most)
{
	if (len > most || file->len > most - len)
		return -E2BIG;
	if (file->cap - file->len < len) {
		size_t cap = file->len + len;
		/* Twice as much, so that long lines are not copied often. */
		cap = cap < most / 2 ? 2 * cap : most;
		char *line = realloc(file->line, cap ? cap : 1);

		if (!line)
			return -ENOMEM;
		file->line = line;
		file->cap = cap;
	}
	if (len)
		memcpy(file->line + file->len, bytes, len);
	file->len += len;
	return 0;
}

/* More in the chunk: 1, 0 at the end, or a negative errno. */
static int
refill(struct infile *file)
{
	ssize_t got = unpack_read(file->unpacker, file->chunk, CHUNK);

	file->chunk_at = 0;
	file->chunk_len = got > 0 ? (size_t)got : 0;
	return got > 0 ? 1 : (int)got;
}

int
infile_line(struct infile *file, size_t most)
{
	bool any = false;
	int rc = 0;

	file->len = 0;
	for (;;) {
		if (file->chunk_at == file->chunk_len) {
			int more = refill(file);

			if (more < 0)
				return more;
			if (!more) {
				file->cut = file->cut || any;
				break;
			}
		}
		const char *from = file->chunk + file->chunk_at;
		size_t left = file->chunk_len - file->chunk_at;
		const char *end = memchr(from, '\n', left);
		size_t len = end ? (size_t)(end - from) : left;

		file->number += !any;
		any = true;
		file->chunk_at += len + !!end;
		/* A line that is too long is read to its end, not kept. */
		if (!rc)
			rc = add(file, from, len, most);
		if (rc && rc != -E2BIG)
			return rc;
		if (end)
			break;
	}
	return rc ? rc : any;
}
