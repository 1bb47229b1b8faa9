// SPDX-License-Identifier: GPL-2.0-only
// Two ends of a ring over a page of this process.
#pragma once
#include "fixture.hpp"

#include <xenpv/ring.hpp>

#include <array>
#include <cstring>

namespace xenpv::test {

struct ring_pair {
	static constexpr uint32_t slot = 112;
	static constexpr uint32_t size = 32;

	// Both ends begin at `start`, as after that many requests.
	explicit ring_pair(uint32_t start = 0) : page(bytes.data(), slot), front(page)
	{
		if (start != 0)
			run_to(start);
		back = back_ring::attach(page).value();
	}

	// In steps of whole rings it would take 2^32 requests: the indices are put there
	// by hand, and a frontend is made that stands at the same place.
	void run_to(uint32_t start)
	{
		struct {
			ring_page page;
			uint32_t made, pushed, taken;
		} stand{page, start, start, start};
		static_assert(sizeof(stand) == sizeof(front_ring));
		std::memcpy(static_cast<void *>(&front), &stand, sizeof(front));
		page.req_prod() = start;
		page.req_event() = start + 1;
		page.rsp_prod() = start;
		page.rsp_event() = start + 1;
	}

	[[nodiscard]] uint32_t word(size_t i) const
	{
		uint32_t w;
		std::memcpy(&w, bytes.data() + i * 4, 4);
		return w;
	}
	void ask(uint32_t number) { put(front, number); }
	void answer(uint32_t number) { put(back, number); }
	[[nodiscard]] uint32_t serve() { return take(back); }
	[[nodiscard]] uint32_t receive() { return take(front); }

	alignas(4096) std::array<std::byte, 4096> bytes{};
	ring_page page;
	front_ring front;
	back_ring back;
	std::atomic<uint32_t> torn{0}; // slots whose words do not belong together

private:
	// Every word of the slot carries the number, so that a torn one shows.
	template <typename Ring>
	static void put(Ring &ring, uint32_t number)
	{
		std::array<uint32_t, slot / 4> words;
		words.fill(number);
		ring.put(words.data(), sizeof(words));
	}
	template <typename Ring>
	uint32_t take(Ring &ring)
	{
		std::array<uint32_t, slot / 4> words;
		ring.take(words.data(), sizeof(words));
		for (const uint32_t w : words)
			torn += w != words[0];
		return words[0];
	}
};

} // namespace xenpv::test
