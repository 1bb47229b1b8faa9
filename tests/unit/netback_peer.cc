// SPDX-License-Identifier: GPL-2.0-only
// A frontend that breaks the rings, the states or its directory (xen-back/net; XSA-39,
// 90, 155, 331, 332, 349, 374).
#include "netback_fixture.hpp"

#include <thread>

using namespace xenpv::test;
namespace netif = xenpv::netif;

BOOST_FIXTURE_TEST_SUITE(netback_peer, vif)

BOOST_AUTO_TEST_CASE(bad_producers_end_the_connection_and_nothing_else)
{
	start();
	for (const uint32_t bad : {257u, 512u, 0x7fffffffu, 0x80000000u, UINT32_MAX}) {
		attach();
		front->tx().word(0) = bad;
		front->tx().notify();
		expect_broken("tx req_prod " + std::to_string(bad));
		BOOST_TEST(world.console().count("tx request producer index is out of range") >= 1u);
		// The receive ring is looked at when there is something to put in it.
		attach();
		front->rx().word(0) = bad;
		front->rx().notify();
		static_cast<void>(back->transmit(0, packet(100)));
		expect_broken("rx req_prod " + std::to_string(bad));
		BOOST_TEST(world.console().count("rx request producer index is out of range") >= 1u);
		packets.clear();
	}
}

BOOST_AUTO_TEST_CASE(producers_that_go_back)
{
	start();
	attach();
	still_works();
	front->tx().word(0) = 0;
	front->tx().notify();
	expect_broken("tx");
	attach();
	still_works();
	front->rx().word(0) = 0;
	front->rx().notify();
	static_cast<void>(back->transmit(0, packet(100)));
	expect_broken("rx");
}

// What the response index says is ours to know (a guest that writes it harms itself).
BOOST_AUTO_TEST_CASE(our_own_indices_are_not_read_back)
{
	start();
	attach();
	for (const uint32_t bad : {1u, 0x80000000u, UINT32_MAX}) {
		const auto id = front->put_packet(pattern(100, 1));
		front->tx().word(2) = bad;
		front->tx().push();
		BOOST_TEST(eventually([&] { return back->arrived() == 1; }));
		static_cast<void>(back->take_arrived());
		BOOST_TEST(eventually([&] { return front->tx().word(2) != bad || bad == 1; }));
		static_cast<void>(id);
	}
	BOOST_TEST(tools->back_state() == 4);
}

// XSA-332: events without anything behind them cost a bounded amount, and are counted.
BOOST_AUTO_TEST_CASE(a_storm_of_events)
{
	for (const bool split : {false, true}) {
		start();
		attach({.queues = 1, .split = split});
		// Xen's own first event of each channel is excused, whenever it is judged; the next one is
		// not, and once that is judged all are.
		const uint64_t channels = split ? 2 : 1;
		BOOST_REQUIRE(eventually([&] { return back->stats(0).events_received == channels; }));
		front->rx().notify();
		BOOST_REQUIRE(eventually([&] { return back->stats(0).events_spurious == 1; }));
		if (split) {
			front->tx().notify();
			BOOST_REQUIRE(eventually([&] { return back->stats(0).events_spurious == 2; }));
		}
		// One by one: each costs one wakeup, and is held against the guest.
		for (int i = 0; i < 50; ++i) {
			const auto before = back->stats(0);
			(i % 2 == 0 ? front->tx() : front->rx()).notify();
			BOOST_TEST_REQUIRE(eventually(
				[&] { return back->stats(0).events_spurious == before.events_spurious + 1; }));
			const auto after = back->stats(0);
			BOOST_TEST(after.events_received == before.events_received + 1);
			BOOST_TEST(after.wakeups <= before.wakeups + 1);
		}
		// As many as the guest can: those that come before the last one is judged are not even
		// seen.
		const auto before = back->stats(0);
		for (int i = 0; i < 20000; ++i)
			front->rx().notify(), front->tx().notify();
		BOOST_TEST(eventually([&] {
			const auto s = back->stats(0);
			return s.events_spurious > before.events_spurious &&
			       s.events_received - before.events_received == s.events_spurious - before.events_spurious;
		}));
		const auto after = back->stats(0);
		BOOST_TEST(after.events_spurious > before.events_spurious);
		BOOST_TEST(after.wakeups - before.wakeups <= after.events_received - before.events_received);
		BOOST_TEST(after.passes == before.passes);
		BOOST_TEST(after.notifications_sent == before.notifications_sent);
		BOOST_TEST(after.copy_hypercalls == before.copy_hypercalls);
		still_works();
		leave();
		back.reset();
	}
}

