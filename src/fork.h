/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork.h - all handles of the process, so that a child can go on with them.
 */
#ifndef SPLI_FORK_H
#define SPLI_FORK_H

#include "store.h"

/*
 * spli_handle_start - make a mapped handle ready for use, and known to the
 * fork handlers; repairs what dead writers left. -ENOMEM, and as open(2).
 */
int spli_handle_start(spl_store *s);
/* The opposite. Nobody uses the handle any more. */
void spli_handle_stop(spl_store *s);

#endif
