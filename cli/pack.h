/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack.h - gzip and zstd, as far as the build found zlib and libzstd.
 */
#ifndef CLI_PACK_H
#define CLI_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

/* By the end of a file's name, and by the first bytes of what is in it. */
enum packing packing_of_name(const char *path);
enum packing packing_of_bytes(const char *bytes, size_t len);

/* The library that does it; false: this program was built without it. */
const char *packing_library(enum packing packing);
bool packing_is_built(enum packing packing);

/*
 * What goes in comes out packed by @write, which returns 0 or a negative
 * errno. pack_end() sends what is left. Returns 0, -ENOMEM, or what @write
 * returned.
 */
struct packer;
typedef int pack_write_t(void *context, const char *bytes, size_t len);
int pack_begin(struct packer **out, enum packing packing, pack_write_t *write,
	void *context);
int pack_add(struct packer *packer, const char *bytes, size_t len);
int pack_end(struct packer *packer);
void pack_free(struct packer *packer);

/*
 * The other way: what @read brings comes out as it was. @read and
 * unpack_read() return how many bytes, 0 at the end, or a negative errno:
 * -EBADMSG for what is damaged, -ENODATA for what ends too early.
 */
struct unpacker;
typedef ssize_t unpack_read_t(void *context, char *bytes, size_t len);
int unpack_begin(struct unpacker **out, enum packing packing,
	unpack_read_t *read, void *context);
ssize_t unpack_read(struct unpacker *unpacker, char *bytes, size_t len);
void unpack_free(struct unpacker *unpacker);

#endif
