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

[[nodiscard]] constexpr bool parse_hex_digit(char c, uint32_t &out)
{
	if (c >= '0' && c <= '9')
		out = static_cast<uint32_t>(c - '0');
	else if (c >= 'a' && c <= 'f')
		out = static_cast<uint32_t>(c - 'a') + 10;
	else if (c >= 'A' && c <= 'F')
		out = static_cast<uint32_t>(c - 'A') + 10;
	else
		return false;
	return true;
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
			if (!parse_hex_digit(*text, d))
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

// "00:16:3e:01:02:03", of one station: neither a group's address nor nobody's.
[[nodiscard]] constexpr bool parse_mac(const char *text, uint8_t (&mac)[6])
{
	uint32_t any = 0;
	for (size_t i = 0; i < 6; ++i) {
		uint32_t byte = 0;
		for (size_t k = 0; k < 2; ++k, ++text) {
			uint32_t d = 0;
			if (!parse_hex_digit(*text, d))
				return false;
			byte = byte * 16 + d;
		}
		if (*text++ != (i == 5 ? '\0' : ':'))
			return false;
		mac[i] = static_cast<uint8_t>(byte);
		any |= byte;
	}
	return (mac[0] & 1) == 0 && any != 0;
}

[[nodiscard]] constexpr bool same_text(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
		++a, ++b;
	return *a == *b;
}

} // namespace xenpv
