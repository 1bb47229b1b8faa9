// SPDX-License-Identifier: GPL-2.0-only
// The Toeplitz hash (io/netif.h, "Hash algorithms"; Microsoft, "RSS Hashing Functions").
#pragma once
#include <cstddef>
#include <cstdint>

namespace xenpv::netback {

// As long as the longest input needs: 36 bytes of an IPv6 flow, and a window behind them.
inline constexpr uint32_t toeplitz_key_bytes = 40;

// `length`: at most toeplitz_key_bytes - 4, in bytes.
[[nodiscard]] uint32_t toeplitz(const uint8_t (&key)[toeplitz_key_bytes], const uint8_t *data, size_t length);

} // namespace xenpv::netback
