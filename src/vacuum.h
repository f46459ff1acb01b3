/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vacuum.h - auto-vacuum: no byte of a former key or value stays anywhere.
 *
 * While the flag is on, each writer zeroes what it displaces before anybody
 * can have it again. Switching on sets the flag, then passes through every
 * writer entry's lease and zeroes its spare blocks (whoever leases later has
 * seen the flag; test/model/lease.pml), then zeroes the pool's. A writer
 * who takes a block from the pool in between cleans it himself
 * (test/model/vacuum.pml).
 */
#ifndef SPLI_VACUUM_H
#define SPLI_VACUUM_H

#include "store.h"

int spli_vacuum_switch(spl_store *s, bool on, int32_t *busy_pid);

/*
 * A switcher that dies, or gives up, before it is done leaves scrubs_done
 * behind scrubs_begun. The next open for writing tries to finish.
 */
void spli_vacuum_resume(spl_store *s);

#endif
