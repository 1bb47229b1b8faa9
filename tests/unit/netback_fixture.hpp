// SPDX-License-Identifier: GPL-2.0-only
// Our backend with a frontend that a test plays by hand.
#pragma once
#include "net_fixture.hpp"

#include <userspace/sim/hand_netfront.hpp>
#include <userspace/sim/netback_adapter.hpp>

#include <memory>

namespace xenpv::test {

using sim::hand_netfront;
using sim::to_guest;

struct vif : vif_machine {
	void start()
	{
		back.reset();
		front.reset();
		make_vif();
		back = std::make_unique<kapi_netback>(*tools);
		BOOST_REQUIRE_EQUAL(back->probe(), 0);
		tools->hotplug();
		world.settle();
		BOOST_REQUIRE_EQUAL(tools->back_state(), 2);
	}
	hand_netfront &attach(const hand_netfront::options &o = {})
	{
		front = std::make_unique<hand_netfront>(*tools, o);
		BOOST_REQUIRE(front->connect());
		BOOST_REQUIRE(back->seen().carrier);
		return *front;
	}
	// The frontend closes and goes, and another one can come.
	void leave()
	{
		front->set_state(5);
		world.settle();
		front->set_state(6);
		world.settle();
		front.reset();
		tools->remove_front("multi-queue-num-queues");
		for (const char *key :
		     {"event-channel", "event-channel-tx", "event-channel-rx", "ctrl-ring-ref", "event-channel-ctrl"})
			tools->remove_front(key);
		for (uint32_t q = 0; q < KAPI_NET_MAX_QUEUES; ++q)
			tools->remove_front("queue-" + std::to_string(q));
		tools->set_front("state", "1");
		world.settle();
		BOOST_REQUIRE_EQUAL(tools->back_state(), 2);
	}
	// A packet goes each way.
	void still_works(uint32_t queue = 0)
	{
		const auto id = front->put_packet(pattern(1000, 77), 1, 0, {}, queue);
		front->tx(queue).push();
		BOOST_TEST(front->take_answers(1, queue).all(id, 1, netif::status::okay));
		BOOST_TEST((arrival().bytes == pattern(1000, 77)));
		front->post(1, queue);
		auto &p = packet(900, 1, {}, 78);
		BOOST_TEST(back->send(queue, p) >= 0);
		BOOST_TEST(back->wait(p) == 1);
		hand_netfront::received r;
		BOOST_TEST_REQUIRE(front->take(&r, queue));
		BOOST_TEST((r.bytes == pattern(900, 78)));
	}
	// The connection ends, says why, and a frontend that starts over is served.
	void expect_broken(const std::string &why)
	{
		BOOST_TEST(eventually([&] { return tools->back_state() == 5; }), why);
		BOOST_TEST(!back->seen().carrier, why);
		BOOST_TEST(back->seen().owed == 0u, why);
		BOOST_TEST(world.live().rings == 0, why);
		BOOST_TEST(world.live().workers == 0, why);
		BOOST_TEST(world.store().read("error/" + tools->back.own + "/error").has_value(), why);
		world.store().remove("error/" + tools->back.own);
		leave();
		attach();
		static_cast<void>(back->take_arrived());
		still_works();
		leave();
	}
	// The packet of `slots` answered slots from `first` on was answered with an error or
	// as dropped, its extras with null, and nothing of it arrived.
	void expect_refused(const std::string &why, uint16_t first, uint32_t slots, uint32_t extras = 0)
	{
		front->tx().push();
		const auto a = front->take_answers(slots + extras);
		BOOST_TEST((a.all(first, slots, netif::status::error) || a.all(first, slots, netif::status::dropped)),
			   why);
		BOOST_TEST(a.nulls == extras, why);
		BOOST_TEST(back->arrived() == 0u, why);
		BOOST_TEST(tools->back_state() == 4, why);
		still_works();
	}
	[[nodiscard]] sim::arrival arrival()
	{
		BOOST_REQUIRE(eventually([&] { return back->arrived() != 0; }));
		auto all = back->take_arrived();
		BOOST_REQUIRE_EQUAL(all.size(), 1u);
		return std::move(all[0]);
	}
	// A packet for the guest, full of pattern(length, seed).
	to_guest &packet(uint32_t length, uint32_t pieces = 1, const kapi_net_meta &meta = {}, uint32_t seed = 1,
			 uint32_t offset = 0)
	{
		auto &p = *packets.emplace_back(std::make_unique<to_guest>(meta));
		add_pieces(p, length, pieces, offset);
		p.fill(pattern(length, seed));
		return p;
	}
	~vif()
	{
		back.reset();
		front.reset();
		packets.clear();
		tools.reset();
	}

	std::unique_ptr<kapi_netback> back;
	std::unique_ptr<hand_netfront> front;
	std::vector<std::unique_ptr<to_guest>> packets;
};

} // namespace xenpv::test
