// SPDX-License-Identifier: GPL-2.0-only
#include <linux/export.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include <kapi/lock.h>

static_assert(sizeof(spinlock_t) <= sizeof(struct kapi_spinlock));
static_assert(__alignof__(spinlock_t) <= __alignof__(struct kapi_spinlock));
static_assert(sizeof(struct mutex) <= sizeof(struct kapi_mutex));
static_assert(__alignof__(struct mutex) <= __alignof__(struct kapi_mutex));

static spinlock_t *spin(struct kapi_spinlock *lock)
{
	return (spinlock_t *)lock->opaque;
}

static struct mutex *mutex(struct kapi_mutex *lock)
{
	return (struct mutex *)lock->opaque;
}

/*
 * lockdep puts all locks that one line initialises into one class, and then takes
 * any nesting of two for a deadlock.  Ours nest (a queue's lock around the grant
 * layer's), so their class is the place that calls: of a key only the address
 * counts, which has to be within a module or the kernel.
 */
#define CALLER ((struct lock_class_key *)__builtin_return_address(0))

void kapi_spin_init(struct kapi_spinlock *lock)
{
	spin_lock_init(spin(lock));
	lockdep_set_class_and_name(spin(lock), CALLER, "xenpv spinlock");
}
EXPORT_SYMBOL_GPL(kapi_spin_init);

unsigned long kapi_spin_lock(struct kapi_spinlock *lock) __acquires(lock)
{
	unsigned long flags;

	spin_lock_irqsave(spin(lock), flags);
	__acquire(lock);
	return flags;
}
EXPORT_SYMBOL_GPL(kapi_spin_lock);

void kapi_spin_unlock(struct kapi_spinlock *lock, unsigned long flags) __releases(lock)
{
	__release(lock);
	spin_unlock_irqrestore(spin(lock), flags);
}
EXPORT_SYMBOL_GPL(kapi_spin_unlock);

void kapi_mutex_init(struct kapi_mutex *lock)
{
	mutex_init(mutex(lock));
	lockdep_set_class_and_name(mutex(lock), CALLER, "xenpv mutex");
}
EXPORT_SYMBOL_GPL(kapi_mutex_init);

void kapi_mutex_lock(struct kapi_mutex *lock)
{
	mutex_lock(mutex(lock));
}
EXPORT_SYMBOL_GPL(kapi_mutex_lock);

void kapi_mutex_unlock(struct kapi_mutex *lock)
{
	mutex_unlock(mutex(lock));
}
EXPORT_SYMBOL_GPL(kapi_mutex_unlock);
