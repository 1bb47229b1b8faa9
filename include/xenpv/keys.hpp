// SPDX-License-Identifier: GPL-2.0-only
// Numbers and words out of a peer's xenstore directory.
#pragma once
#include <kapi/xenbus.h>

#include <xenpv/reporter.hpp>
#include <xenpv/result.hpp>
#include <xenpv/text.hpp>

#include <cstdint>

namespace xenpv {

class keys {
public:
	keys(kapi_xenbus *bus, kapi_side side, reporter &log) : bus_(bus), side_(side), log_(log) {}

	// A number in [min, max].  Reported when it is absent or anything else.
	[[nodiscard]] result<uint64_t> required(const char *key, uint64_t min, uint64_t max)
	{
		return number(key, min, max, true, 0);
	}
	// The same, `otherwise` when it is absent.
	[[nodiscard]] result<uint64_t> optional(const char *key, uint64_t min, uint64_t max, uint64_t otherwise)
	{
		return number(key, min, max, false, otherwise);
	}
	// A switch: 0 or 1, off when it is absent.  Anything else is reported and off.
	[[nodiscard]] bool feature(const char *key, bool otherwise = false)
	{
		return number(key, 0, 1, false, otherwise ? 1 : 0).value_or(0) == 1;
	}

private:
	[[nodiscard]] result<uint64_t> number(const char *key, uint64_t min, uint64_t max, bool required,
					      uint64_t otherwise)
	{
		char text[24];
		const int length = kapi_xenbus_read(bus_, side_, key, text, sizeof(text));
		const err missing = length < 0 ? from_errno(length) : err::none;
		if (missing == err::not_found && !required)
			return otherwise;
		if (missing != err::none) {
			log_.say(KAPI_ERROR, "xenstore key %s: %s", key,
				 missing == err::not_found ? "absent" : "cannot be read or is too long");
			return missing;
		}
		const auto n = parse_number(text, min, max);
		if (!n.ok())
			log_.say(KAPI_ERROR, "xenstore key %s: \"%s\" is not a number from %llu to %llu", key, text,
				 static_cast<unsigned long long>(min), static_cast<unsigned long long>(max));
		return n;
	}

	kapi_xenbus *bus_;
	kapi_side side_;
	reporter &log_;
};

} // namespace xenpv
