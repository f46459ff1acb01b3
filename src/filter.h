/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.h - which keys a list or a feed is about.
 */
#ifndef SPLI_FILTER_H
#define SPLI_FILTER_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

struct spli_filter {
	char *prefix; /* or null */
	size_t prefix_len;
	bool has_pattern;
	regex_t pattern; /* POSIX extended */
};

/* @prefix and @pattern may be null. -EINVAL, a bad pattern; -ENOMEM. */
int spli_filter_make(
	struct spli_filter *filter, const char *prefix, const char *pattern);
bool spli_filter_passes(const struct spli_filter *filter, const char *key);
void spli_filter_free(struct spli_filter *filter);

#endif