// XSA-155: an enemy who rewrites a page all the time: broken or not, nothing worse.
BOOST_AUTO_TEST_CASE(pages_that_change_all_the_time)
{
	start();
	for (uint32_t seed = 1; seed <= 12; ++seed) {
		attach();
		front->post(100);
		std::atomic<bool> stop{false};
		std::thread enemy([&] {
			auto &ring = seed % 2 == 0 ? front->tx() : front->rx();
			for (uint32_t x = seed; !stop; x = x * 1664525u + 1013904223u) {
				// Mostly slots, now and then a whole index; often with a good reference.
				const uint32_t at = (x >> 8) % 1024;
				if (at >= 16 || x % 16 == 0)
					ring.word(at) = at == 0      ? x >> 26
							: x % 3 == 0 ? front->tx_page().ref() + x % 64
								     : x >> (x % 24);
				if (x % 64 == 0)
					ring.notify();
			}
		});
		for (int i = 0; i < 100; ++i) {
			if (i < 50)
				front->put_packet(pattern(200, 1), 2);
			if (i == 10)
				front->tx().push();
			if (back->transmit(0, packet(3000, 2)) < 0)
				break;
		}
		std::this_thread::sleep_for(std::chrono::milliseconds(5));
		stop = true;
		enemy.join();
		leave();
		BOOST_TEST(back->seen().owed == 0u);
		packets.clear();
	}
	static_cast<void>(back->take_arrived());
	attach();
	still_works();
}

// XSA-90, 374: what ends a connection is seen in contexts that cannot end it.
BOOST_AUTO_TEST_CASE(broken_while_traffic_flows)
{
	start();
	for (int round = 0; round < 10; ++round) {
		attach();
		front->post(200);
		std::atomic<bool> stop{false};
		std::thread sender([&] {
			for (int i = 0; i < 5000 && !stop; ++i)
				if (back->transmit(0, packet(100)) < 0)
					packets.pop_back(), std::this_thread::yield();
		});
		std::this_thread::sleep_for(std::chrono::microseconds(500 * round));
		auto s = front->slot(pattern(100, 1));
		s.offset = 4096;
		front->put(s);
		front->tx().push();
		BOOST_TEST(eventually([&] { return tools->back_state() == 5; }));
		stop = true;
		sender.join();
		BOOST_TEST(back->seen().owed == 0u);
		leave();
		packets.clear();
	}
	attach();
	still_works();
}

// XSA-350: every jump between states, twice; then the device still works.
BOOST_AUTO_TEST_CASE(states_in_every_order)
{
	start();
	for (const int from : {0, 1, 2, 3, 4, 5, 6, 7, 8})
		for (const int to : {0, 1, 2, 3, 4, 5, 6, 7, 8}) {
			front = std::make_unique<hand_netfront>(*tools);
			front->publish();
			for (const int state : {from, to, to, from})
				front->set_state(state), world.settle();
			BOOST_TEST(back->unregistered() == (from == 0 || to == 0), from << " then " << to);
			front->set_state(6);
			world.settle();
			front.reset();
			tools->set_front("state", "1");
			world.settle();
			if (back->unregistered()) {
				back->remove();
				BOOST_TEST_REQUIRE(back->probe() == 0);
				world.settle();
			}
			BOOST_TEST(tools->back_state() == 2, from << " then " << to);
		}
	attach();
	still_works();
}

BOOST_AUTO_TEST_CASE(states_that_flicker)
{
	start();
	for (int round = 0; round < 30; ++round) {
		front = std::make_unique<hand_netfront>(*tools);
		front->publish();
		for (int i = 0; i < 20; ++i)
			front->set_state((i * 7 + round) % 8 + 1);
		front->set_state(6);
		world.settle();
		front.reset();
		tools->set_front("state", "1");
		world.settle();
	}
	attach();
	still_works();
}

