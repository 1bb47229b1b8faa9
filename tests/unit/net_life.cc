// SPDX-License-Identifier: GPL-2.0-only
// Our frontend against our backend: ends, returns, exhaustion.
#include "net_pair_fixture.hpp"

using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(net_life, wire)

BOOST_AUTO_TEST_CASE(detaching_ends_both)
{
	start(2);
	still_works(2);
	tools->detach();
	BOOST_TEST(eventually([&] { return tools->front_state() == 6; }));
	BOOST_TEST(eventually([&] { return back->unregistered(); }));
	BOOST_TEST(front->seen().paused);
	BOOST_TEST(front->transmit(0, from_guest(100)) == kapi_netfront::held_back);
	BOOST_TEST(back->transmit(0, for_guest(100)) == kapi_netback::held_back);
}

// The frontend's driver goes under load and comes back.
BOOST_AUTO_TEST_CASE(the_frontend_leaves_under_load_and_comes_back)
{
	start(2);
	for (int round = 0; round < 10; ++round) {
		for (uint32_t i = 0; i < 40; ++i) {
			static_cast<void>(front->transmit(i % 2, from_guest(2000, 2)));
			static_cast<void>(back->transmit(i % 2, for_guest(2000, 2)));
		}
		front->commit(0);
		front->remove();
		for (auto &p : up)
			BOOST_TEST(p->completions == 1);
		tools->set_front("state", "6"); // what the bus does when a driver has gone
		world.settle();
		BOOST_TEST(tools->back_state() == 6);
		BOOST_TEST(back->seen().owed == 0u);
		up.clear();
		down.clear();
		BOOST_TEST_REQUIRE(front->probe() == 0);
		wait_until_connected();
		works_again(2);
	}
}

// The backend's driver goes under load and comes back; the frontend need not know.
BOOST_AUTO_TEST_CASE(the_backend_leaves_under_load_and_comes_back)
{
	start(2);
	for (int round = 0; round < 10; ++round) {
		for (uint32_t i = 0; i < 40; ++i) {
			static_cast<void>(front->transmit(i % 2, from_guest(2000, 2)));
			static_cast<void>(back->transmit(i % 2, for_guest(2000, 2)));
		}
		front->commit(0), front->commit(1);
		back->remove();
		BOOST_TEST(back->seen().owed == 0u);
		BOOST_TEST_REQUIRE(back->probe() == 0);
		wait_until_connected();
		for (auto &p : up)
			BOOST_TEST(front->wait(*p) == 1, "what the guest sent is served by the next one");
		// Twice at most: copied before, answered after.
		up.clear();
		down.clear();
		works_again(2);
	}
	BOOST_TEST(front->seen().ready.size() == 1u);
}

BOOST_AUTO_TEST_CASE(resuming_reconnects)
{
	start(2);
	for (int round = 0; round < 5; ++round) {
		static_cast<void>(front->transmit(0, from_guest(2000, 2)));
		front->resume();
		wait_until_connected();
		for (auto &p : up)
			BOOST_TEST(p->completions == 1);
		up.clear();
		works_again(2);
	}
	BOOST_TEST(front->seen().ready.size() == 6u);
}

BOOST_AUTO_TEST_CASE(the_number_of_queues_changes)
{
	start(4);
	for (const uint32_t n : {1u, 3u, 2u, 4u, 1u, 4u}) {
		BOOST_TEST(front->set_queues(n) == 0);
		BOOST_TEST_REQUIRE(eventually([&] { return front->seen().ready.back().queues == n; }));
		wait_until_connected();
		BOOST_TEST(back->seen().connected.back().queues == n);
		still_works(n);
	}
}

// An administrator who wants whole packets: the backend has them filled in and segmented.
BOOST_AUTO_TEST_CASE(complete_checksums_on_demand)
{
	constexpr uint32_t all = KAPI_NET_SG | KAPI_NET_CSUM4 | KAPI_NET_CSUM6 | KAPI_NET_GSO4 | KAPI_NET_GSO6;
	start();
	BOOST_TEST(back->seen().connected.back().features == all);
	BOOST_TEST(tools->front_key("feature-no-csum-offload") == "0");
	for (const bool welcome : {false, true, false, true}) {
		const auto connections = back->seen().connected.size();
		front->set_rx_csum(welcome);
		BOOST_TEST_REQUIRE(eventually([&] { return back->seen().connected.size() > connections; }));
		wait_until_connected();
		BOOST_TEST(tools->front_key("feature-no-csum-offload") == (welcome ? "0" : "1"));
		BOOST_TEST(tools->front_key("feature-ipv6-csum-offload") == (welcome ? "1" : "0"));
		BOOST_TEST(back->seen().connected.back().features == (welcome ? all : KAPI_NET_SG));
		BOOST_TEST(front->seen().ready.back().features == all, "what is sent is another matter");
		still_works();
		front->set_rx_csum(welcome); // the same again
		world.settle();
		BOOST_TEST(back->seen().connected.size() == connections + 1);
	}
	// The wish goes with the driver.
	front->set_rx_csum(false);
	wait_until_connected();
	front->remove();
	tools->set_front("state", "6");
	world.settle();
	BOOST_TEST_REQUIRE(front->probe() == 0);
	wait_until_connected();
	BOOST_TEST(back->seen().connected.back().features == all);
}

