// SPDX-License-Identifier: GPL-2.0-only
// Data that can be reached only while its lock is held.
#pragma once
#include <kapi/lock.h>

#include <utility>

namespace xenpv {

// Constructors of locks are inlined: the place in the code is what lockdep tells kinds of locks apart by (kapi/lock.h).

// Any context; interrupts of this CPU are off inside with().
class spinlock {
public:
	[[gnu::always_inline]] spinlock() { kapi_spin_init(&lock_); }
	spinlock(const spinlock &) = delete;
	spinlock &operator=(const spinlock &) = delete;

	class [[nodiscard]] guard {
	public:
		explicit guard(spinlock &l) : lock_(l), flags_(kapi_spin_lock(&l.lock_)) {}
		guard(const guard &) = delete;
		guard &operator=(const guard &) = delete;
		~guard() { kapi_spin_unlock(&lock_.lock_, flags_); }

	private:
		spinlock &lock_;
		unsigned long flags_;
	};

private:
	kapi_spinlock lock_;
};

// Process context only.
class mutex {
public:
	[[gnu::always_inline]] mutex() { kapi_mutex_init(&lock_); }
	mutex(const mutex &) = delete;
	mutex &operator=(const mutex &) = delete;

	class [[nodiscard]] guard {
	public:
		explicit guard(mutex &m) : lock_(m) { kapi_mutex_lock(&m.lock_); }
		guard(const guard &) = delete;
		guard &operator=(const guard &) = delete;
		~guard() { kapi_mutex_unlock(&lock_.lock_); }

	private:
		mutex &lock_;
	};

private:
	kapi_mutex lock_;
};

template <typename T, typename Lock = spinlock>
class guarded {
public:
	template <typename... Args>
	[[gnu::always_inline]] explicit guarded(Args &&...args) : value_(std::forward<Args>(args)...)
	{
	}
	// Runs f(value) under the lock and returns what f returns.
	template <typename F>
	decltype(auto) with(F &&f)
	{
		typename Lock::guard held(lock_);
		return std::forward<F>(f)(value_);
	}

private:
	Lock lock_;
	T value_;
};

} // namespace xenpv
