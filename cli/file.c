/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024 };

int
file_write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t done = write(fd, bytes, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		bytes += done;
		len -= (size_t)done;
	}
	return 0;
}

int
file_like(int fd, const struct stat *status)
{
	struct stat mine;

	if (fstat(fd, &mine))
		return -errno;
	if ((mine.st_uid != status->st_uid || mine.st_gid != status->st_gid) &&
		fchown(fd, status->st_uid, status->st_gid))
		return -errno;
	return fchmod(fd, status->st_mode & 07777) ? -errno : 0;
}

/* --- A stream into a packer into a file ---------------------------------- */

static int
write_packed(void *context, const char *bytes, size_t len)
{
	const struct outfile *file = context;

	return file_write_all(file->fd, bytes, len);
}

/* In the manner of fopencookie(3): 0 is a failure. */
static ssize_t
write_stream(void *context, const char *bytes, size_t len)
{
	struct outfile *file = context;
	int rc = pack_add(file->packer, bytes, len);

	if (!rc)
		return (ssize_t)len;
	file->code = rc;
	errno = -rc;
	return 0;
}

static int
open_stream(struct outfile *file)
{
	const cookie_io_functions_t functions = {.write = write_stream};
	int rc = pack_begin(
		&file->packer, packing_of_name(file->path), write_packed, file);

	if (rc)
		return rc;
	file->stream = fopencookie(file, "w", functions);
	if (!file->stream)
		return -ENOMEM;
	return setvbuf(file->stream, NULL, _IOFBF, BUFFER) ? -ENOMEM : 0;
}

/* --- The file itself ---------------------------------------------------- */

/* Where a link leads to, so that the link stays one. */
static char *
without_link(const char *path)
{
	struct stat status;

	if (!lstat(path, &status) && S_ISLNK(status.st_mode))
		return realpath(path, NULL);
	return strdup(path);
}

static int
open_temporary(struct outfile *file)
{
	struct stat status;
	bool exists = !stat(file->path, &status);

	if (!exists && errno != ENOENT)
		return -errno;
	if (exists && S_ISDIR(status.st_mode))
		return -EISDIR;
	if (exists && !S_ISREG(status.st_mode))
		return -EINVAL;
	if (asprintf(&file->temp, "%s.XXXXXX", file->path) < 0) {
		file->temp = NULL;
		return -ENOMEM;
	}
	file->fd = mkostemp(file->temp, O_CLOEXEC);
	if (file->fd < 0) {
		int code = -errno;

		free(file->temp);
		file->temp = NULL;
		return code;
	}
	return exists ? file_like(file->fd, &status) : 0;
}

int
outfile_open(struct outfile *file, const char *path)
{
	*file = (struct outfile){.fd = -1, .path = without_link(path)};
	if (!file->path)
		return -errno;
	if (!packing_is_built(packing_of_name(file->path)))
		return -EOPNOTSUPP;
	int rc = open_temporary(file);
	return rc ? rc : open_stream(file);
}

/* A new name is on the disk when its directory is. */
static void
sync_directory(const struct outfile *file)
{
	char *copy = strdup(file->path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
		      : -1;

	if (fd >= 0) {
		/* Where a directory cannot be synced, nothing can be done. */
		(void)!fsync(fd);
		close(fd);
	}
	free(copy);
}

static int
finish(struct outfile *file)
{
	if (ferror(file->stream) || fflush(file->stream))
		return file->code ? file->code : -EIO;
	int rc = pack_end(file->packer);
	if (rc)
		return rc;
	if (fsync(file->fd))
		return -errno;
	rc = close(file->fd) ? -errno : 0;
	file->fd = -1;
	return rc;
}

int
outfile_commit(struct outfile *file)
{
	int rc = finish(file);

	if (!rc && rename(file->temp, file->path))
		rc = -errno;
	if (rc)
		return rc;
	free(file->temp);
	file->temp = NULL;
	sync_directory(file);
	return 0;
}

void
outfile_abandon(struct outfile *file)
{
	if (file->temp)
		unlink(file->temp);
	if (file->stream)
		fclose(file->stream);
	if (file->fd >= 0)
		close(file->fd);
	pack_free(file->packer);
	free(file->temp);
	free(file->path);
	*file = (struct outfile){.fd = -1};
}
