// SPDX-License-Identifier: GPL-2.0-only
// Our frontend and our backend, connected.
#pragma once
#include "net_fixture.hpp"

#include <userspace/sim/netback_adapter.hpp>
#include <userspace/sim/netfront_adapter.hpp>

#include <memory>

namespace xenpv::test {

using sim::outgoing;
using sim::to_guest;

struct wire : vif_machine {
	// What the toolstack says in the backend's directory (it offers what it can itself).
	void start(uint32_t cpus = 1, const keys &front_keys = {})
	{
		world.set_cpus(cpus);
		make_vif();
		for (const auto &[key, value] : front_keys)
			tools->set_front(key, value);
		back = std::make_unique<kapi_netback>(*tools);
		front = std::make_unique<kapi_netfront>(*tools);
		BOOST_REQUIRE_EQUAL(back->probe(), 0);
		BOOST_REQUIRE_EQUAL(front->probe(), 0);
		tools->hotplug();
		wait_until_connected();
	}
	void wait_until_connected()
	{
		BOOST_REQUIRE(eventually([&] { return !front->seen().paused && back->seen().carrier; }));
		world.settle();
		BOOST_REQUIRE_EQUAL(tools->front_state(), 4);
		BOOST_REQUIRE_EQUAL(tools->back_state(), 4);
	}
	void stop()
	{
		front.reset();
		back.reset();
		up.clear();
		down.clear();
		tools.reset();
	}
	~wire() { stop(); }

	// A packet of pattern(length, seed), that fills its pieces.
	outgoing &from_guest(uint32_t length, uint32_t pieces = 1, const kapi_net_meta &meta = {}, uint32_t seed = 1)
	{
		auto &p = *up.emplace_back(std::make_unique<outgoing>(meta));
		add_pieces(p, length, pieces);
		p.fill(pattern(length, seed));
		return p;
	}
	to_guest &for_guest(uint32_t length, uint32_t pieces = 1, const kapi_net_meta &meta = {}, uint32_t seed = 1)
	{
		auto &p = *down.emplace_back(std::make_unique<to_guest>(meta));
		add_pieces(p, length, pieces);
		p.fill(pattern(length, seed));
		return p;
	}
	template <typename Adapter>
	[[nodiscard]] sim::arrival arrival(Adapter &at)
	{
		BOOST_REQUIRE(eventually([&] { return at.arrived() != 0; }));
		auto all = at.take_arrived();
		BOOST_REQUIRE_EQUAL(all.size(), 1u);
		return std::move(all[0]);
	}
	// One each way, on each queue.
	void still_works(uint32_t queues = 1) { exchange(queues, true); }
	// The same where what was sent before may still be arriving.
	void works_again(uint32_t queues = 1) { exchange(queues, false); }

	std::unique_ptr<kapi_netback> back;
	std::unique_ptr<kapi_netfront> front;
	std::vector<std::unique_ptr<outgoing>> up;
	std::vector<std::unique_ptr<to_guest>> down;

private:
	template <typename Adapter>
	[[nodiscard]] bool comes(Adapter &at, const bytes &wanted, bool alone)
	{
		if (alone)
			return arrival(at).bytes == wanted;
		return eventually([&] {
			const auto all = at.take_arrived();
			return std::any_of(all.begin(), all.end(), [&](const auto &a) { return a.bytes == wanted; });
		});
	}
	void exchange(uint32_t queues, bool alone)
	{
		for (uint32_t q = 0; q < queues; ++q) {
			auto &a = from_guest(3000, 1, {}, 31);
			BOOST_REQUIRE_EQUAL(front->send(q, a), 0);
			BOOST_TEST(comes(*back, pattern(3000, 31), alone));
			BOOST_TEST(front->wait(a) == 1);
			auto &b = for_guest(3000, 1, {}, 32);
			BOOST_REQUIRE(back->send(q, b) >= 0);
			BOOST_TEST(comes(*front, pattern(3000, 32), alone));
			BOOST_TEST(back->wait(b) == 1);
		}
		up.clear();
		down.clear();
	}
};

} // namespace xenpv::test
