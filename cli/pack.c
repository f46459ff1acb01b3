/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack.c - one shape for zlib, libzstd, and neither.
 *
 * A library is handed what it may take and where it may put something, and
 * says how far it came: that is a step. All else is the same for each.
 */
#define _POSIX_C_SOURCE 200809L

#include "pack.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef SPLINTER_ZLIB
#include <zlib.h>
#endif
#ifdef SPLINTER_ZSTD
#include <zstd.h>
#endif

#define CHUNK ((size_t)64 * 1024)

/* What a library is handed; what it took and made is taken off the sizes. */
struct part {
	const char *in;
	size_t in_len;
	char *out;
	size_t out_len;
};

enum packing
packing_of_name(const char *path)
{
	size_t len = strlen(path);

	if (len > 3 && !strcmp(path + len - 3, ".gz"))
		return PACKING_GZIP;
	if (len > 4 && !strcmp(path + len - 4, ".zst"))
		return PACKING_ZSTD;
	return PACKING_NONE;
}

/* RFC 1952, section 2.3.1; RFC 8878, section 3.1.1. No line of JSON begins
 * like either. */
enum packing
packing_of_bytes(const char *bytes, size_t len)
{
	if (len >= 2 && !memcmp(bytes, "\x1f\x8b", 2))
		return PACKING_GZIP;
	if (len >= 4 && !memcmp(bytes, "\x28\xb5\x2f\xfd", 4))
		return PACKING_ZSTD;
	return PACKING_NONE;
}

const char *
packing_library(enum packing packing)
{
	return packing == PACKING_ZSTD ? "libzstd" : "zlib";
}

bool
packing_is_built(enum packing packing)
{
#ifdef SPLINTER_ZLIB
	if (packing == PACKING_GZIP)
		return true;
#endif
#ifdef SPLINTER_ZSTD
	if (packing == PACKING_ZSTD)
		return true;
#endif
	return packing == PACKING_NONE;
}

/* --- zlib --------------------------------------------------------------- */

#ifdef SPLINTER_ZLIB
enum { GZIP_WINDOW = 15 + 16, MEMORY_LEVEL = 8 };

static void
hand_over(z_stream *zlib, const struct part *part)
{
	/* Never written to: zlib's declaration is older than const. */
	zlib->next_in = (Bytef *)(uintptr_t)part->in;
	zlib->avail_in =
		part->in_len < UINT_MAX ? (uInt)part->in_len : UINT_MAX;
	zlib->next_out = (Bytef *)part->out;
	zlib->avail_out =
		part->out_len < UINT_MAX ? (uInt)part->out_len : UINT_MAX;
}

static void
take_back(const z_stream *zlib, struct part *part)
{
	part->in_len -= (size_t)((const char *)zlib->next_in - part->in);
	part->in = (const char *)zlib->next_in;
	part->out_len -= (size_t)((char *)zlib->next_out - part->out);
	part->out = (char *)zlib->next_out;
}
#endif

/* --- Packing ------------------------------------------------------------ */

struct packer {
	enum packing packing;
	pack_write_t *write;
	void *context;
#ifdef SPLINTER_ZLIB
	z_stream zlib;
#endif
#ifdef SPLINTER_ZSTD
	ZSTD_CCtx *zstd;
#endif
	char chunk[CHUNK];
};

static int
prepare_packer(struct packer *packer)
{
#ifdef SPLINTER_ZLIB
	if (packer->packing == PACKING_GZIP)
		return deflateInit2(&packer->zlib, Z_DEFAULT_COMPRESSION,
			       Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
			       Z_DEFAULT_STRATEGY) == Z_OK
			       ? 0
			       : -ENOMEM;
#endif
#ifdef SPLINTER_ZSTD
	if (packer->packing == PACKING_ZSTD) {
		packer->zstd = ZSTD_createCCtx();
		if (!packer->zstd)
			return -ENOMEM;
		/* A sum, as gzip has it. */
		ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_checksumFlag, 1);
		return 0;
	}