BOOST_AUTO_TEST_CASE(a_directory_that_vanishes)
{
	start();
	attach();
	static_cast<void>(back->transmit(0, packet(100)));
	world.store().remove(tools->front.own);
	world.settle();
	BOOST_TEST(eventually([&] { return back->unregistered(); }));
	BOOST_TEST(packets[0]->done == 0);
	BOOST_TEST(world.live().rings == 0);
}

BOOST_AUTO_TEST_CASE(bad_keys)
{
	start();
	struct bad {
		const char *key;
		const char *value; // nullptr: absent
	};
	const char *const texts[] = {nullptr, "",   "-1", "0",   "4294967296", "99999999999999999999",
				     "eight", " 8", "8 ", "0x8", "1.5",        "123456789012345678901234567890"};
	std::vector<bad> all;
	for (const char *key : {"tx-ring-ref", "rx-ring-ref", "event-channel"})
		for (const char *text : texts)
			all.push_back({key, text});
	for (const char *text : texts) {
		if (text == nullptr)
			continue;
		all.push_back({"multi-queue-num-queues", text});
	}
	for (const char *text : {"", "0", "-1", "2", "yes"})
		all.push_back({"request-rx-copy", text});
	all.push_back({"request-rx-copy", nullptr});
	all.push_back({"multi-queue-num-queues", "9"});
	all.push_back({"multi-queue-num-queues", "2"}); // and no queue-0/
	all.push_back({"tx-ring-ref", "8"}); // not granted
	all.push_back({"rx-ring-ref", "8"});
	all.push_back({"event-channel", "4095"});
	for (const bad &b : all) {
		front = std::make_unique<hand_netfront>(*tools);
		front->publish();
		if (b.value != nullptr)
			tools->set_front(b.key, b.value);
		else
			tools->remove_front(b.key);
		front->set_state(4);
		world.settle();
		const std::string what = std::string(b.key) + " = " + (b.value != nullptr ? b.value : "(absent)");
		BOOST_TEST(tools->back_state() == 5, what);
		BOOST_TEST(!back->seen().carrier, what);
		BOOST_TEST(world.live().rings == 0, what);
		BOOST_TEST(world.live().workers == 0, what);
		BOOST_TEST(world.store().read("error/" + tools->back.own + "/error").has_value(), what);
		leave();
	}
	attach();
	still_works();
}

// More or fewer queues than it gives details for.
BOOST_AUTO_TEST_CASE(queues_without_details)
{
	start();
	for (const char *count : {"1", "2", "4", "8"}) {
		front = std::make_unique<hand_netfront>(*tools, hand_netfront::options{.queues = 3});
		front->publish();
		tools->set_front("multi-queue-num-queues", count);
		front->set_state(4);
		world.settle();
		// Two of three are served: which packets go where is each sender's affair.
		BOOST_TEST(tools->back_state() == (std::string(count) == "2" ? 4 : 5), count);
		leave();
	}
	// One queue has two channels, another one.
	front = std::make_unique<hand_netfront>(*tools, hand_netfront::options{.queues = 2, .split = true});
	front->publish();
	tools->remove_front("queue-1/event-channel-rx");
	front->set_state(4);
	world.settle();
	BOOST_TEST(tools->back_state() == 5);
	leave();
}

// Nothing is served before the toolstack has put the interface where it belongs.
BOOST_AUTO_TEST_CASE(hotplug_comes_first)
{
	make_vif();
	back = std::make_unique<kapi_netback>(*tools);
	BOOST_TEST_REQUIRE(back->probe() == 0);
	front = std::make_unique<hand_netfront>(*tools);
	front->publish();
	front->set_state(4);
	world.settle();
	BOOST_TEST(tools->back_state() == 2);
	for (const char *status : {"", "error", "busy", "connecte", "connected "}) {
		tools->set_back("hotplug-status", status);
		world.settle();
		BOOST_TEST(tools->back_state() == 2, status);
	}
	tools->hotplug();
	world.settle();
	BOOST_TEST(tools->back_state() == 4);
	tools->hotplug(); // again
	world.settle();
	still_works();
}

