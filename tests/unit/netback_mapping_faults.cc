// SPDX-License-Identifier: GPL-2.0-only
// Mapping large packets when something fails, or is used for longer than is said (xen-back/net,
// mapping.hpp).
#include "netback_mapping_fixture.hpp"

#include <atomic>
#include <map>
#include <thread>

using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(netback_mapping_faults, mapped_vif)

// In one pass: mapped ones, copied ones, and one of each that fails.
BOOST_AUTO_TEST_CASE(mapped_and_copied_ones_in_one_pass)
{
	serve(way::passed_on);
	warm_up();
	world.faults().map.set([n = 0](uint32_t, const kapi_map_op &) mutable { return ++n == 7 ? -9 : 0; });
	world.faults().copy.set([n = 0](uint32_t, const kapi_copy_op &op) mutable {
		return op.length == 777 - KAPI_NET_HEADERS && ++n == 1 ? -9 : 0;
	});
	const uint16_t a = put(1, 20000, 5);
	const uint16_t b = put(2, 20000, 5); // its second frame cannot be mapped
	const uint16_t c = put(3, 777, 1); // cannot be copied
	const uint16_t d = put(4, 500, 1);
	const uint16_t e = put(5, 20000, 5);
	front->tx().push();
	const auto all = front->take_answers(17);
	world.faults().map.clear();
	world.faults().copy.clear();
	BOOST_TEST(all.came);
	for (const auto &[first, slots, status] : {std::tuple(a, 5, 0), std::tuple(b, 5, -1), std::tuple(c, 1, -1),
						   std::tuple(d, 1, 0), std::tuple(e, 5, 0)})
		for (int i = 0; i < slots; ++i)
			BOOST_TEST((all.by_id.at(static_cast<uint16_t>(first + i)) ==
				    std::vector{static_cast<int16_t>(status)}),
				   "slot " << first + i);
	BOOST_TEST(eventually([&] { return back->arrived() == 3; }));
	const auto came = back->take_arrived();
	BOOST_TEST((came.at(0).bytes == pattern(20000, 1)));
	BOOST_TEST((came.at(1).bytes == pattern(500, 4)));
	BOOST_TEST((came.at(2).bytes == pattern(20000, 5)));
	BOOST_TEST(stats().tx_errors == 2u);
	BOOST_TEST(frames() == 0);
	still_works();
}

BOOST_AUTO_TEST_CASE(maps_that_fail)
{
	serve(way::passed_on);
	for (const uint32_t bad : {0u, 3u, large_slots - 1}) {
		leave();
		attach();
		warm_up();
		world.faults().map.set([bad](uint32_t i, const kapi_map_op &) { return i == bad ? -3 : 0; });
		expect_refused("one of them", put(1), large_slots);
		world.faults().map.clear();
		BOOST_TEST(frames() == 0);
	}
	leave();
	attach();
	warm_up();
	world.faults().map_hypercall.arm(0, 1);
	expect_refused("the hypercall", put(1), large_slots);
	BOOST_TEST(frames() == 0);
	// The headers' copy fails, and the maps do not.
	leave();
	attach();
	warm_up();
	world.faults().copy_hypercall.arm(0, 1);
	expect_refused("the headers", put(1), large_slots);
	BOOST_TEST(frames() == 0);
}

// Without pages or memory for it, it is copied; without memory at all it is dropped.
BOOST_AUTO_TEST_CASE(without_memory)
{
	serve(way::passed_on);
	world.faults().foreign_page.arm(0);
	for (uint32_t i = 0; i < 5; ++i) {
		const uint16_t first = send(i);
		BOOST_TEST(front->take_answers(large_slots).all(first, large_slots, netif::status::okay));
		expect_arrival(i);
	}
	BOOST_TEST(stats().tx_mapped == 0u);
	world.faults().foreign_page.disarm();
	leave();
	attach();
	warm_up();
	back->no_memory.arm(0, 1);
	expect_refused("no memory", put(1), large_slots);
	BOOST_TEST(frames() == 0);
	still_works();
}

