// SPDX-License-Identifier: GPL-2.0-only
// A backend that breaks the ring, the states or its directory (xen-front/blk;
// XSA-376, 391, 465).
#include "blkfront_fixture.hpp"

#include <thread>

using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(blkfront_peer, asking)

// XSA-391: events without answers.
BOOST_AUTO_TEST_CASE(a_storm_of_events)
{
	start();
	const auto heard_for_nothing = [&] {
		for (int i = 0; i < 1000; ++i)
			back->notify();
		return world.files().read("vbd-51712/event-q0").value().find("spurious 0\n") == std::string::npos;
	};
	BOOST_TEST(eventually(heard_for_nothing));
	for (int i = 0; i < 20000; ++i)
		back->notify();
	const auto seen = ask(1);
	back->answer(seen[0].id, seen[0].operation, 0);
	back->push();
	BOOST_TEST(front->wait(*ios[0]) == 0);
}

// An enemy who rewrites the whole page all the time: broken or not, nothing worse.
BOOST_AUTO_TEST_CASE(a_page_that_changes_all_the_time)
{
	for (uint32_t seed = 1; seed <= 10; ++seed) {
		start();
		std::atomic<bool> stop{false};
		std::thread enemy([&] {
			for (uint32_t x = seed; !stop; x = x * 1664525u + 1013904223u) {
				back->word((x >> 8) % 1024) = x >> 28;
				if (x % 64 == 0)
					back->notify();
			}
		});
		for (int i = 0; i < 32; ++i) {
			ios.push_back(std::make_unique<block_io>(KAPI_BLK_READ, 0));
			ios.back()->add(0, 4096);
			if (front->queue(0, *ios.back()) != 0) {
				ios.pop_back();
				break;
			}
			front->commit(0);
		}
		std::this_thread::sleep_for(std::chrono::milliseconds(5));
		stop = true;
		enemy.join();
		front.reset(); // all that was accepted is completed, once
		for (auto &io : ios)
			BOOST_TEST(io->completions == 1);
		ios.clear();
		back.reset();
		tools.reset();
	}
}

BOOST_AUTO_TEST_CASE(bad_keys)
{
	struct bad {
		const char *key;
		const char *value;
	};
	std::vector<bad> all;
	for (const char *value : {"", "-1", "eight", " 8", "8 ", "0x10", "99999999999999999999", "18446744073709551615",
				  "123456789012345678901234567890"}) {
		all.push_back({"sectors", value});
		all.push_back({"sector-size", value});
		all.push_back({"info", value});
		all.push_back({"physical-sector-size", value});
	}
	for (const char *value : {"0", "1", "256", "511", "513", "1000", "3072", "8192", "4294967808"})
		all.push_back({"sector-size", value});
	all.push_back({"sectors", "18014398509481985"}); // 2^54 + 1: past 8 EiB
	all.push_back({"info", "4294967296"});
	all.push_back({"physical-sector-size", "256"});
	all.push_back({"physical-sector-size", "1536"});
	for (const bad &b : all) {
		make_vbd();
		front = std::make_unique<kapi_blkfront>(*tools);
		back = std::make_unique<hand_back>(*tools);
		BOOST_TEST_REQUIRE(front->probe() == 0);
		BOOST_TEST(!back->connect({{b.key, b.value}}), b.key << " = " << b.value);
		BOOST_TEST(tools->front_state() == 6, b.key << " = " << b.value);
		BOOST_TEST(front->seen().ready.empty());
		stop();
	}
	for (const char *key : {"sectors", "sector-size", "info"}) {
		make_vbd();
		front = std::make_unique<kapi_blkfront>(*tools);
		back = std::make_unique<hand_back>(*tools);
		BOOST_TEST_REQUIRE(front->probe() == 0);
		BOOST_TEST_REQUIRE(back->take_ring());
		back->publish();
		world.store().remove(tools->back.own + "/" + key);
		back->set_state(4);
		world.settle();
		BOOST_TEST(tools->front_state() == 6, key);
		stop();
	}
}

BOOST_AUTO_TEST_CASE(bad_queue_counts)
{
	for (const char *value : {"", "0", "-1", "many", "4294967296"}) {
		make_vbd();
		tools->set_back("multi-queue-max-queues", value);
		front = std::make_unique<kapi_blkfront>(*tools);
		back = std::make_unique<hand_back>(*tools);
		BOOST_TEST_REQUIRE(front->probe() == 0);
		tools->set_back("state", "2");
		world.settle();
		BOOST_TEST(tools->front_state() == 6, value);
		stop();
	}
	make_vbd();
	tools->set_back("multi-queue-max-queues", "4294967295");
	front = std::make_unique<kapi_blkfront>(*tools);
	BOOST_TEST_REQUIRE(front->probe() == 0);
	tools->set_back("state", "2");
	world.settle();
	BOOST_TEST(tools->front_key("multi-queue-num-queues") == "4", "never more than CPUs, or than eight");
}

