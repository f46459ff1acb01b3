/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.h - files, memfds, geometry, mapping: from a name to a valid region.
 */
#ifndef SPLI_MAP_H
#define SPLI_MAP_H

#include <limits.h>

#include "store.h"

/* -EINVAL when a number is out of range. */
int spli_geometry_make(struct spli_geometry *g, uint64_t slots,
	uint64_t max_value, uint64_t writers, uint64_t ring, uint64_t feed_len);

/* What a store that is being created will be called, and is called so far. */
struct spli_new {
	char path[PATH_MAX];
	char temp[PATH_MAX]; /* empty: it has no name yet */
};

/* A fresh region behind a new descriptor, mapped and initialised. */
int spli_map_new(spl_store *s, struct spli_new *new, const char *label,
	const struct spl_options *o);
/*
 * What open(2) and its like returned: a descriptor, above those that a program
 * takes for its own input and output, or a negative errno.
 */
int spli_map_keep(int fd);
/* The same of open(2), close-on-exec, over interruptions. */
int spli_map_open_file(const char *path, int flags);
/* The first bytes of a file, over interruptions: how many, or a negative errno. */
ssize_t spli_map_read(int fd, void *buf, size_t len);
/* Give it its name. -EEXIST when another was first. */
int spli_map_publish(spl_store *s, struct spli_new *new);
/* Take the temporary name away, if there is one. */
void spli_map_forget(struct spli_new *new);
/* Validate what s->fd refers to, and map it. */
int spli_map_attach(spl_store *s, bool touch);
void spli_map_drop(spl_store *s);

/* The path of a name. @path has PATH_MAX bytes. */
int spli_map_path(char *path, const char *name, uint32_t kind);
/* A descriptor of the regular file at @path that is @any_owner's or one's own. */
int spli_map_open(const char *path, bool read_only, bool any_owner);

/* Whether a name still leads to the file. True where that is not known. */
bool spli_map_is_linked(int fd);

/* Reserve blocks so that @first .. is below the mark, or @last below it. */
int spli_reserve_down(spl_store *s, uint64_t first);
int spli_reserve_up(spl_store *s, uint64_t last);

#endif
