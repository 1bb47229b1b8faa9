// SPDX-License-Identifier: GPL-2.0-only
// Our frontend against our backend: data, queues, and what a batch costs.
#include "blk_pair_fixture.hpp"

#include <random>
#include <thread>

using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(blk_pair, pair)

BOOST_AUTO_TEST_CASE(a_disk_appears_as_it_is)
{
	start({.sectors = 4096, .sector_size = 512, .removable = true});
	const auto info = front->seen().ready.at(0);
	BOOST_TEST(info.sectors == 4096u);
	BOOST_TEST(info.sector_size == 512u);
	BOOST_TEST(info.readonly == 0u);
	BOOST_TEST(info.flush == 1u);
	BOOST_TEST(info.removable == 1u);
	BOOST_TEST(info.device == 51712u);
	BOOST_TEST(info.queues == 4u);
	BOOST_TEST(tools->back_key("sectors") == "4096");
	BOOST_TEST(tools->back_key("info") == "2");
}

BOOST_AUTO_TEST_CASE(what_is_written_is_on_the_disk_and_comes_back)
{
	start();
	const auto data = pattern(11 * 4096, 7);
	auto out = make(KAPI_BLK_WRITE, 16, 11);
	out->fill(data);
	BOOST_TEST(front->run(0, *out) == 0);
	BOOST_TEST((disk->content(16, data.size()) == data));
	auto in = make(KAPI_BLK_READ, 16, 11);
	BOOST_TEST(front->run(1, *in) == 0);
	BOOST_TEST((in->bytes() == data));
	auto flush = make(KAPI_BLK_FLUSH, 0, 0);
	BOOST_TEST(front->run(2, *flush) == 0);
	BOOST_TEST(disk->submissions(KAPI_BDEV_FLUSH) == 1u);
	const auto s = back->stats();
	BOOST_TEST(s.read_requests == 1u);
	BOOST_TEST(s.write_requests == 1u);
	BOOST_TEST(s.flush_requests == 1u);
	BOOST_TEST(s.read_sectors == 88u);
	BOOST_TEST(s.write_sectors == 88u);
	BOOST_TEST(s.errors == 0u);
}

// Every shape of a segment, and neighbours are left alone.
static void random_shapes(pair &p, bool async)
{
	p.start({.sectors = 2048, .async = async});
	std::mt19937 random(async ? 11 : 3);
	std::vector<std::byte> model(2048 * 512);
	for (int round = 0; round < 300; ++round) {
		auto io = std::make_unique<block_io>(random() % 2 ? KAPI_BLK_WRITE : KAPI_BLK_READ, 0);
		const uint32_t segments = 1 + random() % 11;
		uint32_t bytes = 0;
		for (uint32_t i = 0; i < segments; ++i) {
			const uint32_t first = random() % 8;
			const uint32_t count = 1 + random() % (8 - first);
			io->add(first * 512, count * 512);
			bytes += count * 512;
		}
		io->request.sector = random() % (2048 - bytes / 512 + 1);
		const auto at = model.begin() + static_cast<ptrdiff_t>(io->request.sector * 512);
		if (io->request.op == KAPI_BLK_WRITE) {
			const auto data = pattern(bytes, static_cast<uint32_t>(round));
			io->fill(data);
			std::copy(data.begin(), data.end(), at);
		}
		BOOST_REQUIRE_EQUAL(p.front->run(random() % 4, *io), 0);
		if (io->request.op == KAPI_BLK_READ)
			BOOST_REQUIRE(std::equal(at, at + bytes, io->bytes().begin()));
	}
	BOOST_TEST((p.disk->content(0, model.size()) == model));
}

BOOST_AUTO_TEST_CASE(random_shapes_and_places_on_a_fast_disk)
{
	random_shapes(*this, false);
}

BOOST_AUTO_TEST_CASE(random_shapes_and_places_on_an_asynchronous_disk)
{
	random_shapes(*this, true);
}

// Each thread has its part of the disk and its queue; all at once.
BOOST_AUTO_TEST_CASE(many_queues_at_once)
{
	start({.sectors = 8192, .async = true});
	std::atomic<int> wrong{0};
	std::vector<std::thread> users;
	for (uint32_t q = 0; q < 4; ++q)
		users.emplace_back([this, q, &wrong] {
			for (uint32_t round = 0; round < 25; ++round) {
				std::vector<std::unique_ptr<block_io>> batch;
				for (uint32_t i = 0; i < 20; ++i) {
					batch.push_back(make(KAPI_BLK_WRITE, q * 2048 + i * 88, 11));
					batch.back()->fill(pattern(11 * 4096, q * 1000 + round * 20 + i));
					while (front->queue(q, *batch.back()) != 0)
						std::this_thread::yield();
				}
				front->commit(q);
				for (auto &io : batch)
					wrong += front->wait(*io) != 0;
				auto io = make(KAPI_BLK_READ, q * 2048 + 88, 11);
				wrong += front->run(q, *io) != 0;
				wrong += io->bytes() != pattern(11 * 4096, q * 1000 + round * 20 + 1);
			}
		});
	for (auto &u : users)
		u.join();
	BOOST_TEST(wrong == 0);
	BOOST_TEST(back->stats().write_requests == 4u * 25u * 20u);
}

