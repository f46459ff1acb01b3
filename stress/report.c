/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* All tallies of the readers, or the writers. */
struct sums {
	uint64_t reads, absent, read_bytes;
	uint64_t writes, write_bytes, unsets;
	uint64_t read_retries, write_retries;
	uint64_t switches, lists;
};

/*
 * Reads are counted where they were made, in writers too: they read back. A
 * writer's retries count as its own.
 */
static struct sums
sum_up(const struct report *r)
{
	uint64_t workers = plan_workers(r->plan);
	struct sums s = {0};

	for (uint64_t i = 0; i < workers; i++) {
		const struct tally *t = &r->share->tallies[i];
		s.reads += tally_get(&t->reads);
		s.absent += tally_get(&t->absent);
		s.read_bytes += tally_get(&t->read_bytes);
		s.writes += tally_get(&t->writes);
		s.write_bytes += tally_get(&t->write_bytes);
		s.unsets += tally_get(&t->unsets);
		s.switches += tally_get(&t->switches);
		s.lists += tally_get(&t->lists);
		*(i < r->plan->readers ? &s.read_retries : &s.write_retries) +=
			tally_get(&t->retries);
	}
	return s;
}

void
report_begin(
	struct report *r, const struct plan *plan, const struct share *share)
{
	*r = (struct report){
		.plan = plan,
		.share = share,
		.live = !plan->quiet && isatty(STDERR_FILENO),
	};
}

void
report_notes(const struct report *r)
{
	const struct plan *plan = r->plan;

	if (plan->kind == SPL_FILE)
		plan_say(plan,
			"writes to '%s' all the time, which wears the medium "
			"that it is on: starts slowly, then a writer pauses "
			"%" PRIu64 " microseconds between two writes "
			"(--writer-us)",
			plan->store, plan->writer_us);
	if (plan->kill && !plan->procs && !plan->quiet)
		plan_say(plan, "--kill: writers are processes, readers stay "
			       "threads without --procs");
}

static uint64_t
rate(uint64_t count, uint64_t ns)
{
	return ns ? (uint64_t)((double)count * 1e9 / (double)ns) : 0;
}

static void
clear_line(struct report *r)
{
	if (r->line_open) {
		fprintf(stderr, "\r%*s\r", 78, "");
		fflush(stderr);
	}
	r->line_open = false;
}

void
report_progress(struct report *r, const struct crew *crew)
{
	char line[160];

	if (!r->live)
		return;
	struct sums s = sum_up(r);
	uint64_t now = work_now_ns(), past = now - crew->begun_ns;
	uint64_t ns = now - (r->last_ns ? r->last_ns : crew->begun_ns);
	int n = snprintf(line, sizeof line,
		"%" PRIu64 " s  reads/s %" PRIu64 "  writes/s %" PRIu64
		"  retries %" PRIu64,
		past / 1000000000, rate(s.reads - r->last_reads, ns),
		rate(s.writes - r->last_writes, ns),
		s.read_retries + s.write_retries);
	if (r->plan->kill)
		n += snprintf(line + n, sizeof line - (size_t)n,
			"  kills %" PRIu64, crew->kills);
	snprintf(line + n, sizeof line - (size_t)n, "  failures %" PRIu64,
		complaints_count(&r->share->failures));
	clear_line(r);
	/* Shorter than a line of the terminal, or it would scroll. */
	fprintf(stderr, "%.78s", line);
	fflush(stderr);
	r->line_open = true;
	r->last_ns = now;
	r->last_reads = s.reads;
	r->last_writes = s.writes;
}

static void
tell(struct report *r, const struct complaints *complaints, const char *what,
	uint32_t *told)
{
	for (uint32_t i = 0; i < COMPLAINTS_KEPT; i++) {
		const char *text = complaints_text(complaints, i);
		if (!text || *told >> i & 1)
			continue;
		clear_line(r);
		plan_say(r->plan, "%s: %s", what, text);
		*told |= UINT32_C(1) << i;
	}
}

void
report_complaints(struct report *r)
{
	tell(r, &r->share->failures, "failure", &r->told_failures);
	tell(r, &r->share->errors, "error", &r->told_errors);
}

