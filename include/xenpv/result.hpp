// SPDX-License-Identifier: GPL-2.0-only
// The only error channel: a value, or a Linux errno.
#pragma once
#include <utility>

namespace xenpv {

// Values of Linux' errno.h on x86, which user space and kernel share.
enum class err : int {
	none = 0,
	not_found = 2,
	io = 5,
	again = 11,
	no_memory = 12,
	busy = 16,
	invalid = 22,
	no_space = 28,
	range = 34,
	protocol = 71,
	not_supported = 95,
};

[[nodiscard]] constexpr int to_errno(err e)
{
	return -static_cast<int>(e);
}
[[nodiscard]] constexpr err from_errno(int rc)
{
	return static_cast<err>(rc < 0 ? -rc : rc);
}

template <typename T>
class [[nodiscard]] result {
public:
	constexpr result(T value) : value_(std::move(value)) {}
	constexpr result(err e) : err_(e) {}

	[[nodiscard]] constexpr bool ok() const { return err_ == err::none; }
	[[nodiscard]] constexpr err error() const { return err_; }
	// Only after ok(): a wrong reader stops here instead of going on with nothing.
	[[nodiscard]] constexpr T &value()
	{
		if (!ok())
			__builtin_trap();
		return value_;
	}
	// Moves the value out; only after ok().
	[[nodiscard]] constexpr T take() { return std::move(value()); }
	[[nodiscard]] constexpr T value_or(T other) const { return ok() ? value_ : other; }

private:
	T value_{};
	err err_ = err::none;
};

template <>
class [[nodiscard]] result<void> {
public:
	constexpr result() = default;
	constexpr result(err e) : err_(e) {}
	[[nodiscard]] constexpr bool ok() const { return err_ == err::none; }
	[[nodiscard]] constexpr err error() const { return err_; }

private:
	err err_ = err::none;
};

[[nodiscard]] constexpr result<void> from_rc(int rc)
{
	return rc < 0 ? result<void>(from_errno(rc)) : result<void>();
}

} // namespace xenpv

// The value of an expression, or leave the function with its error.
#define XENPV_TRY(expr)                            \
	({                                         \
		auto xenpv_try_ = (expr);          \
		if (!xenpv_try_.ok())              \
			return xenpv_try_.error(); \
		xenpv_try_.take();                 \
	})
// The same for result<void>.
#define XENPV_CHECK(expr)                       \
	do {                                    \
		if (auto r_ = (expr); !r_.ok()) \
			return r_.error();      \
	} while (false)
