// SPDX-License-Identifier: GPL-2.0-only
// Our frontend against our backend: ends, returns, exhaustion.
#include "blk_pair_fixture.hpp"

#include <thread>

using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(blk_life, pair)

BOOST_AUTO_TEST_CASE(detaching_ends_both)
{
	start();
	BOOST_TEST(write(0, 4, 1) == 0);
	tools->detach();
	BOOST_TEST(eventually([&] { return tools->front_state() == 6; }));
	BOOST_TEST(eventually([&] { return back->unregistered(); }));
	BOOST_TEST(front->seen().gone == 1u);
	auto late = make(KAPI_BLK_READ, 0, 1);
	BOOST_TEST(front->run(0, *late) == -5);
	BOOST_TEST(!disk->is_open());
}

// The frontend's driver goes with I/O in flight: everything is answered, nothing is
// left, and the next driver finds a device that works.
BOOST_AUTO_TEST_CASE(the_frontend_leaves_with_io_in_flight_and_comes_back)
{
	start({.async = true});
	for (int round = 0; round < 5; ++round) {
		disk->freeze();
		std::vector<std::unique_ptr<block_io>> all;
		for (uint32_t i = 0; i < 10; ++i) {
			all.push_back(make(KAPI_BLK_WRITE, i * 8, 1));
			BOOST_TEST_REQUIRE(front->queue(0, *all.back()) == 0);
		}
		front->commit(0);
		BOOST_TEST(eventually([&] { return disk->in_flight() == 10; }));
		front->remove();
		for (auto &io : all)
			BOOST_TEST(front->wait(*io) == -5);
		tools->set_front("state", "6"); // what the bus does when a driver has gone
		disk->thaw();
		BOOST_TEST(eventually([&] { return tools->back_state() == 6; }));
		BOOST_TEST_REQUIRE(front->probe() == 0);
		BOOST_TEST(eventually([&] { return tools->front_state() == 4; }));
		world.settle();
		BOOST_TEST(write(0, 2, 3) == 0);
	}
}

// Suspend and resume: what was not answered is replayed.
BOOST_AUTO_TEST_CASE(resuming_replays_what_was_in_flight)
{
	start({.async = true});
	disk->freeze();
	std::vector<std::unique_ptr<block_io>> all;
	for (uint32_t i = 0; i < 10; ++i) {
		all.push_back(make(KAPI_BLK_WRITE, i * 8, 1));
		all.back()->fill(pattern(4096, i));
		BOOST_TEST_REQUIRE(front->queue(0, *all.back()) == 0);
	}
	front->commit(0);
	BOOST_TEST(eventually([&] { return disk->in_flight() == 10; }));
	// Another host: another backend, and the old one's writes never happened.
	tools->set_front("state", "6");
	disk->on_io([](const kapi_bdev_io &) { return -5; });
	disk->thaw();
	BOOST_TEST(eventually([&] { return disk->in_flight() == 0; }));
	world.settle();
	disk->on_io(nullptr);
	front->resume();
	for (uint32_t i = 0; i < 10; ++i) {
		BOOST_TEST(front->wait(*all[i]) != block_io::pending);
		if (all[i]->result == 0)
			BOOST_TEST((disk->content(i * 8, 4096) == pattern(4096, i)));
	}
}

BOOST_AUTO_TEST_CASE(without_grants_it_asks_to_try_again_and_then_goes_on)
{
	start();
	guest.grants().set_size(guest.grants().in_use());
	std::vector<std::unique_ptr<block_io>> all;
	int rc = 0;
	for (uint32_t i = 0; i < 32 && rc == 0; ++i) {
		all.push_back(make(KAPI_BLK_READ, 0, 11));
		rc = front->queue(0, *all.back());
	}
	BOOST_TEST(rc == -11);
	front->commit(0);
	all.pop_back();
	for (auto &io : all)
		BOOST_TEST(front->wait(*io) == 0);
	guest.grants().set_size(8192);
	BOOST_TEST(write(0, 11, 2) == 0);
	BOOST_TEST(world.console().count("grant table exhausted") == 1u);
}

BOOST_AUTO_TEST_CASE(without_memory_for_mapping_requests_fail_and_the_device_lives)
{
	start();
	world.faults().foreign_page.arm(0, 1);
	auto first = make(KAPI_BLK_READ, 0, 11);
	BOOST_TEST(front->run(0, *first) == -5);
	BOOST_TEST(write(0, 11, 2) == 0);
}

// Probe fails at every allocation, one after the other, and leaves nothing.
BOOST_AUTO_TEST_CASE(connecting_with_every_allocation_failing_once)
{
	make_disk();
	for (int64_t n = 0; n < 40; ++n) {
		make_vbd();
		back = std::make_unique<xenpv::sim::blkback_adapter>(*tools);
		front = std::make_unique<kapi_blkfront>(*tools);
		world.faults().allocation.arm(n, 1);
		const int back_rc = back->probe();
		const int front_rc = back_rc == 0 ? front->probe() : 0;
		BOOST_TEST((back_rc == 0 || back_rc == -12));
		BOOST_TEST((front_rc == 0 || front_rc == -12));
		tools->hotplug();
		world.settle();
		std::this_thread::sleep_for(std::chrono::milliseconds(2));
		world.settle();
		world.faults().allocation.disarm();
		stop();
		BOOST_TEST(only_the_lot_is_left(), n << ": " << world.live().leftovers());
	}
}

BOOST_AUTO_TEST_CASE(connecting_with_channels_workers_rings_failing)
{
	make_disk();
	auto &f = world.faults();
	for (auto *fault : {&f.channel, &f.worker, &f.delayed, &f.ring_map, &f.page, &f.store_write, &f.foreign_page})
		for (int64_t n = 0; n < 9; ++n) {
			make_vbd();
			back = std::make_unique<xenpv::sim::blkback_adapter>(*tools);
			front = std::make_unique<kapi_blkfront>(*tools);
			fault->arm(n, 1);
			if (back->probe() == 0)
				static_cast<void>(front->probe());
			tools->hotplug();
			world.settle();
			std::this_thread::sleep_for(std::chrono::milliseconds(1));
			world.settle();
			fault->disarm();
			stop();
			BOOST_TEST(only_the_lot_is_left(), n << ": " << world.live().leftovers());
		}
}

BOOST_AUTO_TEST_SUITE_END()