static void
print_json(
	const struct report *r, const struct outcome *o, const struct sums *s)
{
	const struct plan *p = r->plan;
	const struct {
		const char *name;
		uint64_t number;
	} members[] = {
		{"readers", p->readers},
		{"writers", p->writers},
		{"procs", p->procs},
		{"kill", p->kill},
		{"toggle_vacuum", p->toggle_vacuum},
		{"file", p->kind == SPL_FILE},
		{"keys", p->keys},
		{"slots", p->slots},
		{"min_value", p->min_value},
		{"max_value", p->max_value},
		{"writer_us", p->writer_us},
		{"seed", p->seed},
		{"elapsed_ms", o->elapsed_ns / 1000000},
		{"reads", s->reads},
		{"reads_per_s", rate(s->reads, o->elapsed_ns)},
		{"read_bytes", s->read_bytes},
		{"absent", s->absent},
		{"lists", s->lists},
		{"writes", s->writes},
		{"writes_per_s", rate(s->writes, o->elapsed_ns)},
		{"write_bytes", s->write_bytes},
		{"unsets", s->unsets},
		{"read_retries", s->read_retries},
		{"write_retries", s->write_retries},
		{"switches", s->switches},
		{"kills", o->kills},
		{"repairs", o->repairs},
		{"checked", o->yard->checked},
		{"rewritten", o->yard->rewritten},
		{"interrupted", (uint64_t)o->interrupted},
		{"errors", complaints_count(&r->share->errors)},
		{"failures", complaints_count(&r->share->failures)},
	};

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		printf("%c\"%s\":%" PRIu64, i ? ',' : '{', members[i].name,
			members[i].number);
	puts("}");
}

static void
print_workers(const struct plan *plan, bool writers)
{
	uint64_t count = writers ? plan->writers : plan->readers;
	bool processes = plan_processes(plan, writers);

	printf("%s: %" PRIu64 " %s%s\n", writers ? "writers" : "readers", count,
		processes ? "process" : "thread",
		count == 1  ? ""
		: processes ? "es"
			    : "s");
}

static void
print_counts(
	const struct report *r, const struct outcome *o, const struct sums *s)
{
	printf("reads: %" PRIu64 ", %" PRIu64 " a second, %" PRIu64
	       " MiB verified, %" PRIu64 " of an unset key, %" PRIu64
	       " lists\n",
		s->reads, rate(s->reads, o->elapsed_ns), s->read_bytes >> 20,
		s->absent, s->lists);
	printf("writes: %" PRIu64 ", %" PRIu64 " a second, %" PRIu64
	       " MiB, %" PRIu64 " unsets\n",
		s->writes, rate(s->writes, o->elapsed_ns), s->write_bytes >> 20,
		s->unsets);
	printf("retries: %" PRIu64 " of readers, %" PRIu64 " of writers\n",
		s->read_retries, s->write_retries);
	if (r->plan->toggle_vacuum)
		printf("vacuum: switched %" PRIu64 " times\n", s->switches);
	if (r->plan->kill)
		printf("kills: %" PRIu64 ", %" PRIu64 " repaired\n", o->kills,
			o->repairs);
}

static void
print_text(
	const struct report *r, const struct outcome *o, const struct sums *s)
{
	const struct plan *p = r->plan;
	const struct yard *yard = o->yard;

	printf("run: %.1f s, seed %" PRIu64 "\n", (double)o->elapsed_ns / 1e9,
		p->seed);
	print_workers(p, false);
	print_workers(p, true);
	printf("store: %" PRIu64 " keys in %" PRIu64
	       " slots, values of %" PRIu64 " to %" PRIu64 " bytes, in %s\n",
		p->keys, p->slots, p->min_value, p->max_value,
		p->kind == SPL_MEMORY ? "shared memory" : "a file");
	print_counts(r, o, s);
	printf("check: %" PRIu64 " keys read and listed, %" PRIu64
	       " written again%s\n",
		yard->checked, yard->rewritten,
		yard->checked < p->keys ? ", cut short" : "");
	if (o->interrupted)
		printf("interrupted: by signal %d, %s\n", o->interrupted,
			strsignal(o->interrupted));
	if (complaints_count(&r->share->errors))
		printf("errors: %" PRIu64 "\n",
			complaints_count(&r->share->errors));
	printf("failures: %" PRIu64 "\n",
		complaints_count(&r->share->failures));
}

void
report_summary(struct report *r, const struct outcome *o)
{
	struct sums s = sum_up(r);

	clear_line(r);
	report_complaints(r);
	if (r->plan->json)
		print_json(r, o, &s);
	else
		print_text(r, o, &s);
}
