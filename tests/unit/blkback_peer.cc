// SPDX-License-Identifier: GPL-2.0-only
// A frontend that breaks the ring, the states or its directory (xen-back/blk;
// XSA-39, 331, 332, 349, 350).
#include "blkback_fixture.hpp"

#include <deque>
#include <thread>

using xenpv::sim::granted_page;
using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(blkback_peer, served)

BOOST_AUTO_TEST_CASE(bad_producers_end_the_connection_and_nothing_else)
{
	start();
	for (const uint32_t bad : {33u, 64u, 0x7fffffffu, 0x80000000u, UINT32_MAX}) {
		attach();
		front->word(0) = bad;
		front->notify();
		BOOST_TEST(eventually([&] { return tools->back_state() == 5; }), bad);
		BOOST_TEST(world.console().count("request producer index is out of range") >= 1u);
		BOOST_TEST(world.live().mappings == 0);
		works_again();
		BOOST_TEST_REQUIRE(tools->back_state() == 6);
		tools->set_front("state", "1");
		world.settle();
	}
}

BOOST_AUTO_TEST_CASE(a_producer_that_goes_back)
{
	start();
	attach();
	const granted_page page(guest);
	for (int i = 0; i < 5; ++i)
		BOOST_TEST(front->ask(read_of(page.ref())) == okay);
	front->word(0) = 4;
	front->notify();
	BOOST_TEST(eventually([&] { return tools->back_state() == 5; }));
	works_again();
}

// XSA-332: events without requests cost a bounded amount, and are counted.
BOOST_AUTO_TEST_CASE(a_storm_of_events)
{
	start();
	attach();
	const auto heard_for_nothing = [&] {
		for (int i = 0; i < 1000; ++i)
			front->notify();
		return world.files().read("vbd-1-51712/event-q0").value().find("spurious 0\n") == std::string::npos;
	};
	BOOST_TEST(eventually(heard_for_nothing));
	for (int i = 0; i < 20000; ++i)
		front->notify();
	const granted_page page(guest);
	BOOST_TEST(front->ask(read_of(page.ref())) == okay);
}

BOOST_AUTO_TEST_CASE(closing_with_io_in_flight)
{
	start({.async = true});
	for (int round = 0; round < 3; ++round) {
		attach();
		std::deque<granted_page> pages;
		disk->freeze();
		for (uint32_t i = 0; i < 8; ++i) {
			pages.emplace_back(guest);
			front->put(read_of(pages.back().ref()));
		}
		front->push();
		BOOST_TEST_REQUIRE(eventually([&] { return disk->in_flight() == 8; }));
		front->set_state(5);
		// The backend is on its way out, and waits for the disk.
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
		BOOST_TEST(tools->back_state() == 4);
		disk->thaw();
		BOOST_TEST(eventually([&] { return tools->back_state() == 5; }));
		BOOST_TEST(world.live().mappings == 0);
		works_again();
		tools->set_front("state", "1");
		world.settle();
	}
}

// XSA-350: every jump between states, twice; then the device still works.
BOOST_AUTO_TEST_CASE(states_in_every_order)
{
	start();
	for (const int from : {0, 1, 2, 3, 4, 5, 6, 7, 8})
		for (const int to : {0, 1, 2, 3, 4, 5, 6, 7, 8}) {
			front = std::make_unique<hand_front>(*tools);
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
				tools->hotplug();
				world.settle();
			}
			BOOST_TEST(tools->back_state() == 2, from << " then " << to);
		}
	works_again();
}

BOOST_AUTO_TEST_CASE(states_that_flicker)
{
	start();
	for (int round = 0; round < 30; ++round) {
		front = std::make_unique<hand_front>(*tools);
		front->publish();
		for (int i = 0; i < 20; ++i)
			front->set_state((i * 7 + round) % 8 + 1);
		front->set_state(6);
		world.settle();
		front.reset();
		tools->set_front("state", "1");
		world.settle();
	}
	works_again();
}

BOOST_AUTO_TEST_CASE(a_directory_that_vanishes)
{
	start();
	attach();
	world.store().remove(tools->front.own);
	world.settle();
	BOOST_TEST(eventually([&] { return back->unregistered(); }));
	BOOST_TEST(world.live().mappings == 0);
}

BOOST_AUTO_TEST_CASE(queues_offered_are_what_the_administrator_wants)
{
	world.set_cpus(4);
	const std::pair<uint32_t, const char *> cases[] = {{0, "4"}, {1, "1"}, {2, "2"}, {99, "8"}, {UINT32_MAX, "8"}};
	for (const auto &[wanted, offered] : cases) {
		xenpv::sim::blkback_adapter::max_queues = wanted;
		start();
		BOOST_TEST(tools->back_key("multi-queue-max-queues") == offered);
		back.reset();
		tools.reset();
	}
	xenpv::sim::blkback_adapter::max_queues = 0;
}