#endif
	return packer->packing == PACKING_NONE ? 0 : -EOPNOTSUPP;
}

int
pack_begin(struct packer **out, enum packing packing, pack_write_t *write,
	void *context)
{
	struct packer *packer = calloc(1, sizeof(*packer));

	if (!packer)
		return -ENOMEM;
	packer->packing = packing;
	packer->write = write;
	packer->context = context;
	int rc = prepare_packer(packer);
	if (rc)
		free(packer);
	else
		*out = packer;
	return rc;
}

/* One step: 1 there is more to come, 0 there is not, or a negative errno. */
static int
pack_step(struct packer *packer, struct part *part, bool last)
{
#ifdef SPLINTER_ZLIB
	if (packer->packing == PACKING_GZIP) {
		hand_over(&packer->zlib, part);
		int rc = deflate(&packer->zlib, last ? Z_FINISH : Z_NO_FLUSH);

		take_back(&packer->zlib, part);
		if (rc == Z_STREAM_ERROR)
			return -EINVAL;
		return last ? rc != Z_STREAM_END
			    : part->in_len || !part->out_len;
	}
#endif
#ifdef SPLINTER_ZSTD
	if (packer->packing == PACKING_ZSTD) {
		ZSTD_inBuffer in = {part->in, part->in_len, 0};
		ZSTD_outBuffer out = {part->out, part->out_len, 0};
		size_t left = ZSTD_compressStream2(packer->zstd, &out, &in,
			last ? ZSTD_e_end : ZSTD_e_continue);

		if (ZSTD_isError(left))
			return -ENOMEM;
		part->in += in.pos;
		part->in_len -= in.pos;
		part->out_len -= out.pos;
		return last ? left != 0 : part->in_len > 0;
	}
#endif
	(void)packer;
	(void)part;
	(void)last;
	return -EOPNOTSUPP;
}

static int
pack(struct packer *packer, const char *bytes, size_t len, bool last)
{
	struct part part = {.in = bytes, .in_len = len};
	int more = 1;

	while (more > 0) {
		part.out = packer->chunk;
		part.out_len = CHUNK;
		more = pack_step(packer, &part, last);
		size_t made = CHUNK - part.out_len;
		if (more >= 0 && made) {
			int rc = packer->write(
				packer->context, packer->chunk, made);

			if (rc < 0)
				return rc;
		}
	}
	return more;
}

int
pack_add(struct packer *packer, const char *bytes, size_t len)
{
	if (packer->packing == PACKING_NONE)
		return packer->write(packer->context, bytes, len);
	return len ? pack(packer, bytes, len, false) : 0;
}

int
pack_end(struct packer *packer)
{
	return packer->packing == PACKING_NONE ? 0 : pack(packer, "", 0, true);
}

void
pack_free(struct packer *packer)
{
	if (!packer)
		return;
#ifdef SPLINTER_ZLIB
	if (packer->packing == PACKING_GZIP)
		deflateEnd(&packer->zlib);
#endif
#ifdef SPLINTER_ZSTD
	ZSTD_freeCCtx(packer->zstd);
#endif
	free(packer);
}

/* --- Unpacking ---------------------------------------------------------- */

struct unpacker {
	enum packing packing;
	unpack_read_t *read;
	void *context;
	bool whole; /* what came ends where something packed ends */
#ifdef SPLINTER_ZLIB
	z_stream zlib;
#endif
#ifdef SPLINTER_ZSTD
	ZSTD_DCtx *zstd;
#endif
	const char *in; /* in the chunk, not unpacked yet */
	size_t in_len;
	char chunk[CHUNK];
};

