// SPDX-License-Identifier: GPL-2.0-only
// A backend that breaks the page, the states or its directory (xen-front/net;
// XSA-376, 391, 465).
#include "netfront_fixture.hpp"

#include <thread>

using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(netfront_peer, interface)

// XSA-391: events without anything behind them cost a bounded amount.
BOOST_AUTO_TEST_CASE(a_storm_of_events)
{
	for (const char *split : {"0", "1"}) {
		start({{"feature-split-event-channels", split}});
		BOOST_TEST(eventually([&] {
			for (int i = 0; i < 1000; ++i)
				back->tx().notify(), back->rx().notify();
			return front->stats(0).events_spurious != 0;
		}));
		for (int i = 0; i < 20000; ++i)
			back->rx().notify();
		still_works();
		stop();
	}
}

// Closed, asked for rings again, and half way to them something is missing: what was made
// of the connection goes, and the device says that it is broken.
BOOST_AUTO_TEST_CASE(a_new_connection_that_fails_half_way_leaves_nothing)
{
	start({{"feature-split-event-channels", "1"}});
	back.reset();
	tools->set_back("state", "6");
	world.settle();
	BOOST_TEST_REQUIRE(tools->front_state() == 6);
	const auto channels = world.live().channels.load();
	world.faults().channel.arm(1, 1); // the second of the two
	tools->set_back("state", "2");
	world.settle();
	BOOST_TEST(world.live().channels.load() == channels);
	BOOST_TEST(tools->front_state() == 6);
	tools->set_back("state", "1");
	tools->set_back("state", "2");
	world.settle();
	BOOST_TEST(world.live().channels.load() == channels, "and it stays broken");
}

// An enemy who rewrites a whole page all the time: broken or not, nothing worse.
BOOST_AUTO_TEST_CASE(pages_that_change_all_the_time)
{
	for (uint32_t seed = 1; seed <= 12; ++seed) {
		start();
		std::atomic<bool> stop_enemy{false};
		std::thread enemy([&] {
			auto &ring = seed % 2 == 0 ? back->tx() : back->rx();
			for (uint32_t x = seed; !stop_enemy; x = x * 1664525u + 1013904223u) {
				// Mostly slots, now and then a whole index.
				const uint32_t at = (x >> 8) % 1024;
				if (at >= 16 || x % 16 == 0)
					ring.word(at) = at == 2 ? x >> 26 : x >> (x % 24);
				if (x % 64 == 0)
					ring.notify();
			}
		});
		for (int i = 0; i < 64; ++i) {
			auto &p = *sent.emplace_back(std::make_unique<outgoing>());
			add_pieces(p, 3000, 3);
			if (front->transmit(0, p) < 0) {
				sent.pop_back();
				break;
			}
			front->commit(0);
		}
		std::this_thread::sleep_for(std::chrono::milliseconds(5));
		stop_enemy = true;
		enemy.join();
		front->remove(); // all that was accepted is handed back, once
		for (auto &p : sent)
			BOOST_TEST(p->completions == 1);
		front->take_arrived();
		stop();
	}
}

BOOST_AUTO_TEST_CASE(bad_keys_of_the_backend)
{
	struct bad {
		const char *key;
		const char *value;
	};
	std::vector<bad> all;
	for (const char *value : {"", "0", "-1", "2", "yes", "11", " 1", "99999999999999999999"})
		all.push_back({"feature-rx-copy", value});
	for (const char *value : {"", "0", "-1", "many", "4294967296", "1 ", "0x2"})
		all.push_back({"multi-queue-max-queues", value});
	for (const bad &b : all) {
		make();
		BOOST_TEST(!back->connect({{b.key, b.value}}), b.key << " = " << b.value);
		BOOST_TEST(tools->front_state() == 6, b.key << " = " << b.value);
		BOOST_TEST(front->seen().ready.empty());
		BOOST_TEST(world.live().accesses == 0);
		stop();
	}
	make();
	back->publish();
	tools->remove_back("feature-rx-copy");
	BOOST_TEST(!back->take_rings());
	BOOST_TEST(tools->front_state() == 6);
}

// A feature that is absent or nonsense is off, and no reason to refuse.
BOOST_AUTO_TEST_CASE(features_are_what_the_backend_says)
{
	struct feature {
		const char *key;
		uint32_t bits; // without it
	};
	constexpr uint32_t all = KAPI_NET_SG | KAPI_NET_CSUM4 | KAPI_NET_CSUM6 | KAPI_NET_GSO4 | KAPI_NET_GSO6;
	for (const feature &f :
	     {feature{"feature-sg", KAPI_NET_CSUM4 | KAPI_NET_CSUM6},
	      feature{"feature-gso-tcpv4", all & ~KAPI_NET_GSO4}, feature{"feature-gso-tcpv6", all & ~KAPI_NET_GSO6},
	      feature{"feature-ipv6-csum-offload", all & ~KAPI_NET_CSUM6}})
		for (const char *value : {"0", "", "-1", "2", "yes", "4294967297"}) {
			start({{f.key, value}});
			BOOST_TEST(front->seen().ready.at(0).features == f.bits, f.key << " = " << value);
			still_works();
			stop();
		}
	start({{"feature-no-csum-offload", "1"}});
	BOOST_TEST(front->seen().ready.at(0).features == (all & ~KAPI_NET_CSUM4));
	stop();
	start({{"feature-sg", "0"}});
	BOOST_TEST(front->seen().ready.at(0).max_mtu == 1500u);
}