// A page whose unmap failed may still show the guest's memory.
BOOST_AUTO_TEST_CASE(a_page_that_cannot_be_unmapped_is_not_used_again)
{
	serve(way::passed_on);
	warm_up();
	std::map<void *, kapi_map_op> lost;
	world.faults().unmap.set([&lost](uint32_t i, const kapi_map_op &op) {
		if (i % 5 != 2)
			return 0;
		lost[op.page] = op;
		return -9;
	});
	std::atomic<bool> used_again{false};
	world.faults().map.set([&](uint32_t, const kapi_map_op &op) {
		if (lost.count(op.page) != 0)
			used_again = true;
		return 0;
	});
	for (uint32_t i = 0; i < 20; ++i) {
		const uint16_t first = send(i);
		BOOST_TEST(front->take_answers(large_slots).all(first, large_slots, netif::status::okay));
		expect_arrival(i);
	}
	world.faults().unmap.clear();
	world.faults().map.clear();
	BOOST_TEST(!used_again);
	// With too few pages left it is copied.
	BOOST_TEST(!lost.empty());
	BOOST_TEST(stats().tx_mapped < 22u);
	BOOST_TEST(frames() == static_cast<int64_t>(lost.size()));
	still_works();
	// What no driver can undo.
	const xenpv::sim::as_domain inside(world.domain(0));
	for (auto &[page, op] : lost) {
		BOOST_TEST(kapi_grant_unmap(&op, 1) == 0);
		void *one = page;
		kapi_foreign_pages_free(&one, 1);
	}
	BOOST_TEST(frames() == 0);
}

// The kernel tells first, and drops the pages then: what shows the guest's frame until then
// is neither unmapped nor answered.
BOOST_AUTO_TEST_CASE(pages_are_dropped_a_moment_later)
{
	serve(way::passed_on);
	warm_up();
	const uint16_t kept = keep(2);
	const uint64_t unmapped = stats().unmap_operations;
	const auto drop = back->release_without_pages();
	std::this_thread::sleep_for(std::chrono::milliseconds(20));
	expect_no_answer();
	BOOST_TEST(stats().unmap_operations == unmapped);
	BOOST_TEST(frames() == large_slots);
	drop();
	// Nobody tells of that.
	BOOST_TEST(front->take_answers(large_slots).all(kept, large_slots, netif::status::okay));
	BOOST_TEST(eventually([&] { return frames() == 0; }));
	BOOST_TEST(stats().tx_held == 0u);
}

// It may be long until the pages are dropped: the thread sleeps, and others are served.
BOOST_AUTO_TEST_CASE(pages_that_are_used_for_long_cost_nothing)
{
	serve(way::passed_on);
	warm_up();
	const uint16_t kept = keep(2);
	const auto drop = back->release_without_pages();
	std::this_thread::sleep_for(std::chrono::milliseconds(50));
	const auto before = stats();
	std::this_thread::sleep_for(std::chrono::milliseconds(300));
	const auto after = stats();
	BOOST_TEST((after.wakeups - before.wakeups) + (after.naps - before.naps) <= 12u);
	// Asleep it is woken, which one that looks all the time is not.
	for (int i = 0; i < 3; ++i) {
		const uint64_t woken = stats().wakeups;
		const uint16_t small = send(3, 1000, 1);
		BOOST_TEST(front->take_answers(1).all(small, 1, netif::status::okay));
		static_cast<void>(arrival());
		BOOST_TEST(eventually([&] { return stats().wakeups > woken; }));
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
	}
	drop();
	BOOST_TEST(front->take_answers(large_slots).all(kept, large_slots, netif::status::okay));
}

// The end does not wait for that: the frames stay mapped, in nobody's care, until then.
BOOST_AUTO_TEST_CASE(the_end_with_pages_that_are_used_for_long)
{
	serve(way::passed_on);
	warm_up();
	const uint16_t kept = keep(2);
	const auto drop = back->release_without_pages();
	close_and_wait();
	BOOST_TEST_REQUIRE(tools->back_state() == 5);
	BOOST_TEST(front->take_answers(large_slots).all(kept, large_slots, netif::status::okay));
	BOOST_TEST(frames() == large_slots);
	BOOST_TEST(stats().tx_parked == large_slots);
	BOOST_TEST(stats().tx_replaced == 0u);
	BOOST_TEST(stats().tx_held == 0u);
	back->remove();
	BOOST_TEST(frames() == large_slots);
	drop();
	BOOST_TEST(frames() == 0);
	BOOST_TEST(world.live().foreign_pages == 0);
}

BOOST_AUTO_TEST_SUITE_END()
