// SPDX-License-Identifier: GPL-2.0-only
// kapi/lock.h on pthread mutexes, which TSan understands: it reports lock orders
// that could deadlock, and what is reached without its lock.
#include <userspace/sim/context.hpp>

#include <kapi/lock.h>

#include <pthread.h>

#include <new>

namespace {

template <typename Storage>
pthread_mutex_t *inside(Storage *s)
{
	static_assert(sizeof(Storage) >= sizeof(pthread_mutex_t));
	return std::launder(reinterpret_cast<pthread_mutex_t *>(s->opaque));
}

template <typename Storage>
void init(Storage *s)
{
	auto *m = ::new (static_cast<void *>(s->opaque)) pthread_mutex_t;
	pthread_mutexattr_t kind;
	pthread_mutexattr_init(&kind);
	// A lock taken twice by its holder is reported instead of hanging the test.
	pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(m, &kind);
	pthread_mutexattr_destroy(&kind);
}

template <typename Storage>
void lock(Storage *s)
{
	if (pthread_mutex_lock(inside(s)) != 0)
		xenpv::sim::violation("a lock is taken by its holder, or was never initialised");
}

template <typename Storage>
void unlock(Storage *s)
{
	if (pthread_mutex_unlock(inside(s)) != 0)
		xenpv::sim::violation("a lock is released by somebody who does not hold it");
}

} // namespace

void kapi_spin_init(kapi_spinlock *l)
{
	init(l);
}

unsigned long kapi_spin_lock(kapi_spinlock *l)
{
	xenpv::sim::enter_atomic();
	lock(l);
	return 0x5EED;
}

void kapi_spin_unlock(kapi_spinlock *l, unsigned long flags)
{
	if (flags != 0x5EED)
		xenpv::sim::violation("kapi_spin_unlock with flags that no lock returned");
	unlock(l);
	xenpv::sim::leave_atomic();
}

void kapi_mutex_init(kapi_mutex *l)
{
	init(l);
}

void kapi_mutex_lock(kapi_mutex *l)
{
	xenpv::sim::might_sleep("kapi_mutex_lock");
	lock(l);
}

void kapi_mutex_unlock(kapi_mutex *l)
{
	unlock(l);
}
