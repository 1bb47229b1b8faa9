// SPDX-License-Identifier: GPL-2.0-only
// Numbers in the requests of a hostile frontend (xen-back/blk).
#include "blkback_fixture.hpp"

using xenpv::sim::granted_page;
using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(blkback_requests, served)

BOOST_AUTO_TEST_CASE(all_three_layouts_are_served)
{
	start();
	for (const auto &shape : {hand_front::wide, hand_front::narrow, hand_front::unsaid}) {
		back.reset();
		make_vbd();
		back = std::make_unique<xenpv::sim::blkback_adapter>(*tools);
		BOOST_TEST_REQUIRE(back->probe() == 0);
		tools->hotplug();
		attach(shape);
		disk->fill(8, pattern(4096, 3));
		granted_page page(guest);
		BOOST_TEST(front->ask(read_of(page.ref(), 8)) == okay);
		BOOST_TEST((std::vector(page.bytes(), page.bytes() + 4096) == pattern(4096, 3)));
		leave();
	}
}

BOOST_AUTO_TEST_CASE(segment_counts)
{
	start();
	attach();
	granted_page page(guest);
	auto r = read_of(page.ref());
	for (const int n : {0, 12, 13, 128, 255}) {
		r.nr_segments = static_cast<uint8_t>(n);
		BOOST_TEST(front->ask(r) == error, n);
	}
	for (auto &s : r.segments)
		s = {page.ref(), 0, 7};
	r.nr_segments = 11;
	BOOST_TEST(front->ask(r) == okay);
	// A flush has no segments whatever it says.
	r.operation = op_flush;
	r.nr_segments = 3;
	BOOST_TEST(front->ask(r) == okay);
	r.nr_segments = 255;
	BOOST_TEST(front->ask(r) == error);
	BOOST_TEST(disk->submissions(KAPI_BDEV_READ) == 1u);
	BOOST_TEST(back->stats().errors == 6u);
}

BOOST_AUTO_TEST_CASE(sectors_within_a_page)
{
	start();
	attach();
	granted_page page(guest);
	for (int first = 0; first < 12; ++first)
		for (int last = 0; last < 12; ++last) {
			auto r = read_of(page.ref());
			r.segments[0] = {page.ref(), static_cast<uint8_t>(first), static_cast<uint8_t>(last)};
			BOOST_TEST((front->ask(r) == okay) == (first <= last && last < 8), first << " to " << last);
		}
	for (const int last : {8, 128, 255}) {
		auto r = read_of(page.ref());
		r.segments[0] = {page.ref(), 0, static_cast<uint8_t>(last)};
		BOOST_TEST(front->ask(r) == error);
		r.segments[0] = {page.ref(), static_cast<uint8_t>(last), static_cast<uint8_t>(last)};
		BOOST_TEST(front->ask(r) == error);
	}
	// In the last of many segments, too.
	auto r = read_of(page.ref());
	r.nr_segments = 11;
	for (auto &s : r.segments)
		s = {page.ref(), 0, 7};
	r.segments[10].last = 8;
	BOOST_TEST(front->ask(r) == error);
}

BOOST_AUTO_TEST_CASE(sectors_of_the_disk)
{
	start({.sectors = 100});
	attach();
	granted_page page(guest);
	BOOST_TEST(front->ask(read_of(page.ref(), 92)) == okay);
	for (const uint64_t sector : {uint64_t{93}, uint64_t{99}, uint64_t{100}, uint64_t{101}, uint64_t{1} << 32,
				      uint64_t{1} << 55, uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 6, UINT64_MAX - 7,
				      UINT64_MAX - 8, UINT64_MAX / 512, UINT64_MAX / 512 + 1})
		BOOST_TEST(front->ask(read_of(page.ref(), sector)) == error, sector);
	BOOST_TEST(disk->submissions(KAPI_BDEV_READ) == 1u);
}

BOOST_AUTO_TEST_CASE(a_disk_smaller_than_a_request)
{
	start({.sectors = 4});
	attach();
	granted_page page(guest);
	BOOST_TEST(front->ask(read_of(page.ref())) == error);
	auto r = read_of(page.ref());
	r.segments[0].last = 3;
	BOOST_TEST(front->ask(r) == okay);
}

BOOST_AUTO_TEST_CASE(blocks_of_4096_bytes)
{
	start({.sectors = 800, .sector_size = 4096});
	attach();
	granted_page page(guest);
	BOOST_TEST(front->ask(read_of(page.ref(), 8)) == okay);
	for (const uint64_t sector : {1u, 4u, 7u, 9u})
		BOOST_TEST(front->ask(read_of(page.ref(), sector)) == error);
	auto r = read_of(page.ref());
	r.segments[0] = {page.ref(), 0, 3};
	BOOST_TEST(front->ask(r) == error);
	// Two halves make a whole only for arithmetic.
	r.nr_segments = 2;
	r.segments[1] = {page.ref(), 4, 7};
	BOOST_TEST(front->ask(r) == error);
}

BOOST_AUTO_TEST_CASE(operations_that_are_not_offered)
{
	start();
	attach();
	granted_page page(guest);
	for (const int op : {4, 5, 6, 7, 100, 255}) {
		auto r = read_of(page.ref());
		r.operation = static_cast<uint8_t>(op);
		BOOST_TEST(front->ask(r) == unsupported, op);
	}
	BOOST_TEST(front->ask(read_of(page.ref())) == okay);
}

BOOST_AUTO_TEST_CASE(writes_to_a_readonly_disk)
{
	start({}, {.writable = false});
	attach();
	granted_page page(guest, true);
	auto r = read_of(page.ref());
	for (const uint8_t op : {op_write, op_barrier}) {
		r.operation = op;
		BOOST_TEST(front->ask(r) == error);
	}
	BOOST_TEST(disk->submissions(KAPI_BDEV_WRITE) + disk->submissions(KAPI_BDEV_WRITE_BARRIER) == 0u);
	BOOST_TEST(tools->back_key("info") == "4");
}

BOOST_AUTO_TEST_CASE(a_cdrom_is_readonly)
{
	start({}, {.writable = true, .cdrom = true});
	attach();
	granted_page page(guest);
	auto r = read_of(page.ref());
	r.operation = op_write;
	BOOST_TEST(front->ask(r) == error);
	BOOST_TEST(tools->back_key("info") == "5");
}

// A write only needs a grant to read; the frontend's page stays as it is.
BOOST_AUTO_TEST_CASE(writes_through_readonly_grants)
{
	start();
	attach();
	granted_page page(guest, true);
	const auto data = pattern(4096, 8);
	std::copy(data.begin(), data.end(), page.bytes());
	auto r = read_of(page.ref(), 24);
	r.operation = op_write;
	BOOST_TEST(front->ask(r) == okay);
	BOOST_TEST((disk->content(24, 4096) == data));
}

BOOST_AUTO_TEST_SUITE_END()