BOOST_AUTO_TEST_CASE(a_full_ring_says_busy_and_wakes)
{
	start({.async = true});
	disk->freeze();
	std::vector<std::unique_ptr<block_io>> all;
	for (uint32_t i = 0; i < KAPI_BLK_QUEUE_DEPTH; ++i) {
		all.push_back(make(KAPI_BLK_READ, i, 1, 0, 512));
		BOOST_TEST_REQUIRE(front->queue(0, *all.back()) == 0);
	}
	auto more = make(KAPI_BLK_READ, 0, 1, 0, 512);
	BOOST_TEST(front->queue(0, *more) == -16);
	front->commit(0);
	const uint32_t before = front->seen().wakes;
	disk->thaw();
	for (auto &io : all)
		BOOST_TEST(front->wait(*io) == 0);
	BOOST_TEST(eventually([&] { return front->seen().wakes > before; }));
	BOOST_TEST(front->run(0, *more) == 0);
}

// What a batch costs: nothing is paid by the request that can be paid by the batch.
BOOST_AUTO_TEST_CASE(a_batch_is_told_once)
{
	start({.async = true});
	// The first use makes the pool and maps it for good.
	for (int round = 0; round < 3; ++round) {
		std::vector<std::unique_ptr<block_io>> all;
		for (uint32_t i = 0; i < 32; ++i) {
			all.push_back(make(KAPI_BLK_READ, i * 8, 1));
			BOOST_TEST_REQUIRE(front->queue(0, *all.back()) == 0);
		}
		// Neither end has anything to do: whatever is paid now is for this batch.
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
		const uint64_t notify = world.calls().notify;
		const uint64_t map = world.calls().map;
		const uint64_t unmap = world.calls().unmap;
		disk->freeze();
		front->commit(0);
		BOOST_TEST(eventually([&] { return disk->in_flight() == 32; }));
		BOOST_TEST(world.calls().notify - notify == 1u, "one notification for 32 requests");
		BOOST_TEST(world.calls().map - map <= 1u, "one hypercall maps a batch");
		if (round > 0)
			BOOST_TEST(world.calls().map == map, "kept frames are not mapped again");
		disk->thaw();
		for (auto &io : all)
			BOOST_TEST(front->wait(*io) == 0);
		BOOST_TEST(world.calls().unmap == unmap);
	}
}

BOOST_AUTO_TEST_CASE(a_readonly_disk_is_readonly)
{
	start({.readonly = true}, {.writable = false});
	BOOST_TEST(front->seen().ready.at(0).readonly == 1u);
	auto in = make(KAPI_BLK_READ, 0, 1);
	BOOST_TEST(front->run(0, *in) == 0);
	BOOST_TEST(write(0, 1, 1) == -5);
	BOOST_TEST(disk->submissions(KAPI_BDEV_WRITE) == 0u);
}

BOOST_AUTO_TEST_CASE(large_sectors)
{
	start({.sectors = 2048, .sector_size = 4096});
	BOOST_TEST(front->seen().ready.at(0).sector_size == 4096u);
	BOOST_TEST(write(8, 3, 5) == 0);
	BOOST_TEST((disk->content(8, 3 * 4096) == pattern(3 * 4096, 5)));
}

BOOST_AUTO_TEST_CASE(errors_of_the_disk_reach_the_asker)
{
	start({.async = true});
	disk->on_io([](const kapi_bdev_io &io) { return io.sector == 64 ? -5 : 0; });
	auto bad = make(KAPI_BLK_READ, 64, 1);
	auto good = make(KAPI_BLK_READ, 72, 1);
	BOOST_TEST(front->run(0, *bad) == -5);
	BOOST_TEST(front->run(0, *good) == 0);
	BOOST_TEST(back->stats().errors == 1u);
}

BOOST_AUTO_TEST_CASE(a_disk_that_grows_is_seen)
{
	start();
	disk->resize(4096);
	auto io = make(KAPI_BLK_READ, 0, 1);
	BOOST_TEST(front->run(0, *io) == 0);
	BOOST_TEST(eventually([&] { return front->seen().resized == std::vector<uint64_t>{4096}; }));
	BOOST_TEST(write(4088, 1, 9) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