BOOST_AUTO_TEST_CASE(bad_keys_of_its_own)
{
	for (const char *mac : {"", "00:16:3e:12:34", "00:16:3e:12:34:5", "00:16:3e:12:34:567", "00:16:3e:12:34:56:78",
				"00-16-3e-12-34-56", "0g:16:3e:12:34:56", "00:00:00:00:00:00", "01:00:5e:00:00:01",
				"ff:ff:ff:ff:ff:ff", "a station's address that is much too long"}) {
		make({{"mac", mac}});
		BOOST_TEST(!back->connect(), mac);
		BOOST_TEST(tools->front_state() == 6, mac);
		stop();
	}
	for (const char *mtu : {"", "0", "67", "65522", "-1", "big", "99999999999999999999"}) {
		start({}, {{"mtu", mtu}});
		BOOST_TEST(front->seen().ready.at(0).mtu == 1500u, mtu);
		stop();
	}
	start({}, {{"mtu", "9000"}, {"speed", "10000"}});
	BOOST_TEST(front->seen().ready.at(0).mtu == 9000u);
	BOOST_TEST(front->seen().ready.at(0).speed == 10000u);
}

BOOST_AUTO_TEST_CASE(never_more_queues_than_processors_or_eight)
{
	make();
	tools->set_back("feature-rx-copy", "1");
	tools->set_back("multi-queue-max-queues", "4294967295");
	tools->set_back("state", "2");
	BOOST_TEST(eventually([&] { return tools->front_state() == 4; }));
	BOOST_TEST(tools->front_key("multi-queue-num-queues") == "4");
	BOOST_TEST(tools->front_key("tx-ring-ref") == "(absent)", "not beside queue-0/");
	BOOST_TEST(tools->front_key("queue-3/tx-ring-ref") != "(absent)");
}

BOOST_AUTO_TEST_CASE(the_backend_goes_at_every_moment)
{
	for (const int state : {0, 5, 6})
		for (int moment = 0; moment < 4; ++moment) {
			make();
			if (moment == 1) {
				back->publish();
				BOOST_TEST_REQUIRE(back->take_rings());
			}
			if (moment >= 2)
				connect();
			if (moment == 3)
				static_cast<void>(exchange(3));
			if (state == 0)
				world.store().remove(tools->back.own);
			else
				back->set_state(state);
			world.settle();
			if (moment > 0)
				BOOST_TEST(tools->front_state() == 6, state << " at " << moment);
			for (auto &p : sent)
				BOOST_TEST(front->wait(*p) == 0);
			BOOST_TEST(front->seen().paused);
			stop();
		}
}

BOOST_AUTO_TEST_CASE(states_in_any_order)
{
	for (uint32_t seed = 0; seed < 40; ++seed) {
		make();
		back->publish();
		for (uint32_t i = 0, x = seed; i < 12; ++i, x = x * 1664525u + 1013904223u) {
			back->set_state(static_cast<int>(x >> 16) % 9);
			if (x % 3 == 0)
				world.settle();
		}
		world.settle();
		stop();
	}
}

// A backend that ends and comes back under the same driver.
BOOST_AUTO_TEST_CASE(a_backend_that_starts_over)
{
	for (const bool says_so : {true, false}) {
		start();
		for (int round = 0; round < 3; ++round) {
			transmit(100); // on its way when the backend goes
			front->commit(0);
			back->drop_rings();
			if (says_so) {
				back->set_state(5);
				world.settle();
				back->set_state(6);
				world.settle();
			}
			tools->set_back("state", "1");
			world.settle();
			connect();
			BOOST_TEST(front->wait(*sent.back()) == 0);
			still_works();
			sent.clear();
		}
		stop();
	}
}

// What broke one connection is noticed in earnest when the next has begun: that one is not
// to blame.
BOOST_AUTO_TEST_CASE(a_connection_that_breaks_while_the_backend_starts_over)
{
	start();
	const auto said = [&] { return world.console().count("response producer index is out of range"); };
	front->before_pause = [&] {
		back->tx().producer() = 1000;
		back->tx().notify();
		BOOST_TEST(eventually([&] { return said() != 0; }));
	};
	back->set_state(2);
	world.settle();
	BOOST_TEST(said() == 1u);
	BOOST_TEST(tools->front_state() == 4, "rings are offered, to whom they are new");
	back->drop_rings();
	connect();
	still_works();
}

// An event that nobody had served yet when its channel went: the next channel owes
// nothing, and ends nothing.
BOOST_AUTO_TEST_CASE(an_event_that_ends_with_its_connection)
{
	for (const char *split : {"0", "1"}) {
		start({{"feature-split-event-channels", split}});
		front->poll_by_hand(true);
		const uint64_t before = front->seen().schedules;
		back->tx().notify();
		BOOST_TEST_REQUIRE(eventually([&] { return front->seen().schedules > before; }));
		back->rx().notify();
		back->drop_rings();
		tools->set_back("state", "1");
		world.settle();
		connect({{"feature-split-event-channels", split}});
		while (front->pump(0)) {
		}
		front->poll_by_hand(false);
		still_works();
		stop();
	}
}