// The backend's driver goes and comes back under a frontend that goes on.
BOOST_AUTO_TEST_CASE(live_rings_are_taken_over)
{
	start();
	attach();
	still_works();
	front->post(10);
	back->remove();
	BOOST_TEST(world.live().rings == 0);
	const auto id = front->put_packet(pattern(100, 5));
	front->tx().show();
	BOOST_TEST_REQUIRE(back->probe() == 0);
	BOOST_TEST(front->take_answers(1).all(id, 1, netif::status::okay));
	BOOST_TEST((arrival().bytes == pattern(100, 5)));
	BOOST_TEST(tools->back_state() == 4);
	auto &p = packet(500, 1, {}, 6);
	BOOST_TEST(back->send(0, p) >= 0);
	hand_netfront::received r;
	BOOST_TEST_REQUIRE(front->take(&r));
	BOOST_TEST((r.bytes == pattern(500, 6)));
}

// Statistics are read at any time (CVE-2026-100080).
BOOST_AUTO_TEST_CASE(reading_while_connecting)
{
	start();
	{
		std::jthread reader([&](const std::stop_token &stop) {
			while (!stop.stop_requested()) {
				for (uint32_t q = 0; q < KAPI_NET_MAX_QUEUES; ++q)
					static_cast<void>(back->stats(q));
				static_cast<void>(world.files().read("vif-1-0/netback"));
				static_cast<void>(world.files().read("vif-1-0/event-q0"));
			}
		});
		for (int round = 0; round < 20; ++round) {
			attach({.queues = 1 + static_cast<uint32_t>(round) % 3, .split = round % 2 == 0});
			still_works();
			leave();
		}
	}
	BOOST_TEST(back->stats(0).tx_packets == 20u, "totals of all connections");
	BOOST_TEST(back->stats(0).rx_packets == 20u);
}

// Closed and Initialising so soon after one another that only the second is seen.
BOOST_AUTO_TEST_CASE(starting_over_unseen)
{
	start();
	attach();
	tools->set_front("state", "1");
	BOOST_TEST(eventually([&] { return tools->back_state() == 2; }));
	front.reset();
	attach();
	still_works();
}

// A frontend whose keys are of another kind than its predecessor's.
BOOST_AUTO_TEST_CASE(another_kind_of_frontend_each_time)
{
	start();
	for (const auto &o : {hand_netfront::options{1, false}, {3, true}, {1, true}, {4, false}, {2, true}}) {
		attach(o);
		for (uint32_t q = 0; q < o.queues; ++q)
			still_works(q);
		leave();
	}
}

// Everything that connecting asks for fails once, in turn, with all that a frontend can wish
// for; nothing is left.
BOOST_AUTO_TEST_CASE(connecting_with_everything_failing_once)
{
	auto &f = world.faults();
	const std::pair<const char *, xenpv::sim::countdown *> all[] = {{"allocation", &f.allocation},
									{"channel", &f.channel},
									{"delayed", &f.delayed},
									{"worker", &f.worker},
									{"ring_map", &f.ring_map},
									{"store_write", &f.store_write},
									{"page", &f.page}};
	for (const auto &[name, fault] : all) {
		int64_t n = 0;
		for (bool struck = true; struck; ++n) {
			BOOST_TEST_REQUIRE(n < 100, name);
			make_vif();
			back = std::make_unique<kapi_netback>(*tools);
			front = std::make_unique<hand_netfront>(*tools, hand_netfront::options{2, n % 2 == 0, true});
			fault->arm(n, 1);
			const bool probed = back->probe() == 0;
			if (probed) {
				tools->hotplug();
				front->publish();
				front->set_state(4);
				world.settle();
			}
			struck = fault->struck();
			fault->disarm();
			// Named, or unharmed; and as good as new for the next frontend.
			if (tools->back_state() == 5)
				BOOST_TEST(world.store().read("error/" + tools->back.own + "/error").has_value());
			if (!struck)
				BOOST_TEST(tools->back_state() == 4, name << ": " << n);
			back->remove();
			front.reset();
			back.reset();
			tools.reset();
			BOOST_TEST(only_the_lot_is_left(), name << " " << n << ": " << world.live().leftovers());
		}
		BOOST_TEST(n > 1, name << " is not asked for");
	}
}

BOOST_AUTO_TEST_CASE(a_vif_that_cannot_come_up)
{
	start();
	back->connected_result = -12;
	front = std::make_unique<hand_netfront>(*tools);
	BOOST_TEST(!front->connect());
	BOOST_TEST(tools->back_state() == 5);
	BOOST_TEST(world.live().rings == 0);
	back->connected_result = 0;
	leave();
	attach();
	still_works();
}

BOOST_AUTO_TEST_SUITE_END()