// Every key absent, empty, negative, huge, not a number.
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
	for (const char *key : {"ring-ref", "event-channel"})
		for (const char *text : texts)
			all.push_back({key, text});
	for (const char *text : texts)
		if (text != nullptr)
			all.push_back({"multi-queue-num-queues", text});
	all.push_back({"multi-queue-num-queues", "5"});
	all.push_back({"multi-queue-num-queues", "2"}); // and no queue-0/
	for (const char *text : {"1", "31", "-1", "4294967295", "x", ""})
		all.push_back({"ring-page-order", text});
	for (const char *text : {"", "x86_64", "x86_64-abi ", "X86_64-ABI", "arm-abi", "powerpc64-abi",
				 "a-protocol-name-that-is-much-longer-than-any-that-exists"})
		all.push_back({"protocol", text});
	all.push_back({"ring-ref", "8"}); // not granted
	all.push_back({"event-channel", "4095"});
	for (const bad &b : all) {
		front = std::make_unique<hand_front>(*tools);
		front->publish();
		if (b.value != nullptr)
			tools->set_front(b.key, b.value);
		else
			world.store().remove(tools->front.own + "/" + b.key);
		front->set_state(3);
		world.settle();
		const std::string what = std::string(b.key) + " = " + (b.value != nullptr ? b.value : "(absent)");
		BOOST_TEST(tools->back_state() == 5, what);
		BOOST_TEST(world.live().mappings == 0, what);
		BOOST_TEST(world.live().workers == 0, what);
		world.store().remove(tools->front.own + "/" + b.key);
		front->set_state(6);
		world.settle();
		front.reset();
		tools->set_front("state", "1");
		world.settle();
		BOOST_TEST_REQUIRE(tools->back_state() == 2, what);
		// The error is where administrators look.
		BOOST_TEST(world.store().read("error/" + tools->back.own + "/error").has_value(), what);
	}
	works_again();
}

// A feature that is nonsense is off, and no reason to refuse.
BOOST_AUTO_TEST_CASE(bad_features_are_off)
{
	start();
	for (const char *value : {"", "-1", "2", "yes", "4294967297"}) {
		tools->set_front("feature-persistent", value);
		attach();
		{
			const granted_page page(guest);
			BOOST_TEST(front->ask(read_of(page.ref())) == okay);
			BOOST_TEST(eventually([&] { return world.live().mappings == 1; }), "not kept");
		}
		leave();
		tools->set_front("state", "1");
		world.settle();
	}
}

// physical-device comes from our own scripts, and is checked all the same.
BOOST_AUTO_TEST_CASE(bad_physical_devices)
{
	make_disk();
	for (const char *value : {"", "7", "7:", "x:y", "-7:0", "7:0:0", "fff:fffff", "99999999999:0",
				  "much too long to be the number of a device"}) {
		make_vbd();
		back = std::make_unique<xenpv::sim::blkback_adapter>(*tools);
		BOOST_TEST_REQUIRE(back->probe() == 0);
		world.settle();
		tools->set_back("physical-device", value);
		world.settle();
		BOOST_TEST(tools->back_state() == 5, value);
		back.reset();
		BOOST_TEST(world.live().disks == 0, value);
	}
}

// The backend's driver goes and comes back under a frontend that goes on.
BOOST_AUTO_TEST_CASE(a_live_ring_is_taken_over)
{
	start();
	attach();
	const granted_page page(guest);
	for (int i = 0; i < 40; ++i)
		BOOST_TEST(front->ask(read_of(page.ref())) == okay);
	back->remove();
	BOOST_TEST(world.live().mappings == 0);
	front->put(read_of(page.ref()));
	front->word(0) = 41;
	BOOST_TEST_REQUIRE(back->probe() == 0);
	hand_front::response a{};
	BOOST_TEST(front->take(&a));
	BOOST_TEST(a.status == okay);
	BOOST_TEST(tools->back_state() == 4);
}

// It was connected when the driver came, and starts over before it is served: of all that
// only Initialising is seen, and it hears that the backend waits.
BOOST_AUTO_TEST_CASE(starting_over_before_a_takeover)
{
	start();
	attach();
	back->remove();
	tools->remove_back("physical-device"); // until the script has run
	BOOST_TEST_REQUIRE(back->probe() == 0);
	world.settle();
	BOOST_TEST(tools->back_state() == 4, "the earlier driver's word");
	front->set_state(1);
	world.settle();
	BOOST_TEST(tools->back_state() == 2);
	front.reset();
	tools->hotplug();
	world.settle();
	attach();
	const granted_page page(guest);
	BOOST_TEST(front->ask(read_of(page.ref())) == okay);
}

// A reader of the statistics never meets a queue that is going (CVE-2026-100082).
BOOST_AUTO_TEST_CASE(reading_while_connecting)
{
	start();
	std::atomic<bool> stop{false};
	std::thread reader([&] {
		while (!stop) {
			static_cast<void>(back->stats());
			static_cast<void>(world.files().read("vbd-1-51712/blkback"));
			static_cast<void>(world.files().read("vbd-1-51712/grants"));
			static_cast<void>(world.files().read("vbd-1-51712/event-q0"));
		}
	});
	for (int round = 0; round < 20; ++round) {
		attach();
		const granted_page page(guest);
		BOOST_TEST(front->ask(read_of(page.ref())) == okay);
		leave();
		tools->set_front("state", "1");
		world.settle();
	}
	stop = true;
	reader.join();
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
	const granted_page page(guest);
	BOOST_TEST(front->ask(read_of(page.ref())) == okay);
}

BOOST_AUTO_TEST_SUITE_END()
