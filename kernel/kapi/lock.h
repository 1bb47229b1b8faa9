/* SPDX-License-Identifier: GPL-2.0-only */
/* Locks.  The storage is the caller's; the kernel side asserts that its types fit. */
#ifndef XENPV_KAPI_LOCK_H
#define XENPV_KAPI_LOCK_H
#include <kapi/types.h>

KAPI_BEGIN

/* Sized for lockdep and PREEMPT_RT kernels, whose locks are larger. */
struct kapi_spinlock {
	uint64_t opaque[12];
};
struct kapi_mutex {
	uint64_t opaque[20];
};

/* To lockdep all locks that one place in the code initialises are of a kind: an order in
 * which two kinds are taken holds for all of them, and two of a kind do not nest. */

/* Holds off interrupts of this CPU too: any context may take it. */
void kapi_spin_init(struct kapi_spinlock *lock);
unsigned long kapi_spin_lock(struct kapi_spinlock *lock);
void kapi_spin_unlock(struct kapi_spinlock *lock, unsigned long flags);

/* Process context only. */
void kapi_mutex_init(struct kapi_mutex *lock);
void kapi_mutex_lock(struct kapi_mutex *lock);
void kapi_mutex_unlock(struct kapi_mutex *lock);

KAPI_END
#endif
