// SPDX-License-Identifier: GPL-2.0-only
// What becomes of mapped packets that the stack still has when the connection ends (xen-back/net,
// mapping_end.cc).
#include "netback_mapping_fixture.hpp"

#include <thread>

using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(netback_mapping_end, mapped_vif)

// The connection ends: what is released in time is unmapped and answered.
BOOST_AUTO_TEST_CASE(the_end_waits_for_a_while)
{
	serve(way::passed_on);
	warm_up();
	const uint16_t kept = keep(2);
	std::thread later([&] {
		std::this_thread::sleep_for(std::chrono::milliseconds(100));
		back->release();
	});
	front->set_state(5);
	later.join();
	world.settle();
	BOOST_TEST(tools->back_state() == 5);
	BOOST_TEST(front->take_answers(large_slots).all(kept, large_slots, netif::status::okay));
	BOOST_TEST(stats().tx_replaced == 0u);
	BOOST_TEST(frames() == 0);
	BOOST_TEST(world.live().foreign_pages == 0);
}

// What is not: the guest gets its frames back, and who holds the packet a copy.
BOOST_AUTO_TEST_CASE(the_end_with_a_packet_that_is_held)
{
	serve(way::passed_on);
	warm_up();
	const uint16_t kept = keep(2);
	const uint16_t other = keep(3, 20000, 5);
	static_cast<void>(other);
	close_and_wait();
	BOOST_TEST(tools->back_state() == 5);
	const auto a = front->take_answers(large_slots + 5);
	BOOST_TEST(a.came);
	BOOST_TEST((a.by_id.at(kept) == std::vector<int16_t>{0}));
	BOOST_TEST(frames() == 0);
	BOOST_TEST(stats().tx_replaced == large_slots + 5u);
	BOOST_TEST(stats().tx_held == 0u);
	// The guest goes, and its frames are used for something else.
	leave();
	BOOST_TEST((back->kept_bytes(0) == pattern(large, 2)));
	BOOST_TEST((back->kept_bytes(1) == pattern(20000, 3)));
	back->release(1, true);
	// Another guest may come before the last one is released.
	attach();
	warm_up();
	BOOST_TEST((back->kept_bytes(0) == pattern(large, 2)));
	back->release();
	leave();
	BOOST_TEST(world.live().foreign_pages == 0);
}

BOOST_AUTO_TEST_CASE(the_end_waits_once_for_all_queues)
{
	constexpr uint32_t queues = 4;
	world.set_cpus(queues);
	serve(way::kept);
	leave();
	attach({queues, false});
	for (uint32_t q = 0; q < queues; ++q) {
		front->put_packet(pattern(large, q), large_slots, 0, {}, q);
		front->tx(q).push();
	}
	BOOST_TEST(eventually([&] { return back->kept() == queues; }));
	static_cast<void>(back->take_arrived());
	const uint64_t began = kapi_now_ns();
	close_and_wait();
	const uint64_t took = kapi_now_ns() - began;
	BOOST_TEST(took >= mapping::patience_ns);
	BOOST_TEST(took < 2 * mapping::patience_ns);
	for (uint32_t q = 0; q < queues; ++q) {
		BOOST_TEST(front->take_answers(large_slots, q).came);
		BOOST_TEST(back->stats(q).tx_replaced == large_slots);
		back->release();
	}
	BOOST_TEST(world.live().foreign_pages == 0);
}

// The driver goes before the stack lets go.
BOOST_AUTO_TEST_CASE(released_after_the_driver_has_gone)
{
	serve(way::passed_on);
	warm_up();
	keep(2);
	world.clock().skip_sleeps();
	back->remove();
	BOOST_TEST(frames() == 0);
	BOOST_TEST((back->kept_bytes(0) == pattern(large, 2)));
	back->release();
	BOOST_TEST(world.live().foreign_pages == 0);
}

// Somebody may be about to copy by a grant's name: until it is done the guest does not have
// the reference back, to name something else by it.
BOOST_AUTO_TEST_CASE(no_grant_is_given_back_amid_a_copy)
{
	serve(way::passed_on);
	warm_up();
	const uint16_t first = keep(2);
	const int copying = kapi_netback_naming_begin();
	world.clock().skip_sleeps();
	front->set_state(5);
	BOOST_TEST_REQUIRE(eventually([&] { return stats().tx_replaced == large_slots; }));
	std::this_thread::sleep_for(std::chrono::milliseconds(30));
	BOOST_TEST(front->tx().available() == 0u);
	kapi_netback_naming_end(copying);
	BOOST_TEST(front->take_answers(large_slots).all(first, large_slots, netif::status::okay));
	world.settle();
	BOOST_TEST(frames() == 0);
	back->release();
	leave();
}

