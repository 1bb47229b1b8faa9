// SPDX-License-Identifier: GPL-2.0-only
// Our frontend with a backend that a test plays by hand.
#pragma once
#include "net_fixture.hpp"

#include <userspace/sim/hand_netback.hpp>
#include <userspace/sim/netfront_adapter.hpp>

#include <memory>

namespace xenpv::test {

using sim::hand_netback;
using sim::outgoing;

struct interface : vif_machine {
	void make(const keys &front_keys = {})
	{
		make_vif();
		for (const auto &[key, value] : front_keys)
			tools->set_front(key, value);
		front = std::make_unique<kapi_netfront>(*tools);
		back = std::make_unique<hand_netback>(*tools);
		BOOST_REQUIRE_EQUAL(front->probe(), 0);
	}
	void start(const keys &back_keys = {}, const keys &front_keys = {})
	{
		make(front_keys);
		connect(back_keys);
	}
	void connect(const keys &back_keys = {})
	{
		BOOST_REQUIRE(back->connect(back_keys));
		BOOST_REQUIRE(eventually([&] { return !front->seen().paused; }));
		// The first poll of each queue is over, and nothing moves.
		BOOST_REQUIRE(eventually([&] { return front->seen().polls >= back->queues(); }));
	}
	void stop()
	{
		front.reset();
		back.reset();
		sent.clear();
		tools.reset();
	}
	~interface()
	{
		stop();
		// What the backend kept is looked at once more.
		BOOST_CHECK(eventually([&] {
			world.clock().advance(std::chrono::milliseconds(1100));
			return world.live().accesses == 0;
		}));
	}

	// Transmits a packet that fills its pieces with pattern(length, seed).
	outgoing &transmit(uint32_t length, uint32_t pieces = 1, const kapi_net_meta &meta = {}, uint32_t queue = 0,
			   uint32_t seed = 1)
	{
		auto &p = *sent.emplace_back(std::make_unique<outgoing>(meta));
		add_pieces(p, length, pieces);
		p.fill(pattern(length, seed));
		BOOST_REQUIRE(front->transmit(queue, p) >= 0);
		return p;
	}
	// What the backend has of it.
	[[nodiscard]] hand_netback::sent taken(uint32_t queue = 0)
	{
		hand_netback::sent s;
		BOOST_REQUIRE(back->take(&s, queue));
		return s;
	}
	// n packets of one slot, sent and in the backend's hands.
	std::vector<hand_netback::sent> exchange(uint32_t n)
	{
		for (uint32_t i = 0; i < n; ++i)
			transmit(100);
		front->commit(0);
		std::vector<hand_netback::sent> out;
		for (uint32_t i = 0; i < n; ++i)
			out.push_back(taken());
		return out;
	}
	// The next packet that arrives.
	[[nodiscard]] sim::arrival arrival()
	{
		BOOST_REQUIRE(eventually([&] { return front->arrived() != 0; }));
		auto all = front->take_arrived();
		BOOST_REQUIRE_EQUAL(all.size(), 1u);
		return std::move(all[0]);
	}
	[[nodiscard]] netif::rx_request buffer()
	{
		netif::rx_request r{};
		BOOST_REQUIRE(back->take_buffer(&r));
		return r;
	}

	// The device says that it is broken, hands back what was to be sent, once, and
	// stays quiet.
	void expect_broken(const std::string &why)
	{
		BOOST_TEST(eventually([&] { return tools->front_state() == 6; }), why);
		for (auto &p : sent) {
			BOOST_TEST(front->wait(*p) != outgoing::pending, why);
			BOOST_TEST(p->completions == 1, why);
		}
		BOOST_TEST(front->seen().paused, why);
		BOOST_TEST(world.store().read("error/" + tools->front.own + "/error").has_value(), why);
		world.store().remove("error/" + tools->front.own);
		BOOST_TEST(front->arrived() == 0u, why);
	}
	// A new driver and a new backend find a device that works.
	void works_again()
	{
		front.reset();
		back.reset();
		sent.clear();
		tools->set_front("state", "1");
		tools->set_back("state", "1");
		front = std::make_unique<kapi_netfront>(*tools);
		back = std::make_unique<hand_netback>(*tools);
		BOOST_REQUIRE_EQUAL(front->probe(), 0);
		connect();
		still_works();
	}
	// A packet goes each way.
	void still_works()
	{
		outgoing &p = transmit(1000, 1, {}, 0, 99);
		front->commit(0);
		const auto s = taken();
		BOOST_TEST((s.bytes == pattern(1000, 99)));
		back->answer(s);
		back->tx().push();
		BOOST_TEST(front->wait(p) == 1);
		BOOST_REQUIRE(back->send(pattern(600, 98)));
		BOOST_TEST((arrival().bytes == pattern(600, 98)));
	}

	std::unique_ptr<kapi_netfront> front;
	std::unique_ptr<hand_netback> back;
	std::vector<std::unique_ptr<outgoing>> sent;
};

} // namespace xenpv::test
