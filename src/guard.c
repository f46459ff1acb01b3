/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.c - the handler of SIGBUS, and the list of mappings that it knows. It
 * takes no lock and makes system calls only, or calls the handler before it.
 */
#define _GNU_SOURCE
#include "guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* changes below */
static struct spli_guard *guarded; /* a list; handlers walk without the mutex */
static uint32_t walkers; /* handlers that do: what they meet must stay */
static bool installed;
static struct sigaction former;

/* Whether a signal is about an access of ours that another page would mend. */
static bool
is_fault(const siginfo_t *info)
{
	return info->si_code == BUS_ADRERR || info->si_code == BUS_OBJERR ||
	       info->si_code == BUS_MCEERR_AR;
}

/* Whether it comes again by itself when the program goes on. */
static bool
comes_again(const siginfo_t *info)
{
	return info->si_code > 0 && info->si_code != BUS_MCEERR_AO;
}

/*
 * Zeros in the place of all of it, made elsewhere first: a mapping that fails
 * in place may have taken the old one away. Not by the C library's functions,
 * which a sanitizer takes for writes of ours.
 */
static bool
replace(const struct spli_guard *g)
{
	int prot = g->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	long zeros = syscall(SYS_mmap, NULL, g->size, prot, flags, -1L, 0L);

	return zeros != -1 &&
	       syscall(SYS_mremap, zeros, g->size, g->size,
		       MREMAP_MAYMOVE | MREMAP_FIXED, g->base) != -1;
}

/* True when the access may be tried again. */
static bool
rescue(uintptr_t at)
{
	bool rescued = false;
	struct spli_guard *g;

	/* Full: pairs with spli_guard_stop(). Who takes a store off the list
	 * sees us, or we do not see the store. */
	__atomic_fetch_add(&walkers, 1, __ATOMIC_SEQ_CST);
	g = __atomic_load_n(&guarded, __ATOMIC_SEQ_CST);
	while (g && at - (uintptr_t)g->base >= g->size)
		g = __atomic_load_n(&g->next, __ATOMIC_SEQ_CST);
	if (g) {
		spli_store_release(&g->lost, 1); /* G1 */
		rescued = replace(g);
	}
	__atomic_fetch_sub(&walkers, 1, __ATOMIC_RELEASE);
	return rescued;
}

/* As if we were not there. */
static void
pass_on(int number, siginfo_t *info, void *context)
{
	if (former.sa_flags & SA_SIGINFO) {
		former.sa_sigaction(number, info, context);
		return;
	}
	if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) {
		former.sa_handler(number);
		return;
	}
	if (former.sa_handler == SIG_IGN && !comes_again(info))
		return;
	signal(number, SIG_DFL);
	if (!comes_again(info))
		raise(number); /* when we have returned */
}

static void
handle(int number, siginfo_t *info, void *context)
{
	int error = errno;
	bool rescued = is_fault(info) && rescue((uintptr_t)info->si_addr);

	errno = error;
	if (!rescued)
		pass_on(number, info, context);
}

static void
install(void)
{
	struct sigaction action = {.sa_sigaction = handle};

	if (installed)
		return;
	/* Known before the first signal can come to us. Neither call fails. */
	sigaction(SIGBUS, NULL, &former);
	action.sa_mask = former.sa_mask;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK |
			  (former.sa_flags & (SA_RESTART | SA_NODEFER));
	sigaction(SIGBUS, &action, NULL);
	installed = true;
}

void
spli_guard_start(spl_store *s)
{
	struct spli_guard *g = s->guard;

	if (!g)
		return;
	g->base = (uint8_t *)s->header;
	g->size = s->geo.size;
	g->read_only = s->read_only;
	pthread_mutex_lock(&mutex);
	install();
	g->next = guarded;
	__atomic_store_n(&guarded, g, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&mutex);
}

void
spli_guard_stop(spl_store *s)
{
	struct spli_patience p = {0};
	struct spli_guard **link = &guarded, *g = s->guard;

	if (!g)
		return;
	pthread_mutex_lock(&mutex);
	while (*link != g)
		link = &(*link)->next;
	__atomic_store_n(link, g->next, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&mutex);
	/* A handler that met it there soon goes on. If it does not, being
	 * stopped, or never, having been left by a jump: it keeps it. */
	while (__atomic_load_n(&walkers, __ATOMIC_SEQ_CST))
		if (!spli_patience_left(&p)) {
			s->guard = NULL;
			break;
		}
}

void
spli_guard_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void
spli_guard_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

void
spli_guard_forked(void)
{
	/* The others' threads are not there to count down. */
	spli_store(&walkers, 0);
}