// Where it cannot be replaced it stays mapped until it is released, and the end does not
// wait for that.
BOOST_AUTO_TEST_CASE(what_cannot_be_replaced_is_parked)
{
	for (const bool all : {true, false}) {
		serve(way::passed_on);
		warm_up();
		keep(2);
		if (all)
			world.faults().replace_call.arm(0);
		else
			world.faults().replace.set([](uint32_t i, const kapi_map_op &) { return i == 4 ? -9 : 0; });
		close_and_wait();
		BOOST_TEST(tools->back_state() == 5);
		BOOST_TEST(front->take_answers(large_slots).came);
		const uint32_t parked = all ? large_slots : 1;
		BOOST_TEST(frames() == parked);
		BOOST_TEST(stats().tx_parked == parked);
		BOOST_TEST(stats().tx_replaced == large_slots - parked);
		BOOST_TEST((back->kept_bytes(0) == pattern(large, 2)));
		back->release();
		BOOST_TEST(frames() == 0);
		BOOST_TEST(world.live().foreign_pages == 0);
		leave();
		world.faults().replace_call.disarm();
		world.faults().replace.clear();
	}
}

// A device may read what it was given at any time: Xen must not give the frame to anybody.
BOOST_AUTO_TEST_CASE(the_end_with_a_packet_that_a_device_reads)
{
	serve(way::passed_on);
	warm_up();
	const uint16_t queued = keep(2, 20000, 5);
	back->set_way(way::at_device);
	const uint16_t reads = send(3);
	expect_arrival(3);
	BOOST_REQUIRE(eventually([&] { return back->kept() == 2; }));
	close_and_wait();
	BOOST_TEST_REQUIRE(tools->back_state() == 5);
	const auto a = front->take_answers(large_slots + 5);
	BOOST_TEST(a.came);
	BOOST_TEST((a.by_id.at(queued) == std::vector<int16_t>{0}));
	BOOST_TEST((a.by_id.at(reads) == std::vector<int16_t>{0}));
	BOOST_TEST(stats().tx_replaced == 5u);
	BOOST_TEST(stats().tx_parked == large_slots);
	BOOST_TEST(frames() == large_slots);
	BOOST_TEST((back->kept_bytes(1) == pattern(large, 3)));
	// Not even the driver's end changes that.
	back->remove();
	BOOST_TEST(frames() == large_slots);
	back->release(1);
	BOOST_TEST(frames() == 0);
	back->release();
	BOOST_TEST(world.live().foreign_pages == 0);
}

// A frontend that goes on takes an answer for the end of the grant: a device gets long to let go.
BOOST_AUTO_TEST_CASE(the_driver_goes_while_a_device_reads)
{
	serve(way::passed_on);
	warm_up();
	back->set_way(way::at_device);
	const uint16_t reads = send(3);
	expect_arrival(3);
	BOOST_REQUIRE(eventually([&] { return back->kept() == 1; }));
	const uint64_t began = kapi_now_ns();
	std::thread device([&] {
		BOOST_TEST(eventually([&] { return kapi_now_ns() > began + mapping::patience_ns + 200'000'000; }));
		BOOST_TEST(front->tx().available() == 0u);
		back->release();
	});
	back->remove();
	device.join();
	BOOST_TEST(front->take_answers(large_slots).all(reads, large_slots, netif::status::okay));
	BOOST_TEST(frames() == 0);
	BOOST_TEST(world.live().foreign_pages == 0);
	BOOST_TEST(world.console().count("waits up to 30 s") == 1u);
	BOOST_TEST(world.console().count("may still read") == 0u);
}

// But not for ever, and its frames are not taken from it even then.
BOOST_AUTO_TEST_CASE(the_driver_goes_and_a_device_reads_on)
{
	serve(way::passed_on);
	warm_up();
	back->set_way(way::at_device);
	send(3);
	expect_arrival(3);
	BOOST_REQUIRE(eventually([&] { return back->kept() == 1; }));
	const uint64_t began = kapi_now_ns();
	world.clock().skip_sleeps();
	back->remove();
	BOOST_TEST(kapi_now_ns() - began >= mapping::leaving_patience_ns);
	BOOST_TEST(front->take_answers(large_slots).came);
	BOOST_TEST(frames() == large_slots);
	BOOST_TEST(world.console().count("may still read 16 frames") == 1u);
	BOOST_TEST((back->kept_bytes(0) == pattern(large, 3)));
	back->release();
	BOOST_TEST(frames() == 0);
	BOOST_TEST(world.live().foreign_pages == 0);
}

