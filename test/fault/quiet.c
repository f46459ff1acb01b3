/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gets and sets of existing keys make no system call: they are done under
 * strict seccomp, where the first one kills.
 */
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "atomic.h"
#include "spl.h"
#include "tap.h"

TAP_MAIN

enum {
	TIMES = 1000,
	WRONG = 1 /* exit status: a call failed */
};

static void
leave(int status)
{
	/* exit(2) is one of the four calls that strict mode allows; the C
	 * library's _exit() makes another. */
	syscall(SYS_exit, status);
}

/* Sets, gets and references, every one of them right. */
static int
work(spl_store *s, spl_ref *ref)
{
	char value[32] = "0123456789012345678901234567890", got[32];
	size_t len;
	int wrong = 0;

	for (int i = 0; i < TIMES; i++) {
		value[i % 31] = (char)('a' + i % 26);
		wrong |= spl_set(s, "key", value, sizeof value);
		wrong |= spl_get(s, "key", got, sizeof got, &len);
		wrong |= memcmp(got, value, sizeof got);
		wrong |= spl_ref_set(ref, value, sizeof value);
		wrong |= spl_ref_get(ref, got, sizeof got, &len);
		wrong |= spl_add(s, "number", 1, NULL);
		wrong |= spl_get(s, "absent", got, sizeof got, &len) != -2;
		wrong |= spl_wait(s, "key", 2, 1000, NULL);
	}
	return wrong != 0;
}

static int
child(const char *name, int on)
{
	spl_store *s;
	spl_ref *ref;

	if (spl_open(name, NULL, &s) || spl_ref_open(s, "key", &ref) ||
		spl_set_auto_vacuum(s, on, NULL) || work(s, ref))
		return WRONG;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return WRONG;
	leave(work(s, ref));
	return WRONG;
}

int
main(void)
{
	char name[64];
	spl_store *s;
	int status = -1;

	tap_start(60);
	snprintf(name, sizeof name, "splinter-quiet-test-%d", (int)getpid());
	REQUIRE(!spl_create(name, NULL, &s), "creates a store");
	REQUIRE(!spl_set(s, "key", "", 0), "sets a key");
	for (int on = 0; on <= 1; on++) {
		/* TSan makes system calls of its own. */
		if (SPLI_TSAN) {
			CHECK(1, "no system call # SKIP under TSan");
			continue;
		}
		pid_t pid = fork();
		if (!pid)
			_exit(child(name, on));
		waitpid(pid, &status, 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			"%d gets and sets without a system call, auto-vacuum "
			"%s",
			8 * TIMES, on ? "on" : "off");
	}
	spl_close(s);
	CHECK(!spl_destroy(name, SPL_MEMORY), "goes without a trace");
	return tap_end();
}
