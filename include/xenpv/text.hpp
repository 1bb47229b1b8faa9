// SPDX-License-Identifier: GPL-2.0-only
// Numbers out of peer-written text.  xenstore values are hostile: absent, empty,
// negative, huge, not a number.
#pragma once
#include <xenpv/result.hpp>

#include <cstddef>
#include <cstdint>

namespace xenpv {

// A whole decimal number in [min, max]: err::invalid when it is not a number,
// err::range when it is outside.  No sign, no space, nothing after it.
[[nodiscard]] constexpr result<uint64_t> parse_number(const char *text, uint64_t min, uint64_t max)
{
	if (*text == '\0')
		return err::invalid;
	uint64_t n = 0;
	for (; *text != '\0'; ++text) {
		if (*text < '0' || *text > '9')
			return err::invalid;
		const auto digit = static_cast<uint64_t>(*text - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return err::range;
		n = n * 10 + digit;
	}
	return n >= min && n <= max ? result<uint64_t>(n) : result<uint64_t>(err::range);
}

struct device_number {
	uint32_t major;
	uint32_t minor;
};

// "MAJOR:MINOR" in hexadecimal, as hotplug scripts write `physical-device`.
[[nodiscard]] constexpr result<device_number> parse_device(const char *text)
{
	uint32_t part[2] = {};
	for (size_t i = 0; i < 2; ++i) {
		size_t digits = 0;
		for (;; ++text, ++digits) {
			uint32_t d = 0;
			if (*text >= '0' && *text <= '9')
				d = static_cast<uint32_t>(*text - '0');
			else if (*text >= 'a' && *text <= 'f')
				d = static_cast<uint32_t>(*text - 'a') + 10;
			else if (*text >= 'A' && *text <= 'F')
				d = static_cast<uint32_t>(*text - 'A') + 10;
			else
				break;
			if (digits == 7)
				return err::range;
			part[i] = part[i] * 16 + d;
		}
		if (digits == 0 || *text != (i == 0 ? ':' : '\0'))
			return err::invalid;
		++text;
	}
	// Linux device numbers: 12 bits of major, 20 of minor.
	if (part[0] >= (1u << 12) || part[1] >= (1u << 20))
		return err::range;
	return device_number{part[0], part[1]};
}

[[nodiscard]] constexpr bool same_text(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
		++a, ++b;
	return *a == *b;
}

} // namespace xenpv
