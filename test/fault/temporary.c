/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creating stores on a file system that has no nameless files: a filter on
 * system calls refuses O_TMPFILE as such a one does. The temporary name must
 * be gone afterwards, whether creation succeeded or not.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "refuse.h"
#include "spl.h"
#include "tap.h"
#include "tidy.h"

TAP_MAIN

static char dir[] = "/tmp/splinter-temporary-XXXXXX";

/* How many names there are in the directory. */
static int
names(void)
{
	struct dirent *entry;
	int count = 0;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d)))
		count += strcmp(entry->d_name, ".") &&
			 strcmp(entry->d_name, "..");
	if (d)
		closedir(d);
	return count;
}

static int
create(const char *name, uint64_t slots)
{
	struct spl_options o;
	spl_store *s;

	spl_options_init(&o);
	o.kind = SPL_FILE;
	o.slots = slots;
	int rc = spl_create(name, &o, &s);
	if (!rc) {
		rc = spl_set(s, "k", "v", 1);
		spl_close(s);
	}
	return rc;
}

int
main(void)
{
	struct rlimit few;

	tap_start(60);
	REQUIRE(mkdtemp(dir), "has a directory");
	tidy_name(dir);
	REQUIRE(!chdir(dir), "is in it");
	REQUIRE(refuse_nameless_files(EOPNOTSUPP), "refuses nameless files");
	CHECK(open(".", O_TMPFILE | O_RDWR, 0600) < 0 && errno == EOPNOTSUPP,
		"so open(2) does");
	CHECK(create("store", 16) == 0 && names() == 1,
		"creates a store, and leaves its name alone");
	CHECK(create("store", 16) == -EEXIST && names() == 1,
		"EEXIST leaves nothing");
	CHECK(create("absent/store", 16) == -ENOENT && names() == 1,
		"ENOENT leaves nothing");
	getrlimit(RLIMIT_NOFILE, &few);
	rlim_t most = few.rlim_cur;
	few.rlim_cur = 4; /* none for the locks */
	setrlimit(RLIMIT_NOFILE, &few);
	CHECK(create("other", 16) == -EMFILE, "EMFILE late in creation");
	few.rlim_cur = most;
	setrlimit(RLIMIT_NOFILE, &few);
	CHECK(names() == 1, "leaves nothing");
	CHECK(!spl_destroy("store", SPL_FILE) && names() == 0,
		"the store goes without a trace");
	CHECK(!rmdir(dir), "and so does the directory");
	return tap_end();
}
