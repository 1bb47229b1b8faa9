// SPDX-License-Identifier: GPL-2.0-only
// A value the peer wrote.  It cannot be an index, length, reference or count
// until a named check has turned it into a plain value: peer<T> converts to
// nothing.  (XSA-155, 270, 376: unchecked ids, lengths and counts.)
#pragma once
#include <xenpv/result.hpp>

namespace xenpv {

template <typename T>
class peer {
public:
	constexpr peer() = default;
	constexpr explicit peer(T raw) : raw_(raw) {}

	// raw <= max, or err::range
	[[nodiscard]] constexpr result<T> at_most(T max) const { return within(T{}, max); }
	// raw < end, or err::range: an index into `end` things
	[[nodiscard]] constexpr result<T> below(T end) const
	{
		return raw_ < end ? result<T>(raw_) : result<T>(err::range);
	}
	// min <= raw <= max, or err::range
	[[nodiscard]] constexpr result<T> within(T min, T max) const
	{
		return raw_ >= min && raw_ <= max ? result<T>(raw_) : result<T>(err::range);
	}
	// Comparison tells nothing that could be used as an index.
	[[nodiscard]] constexpr bool is(T expected) const { return raw_ == expected; }
	// Every value is good here, and `why` says so: a token echoed back unread, a
	// grant reference the hypervisor checks, a number in a message.
	template <typename Why>
	[[nodiscard]] constexpr T unchecked(Why) const
	{
		return raw_;
	}

private:
	T raw_{};
};

// Reasons for peer<T>::unchecked.
struct echoed_back {};
struct hypervisor_checks {};
struct for_message {};
struct every_value_is_valid {};

} // namespace xenpv