// What is on its way to the same guest again, on any queue, is dropped before it is waited for.
BOOST_AUTO_TEST_CASE(the_end_with_packets_of_its_own)
{
	world.set_cpus(2);
	serve(way::kept);
	for (const uint32_t to : {0u, 1u}) {
		leave();
		attach({2, false});
		front->put_packet(pattern(large, 1), large_slots);
		front->tx().push();
		BOOST_REQUIRE(eventually([&] { return back->kept() == 1; }));
		static_cast<void>(back->take_arrived());
		// The same packet, that waits for buffers; when it is done its pages are.
		to_guest &p = packet(100);
		p.when_done = [&] { back->release(); };
		BOOST_REQUIRE(back->send(to, p) >= 0);
		const uint64_t began = kapi_now_ns();
		const auto before = stats();
		close_and_wait();
		BOOST_TEST((kapi_now_ns() - began < mapping::patience_ns), "queue " << to);
		BOOST_TEST(front->take_answers(large_slots).came);
		BOOST_TEST(stats().tx_replaced == before.tx_replaced);
		BOOST_TEST(stats().tx_parked == before.tx_parked);
		BOOST_TEST(frames() == 0);
		back->set_way(way::kept);
	}
}

// The stack says that it releases one just when patience ends: it is taken back, not left.
BOOST_AUTO_TEST_CASE(released_while_it_is_left)
{
	serve(way::passed_on);
	warm_up();
	keep(1, 20000, 5);
	keep(2, 20000, 5);
	keep(3, 20000, 5);
	const uint64_t began = kapi_now_ns();
	world.faults().release.set([&] {
		// Begun, and not told until the others were left, and time passes that nobody would
		// spend who does not wait for this one.
		front->set_state(5);
		BOOST_TEST(eventually([&] { return stats().tx_replaced == 10; }));
		BOOST_TEST(eventually([&] { return kapi_now_ns() > began + mapping::patience_ns + 100'000'000; }));
		BOOST_TEST(stats().tx_held == 1u);
	});
	world.clock().skip_sleeps();
	std::thread stack([&] { back->release(1); });
	stack.join();
	world.faults().release.clear();
	world.settle();
	BOOST_TEST(tools->back_state() == 5);
	BOOST_TEST(front->take_answers(15).came);
	BOOST_TEST(stats().tx_held == 0u);
	BOOST_TEST(stats().tx_replaced == 10u);
	// It is told a moment before the pages are dropped: taken back then, or left for that moment.
	BOOST_TEST((stats().tx_parked == 0 || stats().tx_parked == 5), stats().tx_parked);
	BOOST_TEST(eventually([&] { return frames() == 0; }));
	back->release();
	back->release();
	BOOST_TEST(world.live().foreign_pages == 0);
}

// The other way round: it is left, and released before its pages are replaced.
BOOST_AUTO_TEST_CASE(left_while_it_is_released)
{
	serve(way::passed_on);
	warm_up();
	keep(1);
	world.faults().replace.set([&](uint32_t i, const kapi_map_op &) {
		if (i == 7)
			back->release();
		return 0;
	});
	close_and_wait();
	world.faults().replace.clear();
	BOOST_TEST(back->kept() == 0u);
	BOOST_TEST(tools->back_state() == 5);
	BOOST_TEST(front->take_answers(large_slots).came);
	BOOST_TEST(stats().tx_replaced == large_slots);
	BOOST_TEST(frames() == 0);
	BOOST_TEST(world.live().foreign_pages == 0);
}

// A guest that breaks the protocol, or vanishes, while the stack holds its packets.
BOOST_AUTO_TEST_CASE(a_guest_that_breaks_off)
{
	serve(way::passed_on);
	warm_up();
	keep(2);
	world.clock().skip_sleeps();
	front->tx().word(0).fetch_add(1000);
	front->tx().notify();
	BOOST_TEST(eventually([&] { return tools->back_state() == 5; }));
	BOOST_TEST(frames() == 0);
	BOOST_TEST((back->kept_bytes(0) == pattern(large, 2)));
	leave();
	back->release();
	attach();
	still_works();
}

BOOST_AUTO_TEST_SUITE_END()
