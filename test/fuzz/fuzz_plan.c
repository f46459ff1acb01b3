/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_plan.c - the command line of splinter_stress: each line of the input is
 * a word. What is taken is within what the help says.
 */
#include <getopt.h>

#include "../../stress/plan.h"
#include "../../stress/stamp.h"
#include "fuzz.h"

enum { WORDS_MAX = 16 };

static void
expect_plan(const struct plan *plan)
{
	bool processes = plan_processes(plan, true);

	EXPECT(plan->readers <= READERS_MAX);
	EXPECT(plan->writers <=
		(processes ? WRITER_PROCESSES_MAX : WRITER_THREADS_MAX));
	EXPECT(plan->readers || plan->writers);
	EXPECT(plan->writers || !plan->kill);
	EXPECT(plan->keys && plan->keys <= plan->slots);
	EXPECT(plan->slots <= 1 << 30);
	EXPECT(plan->min_value && plan->min_value <= plan->max_value);
	EXPECT(plan->max_value <= UINT32_MAX);
	EXPECT(plan->entries && plan->entries <= 1024);
	EXPECT(plan->duration_ms && plan->seed && plan->run);
	EXPECT(*plan->store);
	EXPECT(plan->kind == SPL_FILE || !strchr(plan->store, '/'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char program[] = "splinter_stress", other[] = "splinterp_stress";
	char *text = fuzz_string(data, size), *rest = text, *word;
	char *words[WORDS_MAX + 2] = {size % 2 ? program : other};
	struct fuzz_capture out, err;
	struct plan plan;
	bool done = false;
	int count = 1;

	while (count <= WORDS_MAX && (word = strsep(&rest, "\n")))
		words[count++] = word;
	optind = 0; /* getopt's way to begin again */
	fuzz_capture_begin(&out, &stdout);
	fuzz_capture_begin(&err, &stderr);
	int status = plan_read(&plan, count, words, &done);
	fuzz_capture_end(&err);
	fuzz_capture_end(&out);
	EXPECT(status == EXIT_DONE || status == EXIT_USAGE);
	/* A sentence, in a line, exactly when it is refused. */
	EXPECT((status == EXIT_USAGE) == (err.len != 0));
	if (err.len)
		EXPECT(strchr(err.text, '\n') == err.text + err.len - 1);
	EXPECT(done == (out.len != 0));
	if (!status && !done)
		expect_plan(&plan);
	free(out.text);
	free(err.text);
	free(text);
	return 0;
}
