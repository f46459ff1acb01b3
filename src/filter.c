/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
spli_filter_make(struct spli_filter *f, const char *prefix, const char *pattern)
{
	*f = (struct spli_filter){0};
	if (prefix && *prefix) {
		f->prefix = strdup(prefix);
		if (!f->prefix)
			return -ENOMEM;
		f->prefix_len = strlen(prefix);
	}
	if (!pattern)
		return 0;
	int rc = regcomp(&f->pattern, pattern, REG_EXTENDED | REG_NOSUB);
	if (rc) {
		free(f->prefix);
		f->prefix = NULL;
		return rc == REG_ESPACE ? -ENOMEM : -EINVAL;
	}
	f->has_pattern = true;
	return 0;
}

bool
spli_filter_passes(const struct spli_filter *f, const char *key)
{
	return (!f->prefix || !strncmp(key, f->prefix, f->prefix_len)) &&
	       (!f->has_pattern || !regexec(&f->pattern, key, 0, NULL, 0));
}

void
spli_filter_free(struct spli_filter *f)
{
	free(f->prefix);
	if (f->has_pattern)
		regfree(&f->pattern);
}
