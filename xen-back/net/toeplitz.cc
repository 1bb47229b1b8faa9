// SPDX-License-Identifier: GPL-2.0-only
#include <xen-back/net/toeplitz.hpp>

namespace xenpv::netback {

// Each bit that is set adds the 32 bits of the key that begin at its place.
uint32_t toeplitz(const uint8_t (&key)[toeplitz_key_bytes], const uint8_t *data, size_t length)
{
	uint64_t window = 0; // the 40 bits of the key that one byte of data can reach
	for (uint32_t i = 0; i < 4; ++i)
		window = window << 8 | key[i];
	uint32_t hash = 0;
	for (size_t i = 0; i < length; ++i) {
		window = window << 8 | key[i + 4];
		// No branch: what bits are set in an address is nothing to predict.
		for (uint32_t bit = 0; bit < 8; ++bit)
			hash ^= static_cast<uint32_t>(window >> (8 - bit)) & (0u - (data[i] >> (7 - bit) & 1u));
	}
	return hash;
}

} // namespace xenpv::netback
