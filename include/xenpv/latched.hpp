// SPDX-License-Identifier: GPL-2.0-only
// A value that readers in any context see whole, without a lock and without ever waiting
// for the writer.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace xenpv {

// Two copies, of which readers use one while the other is written.  Writers are serialised
// by their owner; a reader starts anew only when a write has moved on meanwhile, so that
// it may interrupt the writer on the same CPU.
template <typename T, size_t words = sizeof(T) / 4>
class latched {
	static_assert(__is_trivially_copyable(T) && sizeof(T) == words * 4);

public:
	latched() { write({}); }
	latched(const latched &) = delete;
	latched &operator=(const latched &) = delete;

	void write(const T &value)
	{
		uint32_t raw[words];
		__builtin_memcpy(raw, &value, sizeof(raw));
		for (int round = 0; round < 2; ++round) {
			const uint32_t turn = turn_.load(std::memory_order_relaxed);
			// Release: the copy readers are sent to is complete.
			turn_.store(turn + 1, std::memory_order_release);
			// They are sent away before this one changes; pairs with the fence in read.
			std::atomic_thread_fence(std::memory_order_release);
			for (size_t i = 0; i < words; ++i)
				copies_[turn & 1][i].store(raw[i], std::memory_order_relaxed);
		}
	}
	[[nodiscard]] T read() const
	{
		uint32_t raw[words];
		uint32_t turn;
		do {
			turn = turn_.load(std::memory_order_acquire);
			for (size_t i = 0; i < words; ++i)
				raw[i] = copies_[turn & 1][i].load(std::memory_order_relaxed);
			std::atomic_thread_fence(std::memory_order_acquire);
		} while (turn_.load(std::memory_order_relaxed) != turn);
		T value;
		__builtin_memcpy(&value, raw, sizeof(value));
		return value;
	}

private:
	std::atomic<uint32_t> turn_{0}; // its last bit is the readers' copy
	std::atomic<uint32_t> copies_[2][words] = {};
};

} // namespace xenpv
