/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases of another process's writer entry, and taking them back.
 *
 * To scrub its ring a switcher of auto-vacuum leases every entry, whoever owns
 * it, by writing the name of an entry of its own into the lease. It may die
 * before any step. Whoever repairs its entry forgets what is leased in that
 * entry's name, and he holds the kernel's lock on the entry's byte meanwhile:
 * nobody can adopt it at the same time and lease once more under the same name.
 *
 * Entry 1 has a living owner who leases it again and again; when he finds it
 * leased by a dead switcher he repairs that one. Entry 2 belongs to the switcher,
 * who may die before any step; then an adopter takes it over, forgets, may
 * switch as well, and may die too; a second adopter lives and keeps the entry
 * until all is over. The kernel gives a lock to one process at a time and takes it
 * back at death. With -DTHREADS owner and adopter are threads of one process: to
 * the kernel one and the same, so a mutex of the process has to keep them apart.
 *
 * Checked: never two inside the leased entry; the owner is not kept out for good
 * (no invalid end state; so run it without -E).
 *
 *   spin -a steal.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m300000
 *
 * Scope:    -DROUNDS=n leases of the owner; -DTHREADS
 * Mutants:  -DNO_LOCK    the owner asks whether the switcher is dead, without
 *                        holding the lock
 *           -DNO_ASK     the owner believes that a foreign lease is a dead one's
 *           -DNO_FORGET  an adopter leaves its predecessor's leases alone
 *           -DNO_MUTEX   with -DTHREADS: without the mutex
 */
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define OWNER 1                         /* a name in the lease, and of an entry */
#define SWITCHER 2
/* processes, to the kernel */
#define NOBODY 0
#define P_OWNER 1
#ifdef THREADS
#define P_ADOPTER(i) P_OWNER
#define THREADED true
#else
#define P_ADOPTER(i) (2 + (i))
#define THREADED false
#endif
#define P_SWITCHER 5
#define MAYDIE if :: skip :: may_die -> goto died fi
#define STEP(s) atomic { s; MAYDIE }
#if defined(THREADS) && !defined(NO_MUTEX)
#define MUTEX_LOCK atomic { !mutex -> mutex = true }
#define MUTEX_UNLOCK mutex = false
#else
#define MUTEX_LOCK skip
#define MUTEX_UNLOCK skip
#endif

byte lease = 0;                         /* of entry 1 */
byte klock = P_SWITCHER;                /* the kernel's lock on entry 2's byte */
byte inside = 0;                        /* entry 1 */
byte deaths = 0;                        /* of entry 2's owners */
bool mutex = false;                     /* of the process that has threads */
bool mine = false;                      /* and whether entry 2 is its own */
bool over = false;

/* Use entry 1, whose lease we hold; then give the lease back. */
inline use() {
  atomic {
    inside++; assert(inside == 1);
    if :: skip :: may_die -> inside--; goto died fi
  }
  STEP(inside--);
  STEP(lease = 0)
}

/* Part of every repair of entry 2: what is leased in its name, the dead one leased. */
inline forget() {
  atomic { if :: lease == SWITCHER -> lease = 0 :: else fi }
}

proctype Owner() {
  byte rounds = 0; bool may_die = false;
  do
  :: rounds >= ROUNDS -> break
  :: else ->
     if
     :: atomic { lease == 0 -> lease = OWNER }; use(); rounds++
     :: lease == SWITCHER && !mine ->
#ifdef NO_ASK
        forget()
#else
        MUTEX_LOCK;
        if
        :: mine || lease != SWITCHER    /* a thread beside us has it now; or it was given back */
#ifdef NO_LOCK
        :: !mine && klock == NOBODY -> forget()
#else
        :: atomic { !mine && (klock == NOBODY || klock == P_OWNER) -> klock = P_OWNER };
           forget();
           klock = NOBODY               /* also if a thread beside us had it */
#endif
        fi;
        MUTEX_UNLOCK
#endif
     fi
  od;
  over = true;
died: skip
}

proctype Switcher() {
  bool may_die = true;
  STEP(skip);
  atomic { lease == 0 -> lease = SWITCHER; MAYDIE };
  use();
died:
  atomic { klock = NOBODY; deaths = 1 } /* as at the end of any process */
}

proctype Adopter(byte i) {
  bool may_die = false;                 /* the first may die, the second not */
#ifndef THREADS
  may_die = (i == 1);                   /* a thread dies with its process only */
#endif
end:
  deaths == i;
  MUTEX_LOCK;
  do
  :: atomic { klock == NOBODY || klock == P_ADOPTER(i) -> klock = P_ADOPTER(i); mine = THREADED } break
  od;
  MUTEX_UNLOCK;
#ifndef NO_FORGET
  forget(); STEP(skip);
#endif
  if
  :: atomic { lease == 0 -> lease = SWITCHER; MAYDIE };
     use()
  :: skip
  fi;
  if :: !may_die -> over :: else fi;    /* keeps the entry */
died:
  atomic { klock = NOBODY; deaths = i + 1; mine = false }
}

init {
  atomic {
    run Owner(); run Switcher(); run Adopter(1);
#ifndef THREADS
    run Adopter(2)
#endif
  }
}
