// SPDX-License-Identifier: GPL-2.0-only
// Frames, batches, order and answers under a hostile frontend (xen-back/blk; XSA-43,
// 155, 216, 300, 361, 362, 365, 371).
#include "blkback_fixture.hpp"

#include <cstring>
#include <deque>
#include <thread>

using xenpv::sim::granted_page;
using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(blkback_frames, served)

// XSA-361, 365, 371: at every position, mixed with good ones; nothing stays mapped.
BOOST_AUTO_TEST_CASE(bad_references_at_every_position)
{
	start();
	attach();
	std::deque<granted_page> pages;
	for (int i = 0; i < 11; ++i)
		pages.emplace_back(guest);
	granted_page readonly(guest, true);
	for (uint32_t bad = 0; bad < 11; ++bad)
		for (const uint32_t gref : {0u, 0xDEADu, UINT32_MAX, readonly.ref()}) {
			hand_front::request r{.operation = op_read, .nr_segments = 11, .id = bad, .sector = 0};
			for (uint32_t i = 0; i < 11; ++i)
				r.segments[i] = {i == bad ? gref : pages[i].ref(), 0, 7};
			BOOST_TEST(front->ask(r) == error, bad << " " << gref);
		}
	BOOST_TEST(disk->submissions(KAPI_BDEV_READ) == 0u);
	BOOST_TEST(world.live().mappings == 1, "the ring, and nothing else");
	hand_front::request r{.operation = op_read, .nr_segments = 11, .id = 1, .sector = 0};
	for (uint32_t i = 0; i < 11; ++i)
		r.segments[i] = {pages[i].ref(), 0, 7};
	BOOST_TEST(front->ask(r) == okay);
}

// Batches in which good and bad requests alternate: each is judged for itself.
BOOST_AUTO_TEST_CASE(bad_requests_among_good_ones)
{
	start({.async = true});
	attach();
	std::deque<granted_page> pages;
	for (int i = 0; i < 32; ++i)
		pages.emplace_back(guest);
	for (uint32_t i = 0; i < 32; ++i) {
		auto r = read_of(i % 3 == 0 ? 0xDEAD : pages[i].ref());
		r.id = 1000 + i;
		r.sector = i % 5 == 0 ? 1u << 30 : 0;
		front->put(r);
	}
	front->push();
	uint32_t seen = 0;
	for (int i = 0; i < 32; ++i) {
		hand_front::response a{};
		BOOST_TEST_REQUIRE(front->take(&a));
		const auto n = static_cast<uint32_t>(a.id - 1000);
		BOOST_TEST_REQUIRE(n < 32u);
		BOOST_TEST((seen >> n & 1u) == 0u, "answered once");
		seen |= 1u << n;
		BOOST_TEST(a.status == (n % 3 == 0 || n % 5 == 0 ? error : okay), n);
	}
}

// The same frame twice in a request, also when frames are kept.
BOOST_AUTO_TEST_CASE(one_reference_in_all_segments)
{
	start();
	for (const char *persistent : {"0", "1"}) {
		tools->set_front("feature-persistent", persistent);
		tools->set_front("state", "6");
		world.settle();
		tools->set_front("state", "1");
		world.settle();
		attach();
		auto page = std::make_unique<granted_page>(guest);
		auto r = read_of(page->ref());
		r.nr_segments = 11;
		for (auto &s : r.segments)
			s = {page->ref(), 0, 7};
		for (int i = 0; i < 50; ++i)
			BOOST_TEST(front->ask(r) == okay);
		leave();
	}
}

// XSA-300: what one frontend can make this domain map is bounded.
BOOST_AUTO_TEST_CASE(kept_frames_are_bounded)
{
	start();
	tools->set_front("feature-persistent", "1");
	attach();
	std::deque<granted_page> pages;
	for (int i = 0; i < 800; ++i) {
		pages.emplace_back(guest);
		BOOST_TEST_REQUIRE(front->ask(read_of(pages.back().ref())) == okay);
	}
	BOOST_TEST(world.live().mappings <= 1 + 352);
	BOOST_TEST(world.live().foreign_pages <= 1 + 704);
	leave();
	BOOST_TEST(world.live().mappings == 0);
}

BOOST_AUTO_TEST_CASE(barriers_order_what_is_around_them)
{
	start({.async = true});
	attach();
	std::deque<granted_page> pages;
	for (int i = 0; i < 9; ++i)
		pages.emplace_back(guest);
	std::atomic<int> wrong{0};
	std::atomic<int> writes{0};
	disk->on_io([&](const kapi_bdev_io &io) {
		if (io.op == KAPI_BDEV_WRITE_BARRIER)
			wrong += writes != 4;
		else if (io.sector >= 512)
			wrong += writes < 5;
		++writes;
		return 0;
	});
	for (uint32_t i = 0; i < 9; ++i) {
		auto r = read_of(pages[i].ref(), i < 4 ? i * 8 : 512 + i * 8);
		r.operation = i == 4 ? op_barrier : op_write;
		r.sector = i == 4 ? 256 : r.sector;
		front->put(r);
	}
	front->push();
	for (int i = 0; i < 9; ++i) {
		hand_front::response a{};
		BOOST_TEST_REQUIRE(front->take(&a));
		BOOST_TEST(a.status == okay);
	}
	BOOST_TEST(wrong == 0);
	BOOST_TEST(writes == 9);
}