// While it is not connected it is only noted.
BOOST_AUTO_TEST_CASE(complete_checksums_asked_for_early)
{
	make_vif();
	front = std::make_unique<kapi_netfront>(*tools);
	back = std::make_unique<kapi_netback>(*tools);
	BOOST_TEST_REQUIRE(front->probe() == 0);
	front->set_rx_csum(false);
	BOOST_TEST_REQUIRE(back->probe() == 0);
	tools->hotplug();
	wait_until_connected();
	BOOST_TEST(back->seen().connected.size() == 1u);
	BOOST_TEST(back->seen().connected.back().features == KAPI_NET_SG);
	still_works();
}

// After the keys were written it is too late for this connection: the next one has it.
BOOST_AUTO_TEST_CASE(complete_checksums_asked_for_while_rings_wait)
{
	make_vif();
	front = std::make_unique<kapi_netfront>(*tools);
	back = std::make_unique<kapi_netback>(*tools);
	BOOST_TEST_REQUIRE(back->probe() == 0);
	BOOST_TEST_REQUIRE(front->probe() == 0);
	world.settle();
	front->set_rx_csum(false);
	tools->hotplug();
	BOOST_TEST(eventually([&] {
		world.settle();
		return back->seen().connected.size() == 2u && back->seen().connected.back().features == KAPI_NET_SG;
	}));
	wait_until_connected();
	still_works();
}

// Destroyed in every state, in either order; nothing is left.
BOOST_AUTO_TEST_CASE(destroying_in_every_state)
{
	for (int moment = 0; moment < 6; ++moment)
		for (const bool front_first : {true, false}) {
			make_vif();
			back = std::make_unique<kapi_netback>(*tools);
			front = std::make_unique<kapi_netfront>(*tools);
			if (moment >= 1)
				BOOST_TEST_REQUIRE(back->probe() == 0);
			if (moment >= 2)
				BOOST_TEST_REQUIRE(front->probe() == 0);
			if (moment >= 3)
				world.settle(); // the frontend's rings wait for the toolstack
			if (moment >= 4) {
				tools->hotplug();
				wait_until_connected();
			}
			if (moment >= 5) {
				for (int i = 0; i < 10; ++i) {
					static_cast<void>(front->transmit(0, from_guest(5000, 3)));
					static_cast<void>(back->transmit(0, for_guest(5000, 3)));
				}
			}
			front_first ? front->remove() : back->remove();
			front_first ? back->remove() : front->remove();
			// What one end kept is looked at once more when the other has gone.
			BOOST_TEST(eventually([&] {
					   world.clock().advance(std::chrono::milliseconds(1100));
					   return world.live().accesses == 0;
				   }),
				   moment);
			stop();
			BOOST_TEST(only_the_lot_is_left(), moment << ": " << world.live().leftovers());
		}
}

// A frontend that waits for the toolstack at the other end, for as long as it takes.
BOOST_AUTO_TEST_CASE(the_toolstack_is_slow)
{
	make_vif();
	back = std::make_unique<kapi_netback>(*tools);
	front = std::make_unique<kapi_netfront>(*tools);
	BOOST_TEST_REQUIRE(front->probe() == 0);
	world.settle();
	BOOST_TEST_REQUIRE(back->probe() == 0);
	world.settle();
	BOOST_TEST(tools->front_state() == 4);
	BOOST_TEST(tools->back_state() == 2);
	BOOST_TEST(front->seen().ready.empty());
	tools->hotplug();
	wait_until_connected();
	still_works();
}

// Everything that both ask for fails once, in turn, while they connect and work.
BOOST_AUTO_TEST_CASE(everything_fails_once)
{
	world.set_cpus(2);
	auto &f = world.faults();
	for (auto *fault : {&f.allocation, &f.page, &f.channel, &f.delayed, &f.worker, &f.ring_map, &f.store_write,
			    &f.copy_hypercall})
		for (int64_t n = 0; n < (fault == &f.allocation ? 60 : 14); ++n) {
			make_vif();
			back = std::make_unique<kapi_netback>(*tools);
			front = std::make_unique<kapi_netfront>(*tools);
			fault->arm(n, 1);
			if (back->probe() == 0)
				static_cast<void>(front->probe());
			tools->hotplug();
			world.settle();
			for (int i = 0; i < 10; ++i) {
				static_cast<void>(front->transmit(0, from_guest(5000, 3)));
				static_cast<void>(back->transmit(0, for_guest(5000, 3)));
			}
			front->commit(0);
			world.settle();
			fault->disarm();
			front->remove();
			back->remove();
			for (auto &p : up)
				BOOST_TEST(p->completions <= 1);
			stop();
			BOOST_TEST(only_the_lot_is_left(), n << ": " << world.live().leftovers());
		}
}

// Pages and references are short for a while: packets are lost, nothing else.
BOOST_AUTO_TEST_CASE(scarcity_passes)
{
	start();
	front->no_page.arm(100, 100);
	back->no_memory.arm(50, 50);
	for (uint32_t i = 0; i < 1000; ++i) {
		static_cast<void>(front->send(0, from_guest(1514)));
		if (back->transmit(0, for_guest(1514)) < 0)
			down.pop_back(); // a full queue: the stack would wait, or drop it
		if (i % 10 == 0)
			world.clock().advance(std::chrono::milliseconds(60));
	}
	front->no_page.disarm();
	BOOST_TEST(eventually([&] {
		world.clock().advance(std::chrono::milliseconds(60));
		return back->seen().owed == 0;
	}));
	for (auto &p : up)
		BOOST_TEST(front->wait(*p) != outgoing::pending);
	size_t given = 0;
	for (auto &p : down)
		given += back->wait(*p) == 1;
	BOOST_TEST(eventually([&] { return front->arrived() == given; }));
	up.clear();
	down.clear();
	works_again();
}

BOOST_AUTO_TEST_SUITE_END()
