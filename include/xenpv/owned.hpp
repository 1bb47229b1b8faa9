// SPDX-License-Identifier: GPL-2.0-only
// Memory with one owner.  There is no operator new(size_t) in the engines: an
// allocation names its context and can fail.
#pragma once
#include <kapi/mem.h>

#include <cstddef>
#include <new>
#include <utility>

namespace xenpv {

enum class context { may_sleep = KAPI_MAY_SLEEP, atomic = KAPI_ATOMIC };

template <typename T>
class owned {
public:
	constexpr owned() = default;
	constexpr explicit owned(T *p) : p_(p) {}
	owned(owned &&o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
	owned &operator=(owned &&o) noexcept
	{
		if (this != &o)
			reset(std::exchange(o.p_, nullptr));
		return *this;
	}
	~owned() { reset(); }

	[[nodiscard]] explicit operator bool() const { return p_ != nullptr; }
	[[nodiscard]] T *operator->() const { return p_; }
	[[nodiscard]] T &operator*() const { return *p_; }
	[[nodiscard]] T *get() const { return p_; }
	[[nodiscard]] T *release() { return std::exchange(p_, nullptr); }
	void reset(T *next = nullptr)
	{
		if (T *old = std::exchange(p_, next)) {
			old->~T();
			kapi_free(old);
		}
	}

private:
	T *p_ = nullptr;
};

// Empty when there is no memory.
template <typename T, typename... Args>
[[nodiscard]] owned<T> make_owned(context ctx, Args &&...args)
{
	static_assert(alignof(T) <= alignof(std::max_align_t));
	void *raw = kapi_alloc(sizeof(T), static_cast<kapi_context>(ctx));
	return owned<T>{raw ? ::new (raw) T(std::forward<Args>(args)...) : nullptr};
}

} // namespace xenpv