BOOST_AUTO_TEST_CASE(the_backend_goes_at_every_moment)
{
	for (const int state : {0, 5, 6})
		for (int moment = 0; moment < 4; ++moment) {
			make_vbd();
			front = std::make_unique<kapi_blkfront>(*tools);
			back = std::make_unique<hand_back>(*tools);
			BOOST_TEST_REQUIRE(front->probe() == 0);
			if (moment == 1)
				BOOST_TEST_REQUIRE(back->take_ring());
			if (moment >= 2)
				BOOST_TEST_REQUIRE(back->connect());
			if (moment == 3)
				static_cast<void>(ask(3));
			if (state == 0)
				world.store().remove(tools->back.own);
			else
				back->set_state(state);
			world.settle();
			if (moment > 0)
				BOOST_TEST(tools->front_state() == 6, state << " at " << moment);
			for (auto &io : ios)
				BOOST_TEST(front->wait(*io) == -5);
			ios.clear();
			stop();
		}
}

BOOST_AUTO_TEST_CASE(states_in_any_order)
{
	for (uint32_t seed = 0; seed < 40; ++seed) {
		make_vbd();
		front = std::make_unique<kapi_blkfront>(*tools);
		back = std::make_unique<hand_back>(*tools);
		BOOST_TEST_REQUIRE(front->probe() == 0);
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

BOOST_AUTO_TEST_CASE(capacity_that_changes)
{
	start();
	tools->set_back("sectors", "4096");
	back->set_state(4);
	world.settle();
	BOOST_TEST((front->seen().resized == std::vector<uint64_t>{4096}));
	back->set_state(4);
	world.settle();
	for (const char *value : {"", "-1", "x", "99999999999999999999"}) {
		tools->set_back("sectors", value);
		back->set_state(4);
		world.settle();
	}
	BOOST_TEST(front->seen().resized.size() == 1u, "the same again, or nonsense, is no change");
	BOOST_TEST(tools->front_state() == 4);
}

// Every new size is an event for the whole system: one in a second, and the last one counts.
BOOST_AUTO_TEST_CASE(capacity_that_never_stops_changing)
{
	world.clock().stop();
	world.clock().advance(std::chrono::seconds(10));
	start();
	for (int i = 1; i <= 1000; ++i) {
		tools->set_back("sectors", std::to_string(2048 + i));
		back->set_state(4);
	}
	world.settle();
	BOOST_TEST(front->seen().resized.size() == 1u);
	BOOST_TEST(world.console().count("capacity is now") == 1u);
	world.clock().advance(std::chrono::milliseconds(1100));
	BOOST_TEST(eventually([&] { return front->seen().resized.back() == 3048; }));
	back->set_state(4);
	world.settle();
	BOOST_TEST(front->seen().resized.size() <= 2u);
}

// The adapter cannot make a disk: the device ends in order.
BOOST_AUTO_TEST_CASE(a_disk_that_cannot_be_made)
{
	make_vbd();
	front = std::make_unique<kapi_blkfront>(*tools);
	front->ready_result = -12;
	back = std::make_unique<hand_back>(*tools);
	BOOST_TEST_REQUIRE(front->probe() == 0);
	BOOST_TEST(!back->connect());
	BOOST_TEST(eventually([&] { return tools->front_state() == 6; }));
}

// XSA-465: resumed or removed before there is anything.
BOOST_AUTO_TEST_CASE(resuming_and_removing_early)
{
	make_vbd();
	front = std::make_unique<kapi_blkfront>(*tools);
	BOOST_TEST_REQUIRE(front->probe() == 0);
	front->resume();
	front->resume();
	front.reset();
	start();
	front->resume();
	front.reset();
	BOOST_TEST(world.live().channels == 1, "the backend's own");
}

// Woken on another host: what was pending is asked again, of the new backend.
BOOST_AUTO_TEST_CASE(pending_requests_are_replayed_after_resume)
{
	start();
	const auto before = ask(4, KAPI_BLK_WRITE);
	back->drop_ring();
	back->set_state(1);
	world.settle();
	front->resume();
	BOOST_TEST_REQUIRE(back->connect());
	for (int i = 0; i < 4; ++i) {
		request r{};
		BOOST_TEST_REQUIRE(back->take(&r));
		BOOST_TEST(r.operation == 1);
		back->answer(r.id, r.operation, 0);
	}
	back->push();
	for (auto &io : ios)
		BOOST_TEST(front->wait(*io) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
