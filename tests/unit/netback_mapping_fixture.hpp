// SPDX-License-Identifier: GPL-2.0-only
// A guest that sends large packets, and a stack that does with them as it is told.
#pragma once
#include "netback_fixture.hpp"

#include <xen-back/net/mapping.hpp>

namespace xenpv::test {

namespace netif = xenpv::netif;
using way = kapi_netback::way;
using netback::mapping;

constexpr uint32_t large = 65000;
constexpr uint32_t large_slots = 16;

struct mapped_vif : vif {
	void serve(way w)
	{
		start();
		back->set_way(w);
		attach();
	}
	uint16_t put(uint32_t seed, uint32_t length = large, uint32_t slots = large_slots)
	{
		return front->put_packet(pattern(length, seed), slots);
	}
	uint16_t send(uint32_t seed, uint32_t length = large, uint32_t slots = large_slots)
	{
		const uint16_t first = put(seed, length, slots);
		front->tx().push();
		return first;
	}
	void expect_arrival(uint32_t seed, uint32_t length = large)
	{
		BOOST_TEST((arrival().bytes == pattern(length, seed)));
	}
	[[nodiscard]] kapi_netback_queue_stats stats() { return back->stats(0); }
	// Mapping is found to pay, and everything is released.
	void warm_up()
	{
		back->set_way(way::passed_on);
		const uint16_t first = send(1);
		BOOST_TEST(front->take_answers(large_slots).all(first, large_slots, netif::status::okay));
		expect_arrival(1);
		BOOST_TEST(frames() == 0);
	}
	// Of the guest, mapped here.
	[[nodiscard]] int64_t frames() { return world.live().mappings - world.live().rings; }
	void expect_no_answer()
	{
		world.settle();
		BOOST_TEST(front->tx().available() == 0u);
	}
	// A packet that the stack keeps; its first id.
	uint16_t keep(uint32_t seed, uint32_t length = large, uint32_t slots = large_slots)
	{
		back->set_way(way::kept);
		const size_t before = back->kept();
		const uint16_t first = send(seed, length, slots);
		expect_arrival(seed, length);
		BOOST_REQUIRE(eventually([&] { return back->kept() == before + 1; }));
		return first;
	}
	// The connection ends while the stack keeps what it has.
	void close_and_wait()
	{
		world.clock().skip_sleeps();
		front->set_state(5);
		world.settle();
	}
};

} // namespace xenpv::test