BOOST_AUTO_TEST_CASE(an_empty_barrier_orders_too)
{
	start({.async = true});
	attach();
	std::deque<granted_page> pages;
	disk->freeze();
	for (uint32_t i = 0; i < 4; ++i) {
		auto r = read_of(pages.emplace_back(guest).ref(), i * 8);
		r.operation = op_write;
		front->put(r);
	}
	front->put({.operation = op_barrier});
	front->push();
	BOOST_TEST(eventually([&] { return disk->submissions(KAPI_BDEV_WRITE) == 4u; }));
	world.settle();
	BOOST_TEST(disk->submissions(KAPI_BDEV_FLUSH) == 0u, "a flush may not pass writes that are not done");
	disk->thaw();
	for (int i = 0; i < 5; ++i) {
		hand_front::response a{};
		BOOST_TEST_REQUIRE(front->take(&a));
		BOOST_TEST(a.status == okay);
	}
	BOOST_TEST(disk->submissions(KAPI_BDEV_FLUSH) == 1u);
}

// XSA-216: the page held other data; a response shows none of it.
BOOST_AUTO_TEST_CASE(responses_carry_nothing_else)
{
	start();
	attach();
	granted_page page(guest);
	std::memset(front->slot(0), 0xEE, 112);
	const auto r = read_of(page.ref());
	BOOST_TEST(front->ask(r) == okay);
	std::byte raw[16];
	std::memcpy(raw, front->slot(0), 16);
	for (const size_t pad : {9u, 12u, 13u, 14u, 15u})
		BOOST_TEST((raw[pad] == std::byte{0}), pad);
}

// XSA-155: slots that change all the time are still requests that are checked.
BOOST_AUTO_TEST_CASE(slots_that_change_while_they_are_read)
{
	start();
	attach();
	granted_page page(guest);
	std::atomic<bool> stop{false};
	std::thread enemy([&] {
		for (uint32_t n = 0; !stop; ++n)
			for (size_t slot = 0; slot < 32; ++slot)
				// operation, nr_segments, handle: valid and not, in turn
				front->word((64 + slot * 112) / 4)
					.store(n % 2 == 0 ? 0x0100 : 0xFF00, std::memory_order_relaxed);
	});
	uint32_t answers = 0;
	for (int round = 0; round < 2000; ++round) {
		auto r = read_of(page.ref());
		front->put(r);
		front->push();
		hand_front::response a{};
		if (!front->take(&a))
			break;
		++answers;
	}
	stop = true;
	enemy.join();
	BOOST_TEST(answers == 2000u);
}

// XSA-43: a frontend cannot fill the log.
BOOST_AUTO_TEST_CASE(a_thousand_bad_requests_are_ten_lines)
{
	world.clock().stop();
	start();
	attach();
	for (int i = 0; i < 1000; ++i)
		BOOST_TEST_REQUIRE(front->ask(read_of(0xDEAD)) == error);
	BOOST_TEST(world.console().lines().size() <= 11u);
	BOOST_TEST(back->stats().errors == 1000u);
}

BOOST_AUTO_TEST_CASE(mapping_fails_in_every_way)
{
	start();
	attach();
	granted_page page(guest);
	world.faults().map_hypercall.arm(0, 1);
	BOOST_TEST(front->ask(read_of(page.ref())) == error);
	world.faults().foreign_page.arm(0, 1);
	static_cast<void>(front->ask(read_of(page.ref())));
	int again = 2;
	world.faults().map.set([&](uint32_t, const kapi_map_op &) { return again-- > 0 ? KAPI_GNTST_EAGAIN : 0; });
	BOOST_TEST(front->ask(read_of(page.ref())) == okay);
	world.faults().map.clear();
	BOOST_TEST(front->ask(read_of(page.ref())) == okay);
}

// Network storage may hold a page longer than the request: the answer waits for it.
BOOST_AUTO_TEST_CASE(a_page_that_the_storage_still_holds)
{
	start({.async = true});
	attach();
	granted_page page(guest);
	std::atomic<void *> held{nullptr};
	disk->on_io([&](const kapi_bdev_io &io) {
		if (io.op == KAPI_BDEV_READ && held == nullptr) {
			held = disk->current_page();
			kapi_page_hold(held);
		}
		return 0;
	});
	front->put(read_of(page.ref()));
	front->push();
	BOOST_TEST(eventually([&] { return held.load() != nullptr; }));
	std::this_thread::sleep_for(std::chrono::milliseconds(20));
	BOOST_TEST(front->word(2).load() == 0u, "not answered while the page is in use");
	kapi_page_release(held);
	hand_front::response a{};
	BOOST_TEST(front->take(&a));
	BOOST_TEST(a.status == okay);
}

BOOST_AUTO_TEST_SUITE_END()