static int
prepare_unpacker(struct unpacker *unpacker)
{
#ifdef SPLINTER_ZLIB
	if (unpacker->packing == PACKING_GZIP)
		return inflateInit2(&unpacker->zlib, GZIP_WINDOW) == Z_OK
			       ? 0
			       : -ENOMEM;
#endif
#ifdef SPLINTER_ZSTD
	if (unpacker->packing == PACKING_ZSTD) {
		unpacker->zstd = ZSTD_createDCtx();
		return unpacker->zstd ? 0 : -ENOMEM;
	}
#endif
	return unpacker->packing == PACKING_NONE ? 0 : -EOPNOTSUPP;
}

int
unpack_begin(struct unpacker **out, enum packing packing, unpack_read_t *read,
	void *context)
{
	struct unpacker *unpacker = calloc(1, sizeof(*unpacker));

	if (!unpacker)
		return -ENOMEM;
	unpacker->packing = packing;
	unpacker->read = read;
	unpacker->context = context;
	int rc = prepare_unpacker(unpacker);
	if (rc)
		free(unpacker);
	else
		*out = unpacker;
	return rc;
}

/* Several packed files one behind the other are one, as for gzip and zstd. */
static int
unpack_step(struct unpacker *unpacker, struct part *part)
{
#ifdef SPLINTER_ZLIB
	if (unpacker->packing == PACKING_GZIP) {
		if (unpacker->whole)
			inflateReset(&unpacker->zlib);
		hand_over(&unpacker->zlib, part);
		int rc = inflate(&unpacker->zlib, Z_NO_FLUSH);

		take_back(&unpacker->zlib, part);
		unpacker->whole = rc == Z_STREAM_END;
		if (rc == Z_MEM_ERROR)
			return -ENOMEM;
		return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR
			       ? 0
			       : -EBADMSG;
	}
#endif
#ifdef SPLINTER_ZSTD
	if (unpacker->packing == PACKING_ZSTD) {
		ZSTD_inBuffer in = {part->in, part->in_len, 0};
		ZSTD_outBuffer out = {part->out, part->out_len, 0};
		size_t left = ZSTD_decompressStream(unpacker->zstd, &out, &in);

		if (ZSTD_isError(left))
			return -EBADMSG;
		part->in += in.pos;
		part->in_len -= in.pos;
		part->out_len -= out.pos;
		unpacker->whole = !left;
		return 0;
	}
#endif
	(void)unpacker;
	(void)part;
	return -EOPNOTSUPP;
}

/* More to unpack; 0 at the end. */
static ssize_t
fill(struct unpacker *unpacker)
{
	ssize_t got = unpacker->read(unpacker->context, unpacker->chunk, CHUNK);

	unpacker->in = unpacker->chunk;
	unpacker->in_len = got > 0 ? (size_t)got : 0;
	return got;
}

ssize_t
unpack_read(struct unpacker *unpacker, char *bytes, size_t len)
{
	struct part part = {.out = bytes, .out_len = len};
	int rc = 0;

	if (unpacker->packing == PACKING_NONE)
		return unpacker->read(unpacker->context, bytes, len);
	while (!rc && part.out_len == len) {
		bool ended = false;

		if (!unpacker->in_len) {
			ssize_t got = fill(unpacker);

			if (got < 0 || (!got && unpacker->whole))
				return got;
			ended = !got;
		}
		part.in = unpacker->in;
		part.in_len = unpacker->in_len;
		rc = unpack_step(unpacker, &part);
		unpacker->in = part.in;
		unpacker->in_len = part.in_len;
		/* The library may have had something left inside. */
		if (ended && !rc && part.out_len == len)
			return unpacker->whole ? 0 : -ENODATA;
	}
	return rc ? rc : (ssize_t)(len - part.out_len);
}

void
unpack_free(struct unpacker *unpacker)
{
	if (!unpacker)
		return;
#ifdef SPLINTER_ZLIB
	if (unpacker->packing == PACKING_GZIP)
		inflateEnd(&unpacker->zlib);
#endif
#ifdef SPLINTER_ZSTD
	ZSTD_freeDCtx(unpacker->zstd);
#endif
	free(unpacker);
}