BOOST_AUTO_TEST_CASE(the_link_goes_down_and_up)
{
	start({{"carrier", "0"}});
	BOOST_TEST(front->seen().ready.at(0).carrier == 0);
	for (const char *carrier : {"1", "0", "1"}) {
		tools->set_back("carrier", carrier);
		back->set_state(4);
		world.settle();
	}
	BOOST_TEST((front->seen().links == std::vector{true, false, true}));
	back->set_state(4);
	world.settle();
	BOOST_TEST(front->seen().links.size() == 3u, "the same again is no change");
	still_works();
}

// The adapter cannot make an interface: the device ends in order.
BOOST_AUTO_TEST_CASE(an_interface_that_cannot_be_made)
{
	make();
	front->ready_result = -12;
	BOOST_TEST(!back->connect());
	BOOST_TEST(eventually([&] { return tools->front_state() == 6; }));
	BOOST_TEST(front->seen().pages == 0u);
}

// XSA-465: resumed or removed before there is anything.
BOOST_AUTO_TEST_CASE(resuming_and_removing_early)
{
	make();
	front->resume();
	front->resume();
	stop();
	start();
	front->resume();
	front.reset();
	BOOST_TEST(world.live().channels == 2, "the backend's own");
}

// Woken on another host: what was on its way is lost, and the interface goes on.
BOOST_AUTO_TEST_CASE(resuming_reconnects)
{
	start();
	for (int round = 0; round < 3; ++round) {
		static_cast<void>(exchange(4));
		back->drop_rings();
		back->set_state(1);
		world.settle();
		front->resume();
		for (auto &p : sent)
			BOOST_TEST(front->wait(*p) == 0);
		sent.clear();
		connect();
		BOOST_TEST(front->seen().ready.size() == static_cast<size_t>(round) + 2);
		still_works();
		sent.clear();
	}
}

// Another number of queues: this end closes, the backend answers, both begin anew.
BOOST_AUTO_TEST_CASE(the_number_of_queues_changes)
{
	for (const bool slowly : {false, true}) {
		start({{"multi-queue-max-queues", "4"}});
		BOOST_TEST(back->queues() == 4u);
		for (const uint32_t n : {1u, 3u, 4u, 2u}) {
			BOOST_TEST_REQUIRE(front->set_queues(n) == 0);
			BOOST_TEST(tools->front_state() == 6);
			back->drop_rings();
			// As Linux: Closing and then Closed, seen one by one or not.
			back->set_state(5);
			if (slowly)
				world.settle();
			back->set_state(6);
			world.settle();
			BOOST_TEST_REQUIRE(tools->front_state() == 1, n << " slowly " << slowly);
			connect({{"multi-queue-max-queues", "4"}});
			BOOST_TEST(back->queues() == n);
			still_works();
		}
		BOOST_TEST(front->set_queues(0) == -34);
		BOOST_TEST(front->set_queues(5) == -34);
		BOOST_TEST(front->set_queues(2) == 0);
		still_works();
		stop();
	}
}

// Statistics and debugfs are read at any time.
BOOST_AUTO_TEST_CASE(reading_while_connecting)
{
	make();
	std::jthread reader([&](const std::stop_token &stop_reader) {
		while (!stop_reader.stop_requested()) {
			for (uint32_t q = 0; q < 9; ++q)
				static_cast<void>(front->stats(q));
			static_cast<void>(world.files().read("vif-0/netfront"));
			static_cast<void>(world.files().read("vif-0/grants"));
		}
	});
	for (int round = 0; round < 20; ++round) {
		connect();
		still_works();
		sent.clear();
		back->drop_rings();
		tools->set_back("state", "6");
		world.settle();
		tools->set_back("state", "1");
		world.settle();
	}
}

// Everything that connecting asks for fails once, in turn; nothing is left.
BOOST_AUTO_TEST_CASE(connecting_with_everything_failing_once)
{
	auto &f = world.faults();
	for (auto *fault : {&f.allocation, &f.page, &f.channel, &f.delayed, &f.store_write})
		for (int64_t n = 0; n < (fault == &f.allocation ? 60 : 12); ++n) {
			make_vif();
			tools->set_back("feature-rx-copy", "1");
			tools->set_back("feature-split-event-channels", n % 2 == 0 ? "1" : "0");
			tools->set_back("multi-queue-max-queues", "2");
			front = std::make_unique<kapi_netfront>(*tools);
			fault->arm(n, 1);
			if (front->probe() == 0) {
				tools->set_back("state", "2");
				world.settle();
				tools->set_back("state", "4");
				world.settle();
			}
			fault->disarm();
			front->remove();
			stop();
			BOOST_TEST(only_the_lot_is_left(), n << ": " << world.live().leftovers());
		}
}

BOOST_AUTO_TEST_SUITE_END()
