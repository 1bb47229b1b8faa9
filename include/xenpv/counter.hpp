// SPDX-License-Identifier: GPL-2.0-only
// A count with one writer at a time and readers at any time: no locked
// instruction on the data path.
#pragma once
#include <atomic>
#include <cstdint>

namespace xenpv {

class counter {
public:
	constexpr counter() = default;
	counter(const counter &) = delete;
	counter &operator=(const counter &) = delete;

	// Under the lock, or by the one thread, that owns the count.
	void add(uint64_t n = 1)
	{
		value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
	}
	void set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
	[[nodiscard]] uint64_t get() const { return value_.load(std::memory_order_relaxed); }

private:
	std::atomic<uint64_t> value_{0};
};

} // namespace xenpv
