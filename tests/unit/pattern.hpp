// SPDX-License-Identifier: GPL-2.0-only
// Bytes that a test knows again.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace xenpv::test {

inline std::vector<std::byte> pattern(size_t bytes, uint32_t seed)
{
	std::vector<std::byte> out(bytes);
	uint32_t x = seed * 2654435761u + 1;
	for (std::byte &b : out) {
		x = x * 1664525u + 1013904223u;
		b = static_cast<std::byte>(x >> 24);
	}
	return out;
}

} // namespace xenpv::test
