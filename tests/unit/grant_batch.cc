// SPDX-License-Identifier: GPL-2.0-only
// Map, unmap and copy in batches, every status read (grant/hypercalls.cc; XSA-361,
// 362, 365, 367, 371).
#include "grant_batch_fixture.hpp"

#include <algorithm>

using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(grant_batch, batch)

BOOST_AUTO_TEST_CASE(nothing_costs_nothing)
{
	std::vector<kapi_map_op> none;
	map(none);
	BOOST_TEST(unmap(none) == 0u);
	xenpv_grant_copy(nullptr, 0, KAPI_MAY_SLEEP, &costs);
	BOOST_TEST(costs.map_hypercalls + costs.unmap_hypercalls + costs.copy_hypercalls == 0u);
	BOOST_TEST(world.calls().map + world.calls().unmap + world.calls().copy == 0u);
}

BOOST_AUTO_TEST_CASE(one_hypercall_for_a_batch)
{
	auto ops = make(64);
	map(ops);
	BOOST_TEST(world.calls().map == 1u);
	BOOST_TEST(costs.map_hypercalls == 1u);
	BOOST_TEST(costs.map_operations == 64u);
	BOOST_TEST(mapped() == 64u);
	for (uint32_t i = 0; i < 64; ++i) {
		BOOST_TEST(ops[i].status == 0);
		BOOST_TEST(*static_cast<uint32_t *>(kapi_foreign_addr(ops[i].page)) == i);
	}
	BOOST_TEST(unmap(ops) == 64u);
	BOOST_TEST(world.calls().unmap == 1u);
	BOOST_TEST(costs.unmap_hypercalls == 1u);
	BOOST_TEST(costs.unmap_operations == 64u);
	BOOST_TEST(mapped() == 0u);
	for (const auto &op : ops)
		BOOST_TEST(op.status == 0);
}

BOOST_AUTO_TEST_CASE(more_than_a_batch_is_split)
{
	auto ops = make(64 * 3 + 1);
	map(ops);
	BOOST_TEST(world.calls().map == 4u);
	BOOST_TEST(unmap(ops) == 193u);
	BOOST_TEST(world.calls().unmap == 4u);
	BOOST_TEST(mapped() == 0u);
}

// XSA-361, 365: one bad reference, at each position, hides nobody else's status.
BOOST_AUTO_TEST_CASE(one_failure_at_every_position)
{
	constexpr uint32_t n = 70; // crosses a batch
	auto good = make(n);
	for (uint32_t bad = 0; bad < n; ++bad) {
		auto ops = good;
		ops[bad].ref = 0xDEAD;
		map(ops);
		for (uint32_t i = 0; i < n; ++i)
			BOOST_REQUIRE_EQUAL(ops[i].status == 0, i != bad);
		BOOST_REQUIRE_EQUAL(mapped(), n - 1);
		BOOST_REQUIRE_EQUAL(unmap(ops), n - 1);
		for (uint32_t i = 0; i < n - 1; ++i)
			BOOST_REQUIRE_EQUAL(ops[i].status, 0);
		BOOST_REQUIRE_EQUAL(world.live().mappings, 0);
	}
	BOOST_TEST(mapped() == 0u);
}

BOOST_AUTO_TEST_CASE(all_failures)
{
	auto ops = make(5);
	for (auto &op : ops)
		op.ref = 0xDEAD;
	map(ops);
	BOOST_TEST(mapped() == 0u);
	BOOST_TEST(unmap(ops) == 0u);
	BOOST_TEST(world.calls().unmap == 0u, "nothing to unmap is no hypercall");
}

// XSA-367: a hypercall that fails sets no status; none may be taken for success.
BOOST_AUTO_TEST_CASE(a_failed_hypercall_maps_nothing)
{
	auto ops = make(70);
	for (auto &op : ops)
		op.status = 0; // what a careless caller left there
	world.faults().map_hypercall.arm(1, 1);
	map(ops);
	for (uint32_t i = 0; i < 70; ++i)
		BOOST_TEST((ops[i].status == 0) == (i < 64), i);
	BOOST_TEST(mapped() == 64u);
	BOOST_TEST(unmap(ops) == 64u);
	world.faults().map_hypercall.arm(0, 2);
	map(ops);
	for (const auto &op : ops)
		BOOST_TEST(op.status == KAPI_GNTST_GENERAL_ERROR);
	BOOST_TEST(unmap(ops) == 0u);
}

BOOST_AUTO_TEST_CASE(positive_statuses_are_errors)
{
	auto ops = make(3);
	world.faults().map.set([](uint32_t i, const kapi_map_op &) { return i == 1 ? 5 : 0; });
	map(ops);
	BOOST_TEST(ops[1].status == KAPI_GNTST_GENERAL_ERROR);
	world.faults().map.clear();
	BOOST_TEST(unmap(ops) == 2u);
}

BOOST_AUTO_TEST_CASE(try_again_is_tried_again)
{
	auto ops = make(8);
	int left = 3;
	world.faults().map.set([&](uint32_t, const kapi_map_op &op) {
		return op.ref == ops[5].ref && left-- > 0 ? KAPI_GNTST_EAGAIN : 0;
	});
	map(ops);
	for (const auto &op : ops)
		BOOST_TEST(op.status == 0);
	// Once for all, then for the one alone.
	BOOST_TEST(world.calls().map == 4u);
	BOOST_TEST(world.calls().map_operations == 8u + 3u);
	BOOST_TEST(costs.map_hypercalls == 4u);
	BOOST_TEST(costs.map_operations == 11u);
	world.faults().map.clear();
	BOOST_TEST(unmap(ops) == 8u);
}

// A page that is paged out for ever, or a peer that makes it look so.
BOOST_AUTO_TEST_CASE(trying_again_ends)
{
	world.clock().skip_sleeps();
	auto ops = make(64);
	world.faults().map.set([](uint32_t, const kapi_map_op &) { return KAPI_GNTST_EAGAIN; });
	const uint64_t began = world.clock().now_ns();
	map(ops);
	const uint64_t took = world.clock().now_ns() - began;
	for (const auto &op : ops)
		BOOST_TEST(op.status == KAPI_GNTST_GENERAL_ERROR);
	BOOST_TEST(took >= 1'000'000'000u);
	BOOST_TEST(took < 5'000'000'000u, "a second in all, not for each");
	BOOST_TEST(world.calls().map < 200u);
	BOOST_TEST(unmap(ops) == 0u);
	world.faults().map.clear();
}

BOOST_AUTO_TEST_CASE(a_hypercall_that_fails_while_trying_again)
{
	world.clock().skip_sleeps();
	auto ops = make(2);
	world.faults().map.set(
		[&](uint32_t, const kapi_map_op &op) { return op.ref == ops[0].ref ? KAPI_GNTST_EAGAIN : 0; });
	world.faults().map_hypercall.arm(1, 1);
	map(ops);
	BOOST_TEST(ops[0].status == KAPI_GNTST_GENERAL_ERROR);
	BOOST_TEST(ops[1].status == 0);
	world.faults().map.clear();
	BOOST_TEST(unmap(ops) == 1u);
}

// A page whose unmap failed must not be reused: its status says so, it stays counted.
BOOST_AUTO_TEST_CASE(a_failed_unmap_is_told)
{
	auto ops = make(6);
	map(ops);
	world.faults().unmap.set([](uint32_t i, const kapi_map_op &) { return i == 2 ? xenpv::sim::bad_handle : 0; });
	BOOST_TEST(unmap(ops) == 6u);
	for (uint32_t i = 0; i < 6; ++i)
		BOOST_TEST((ops[i].status == 0) == (i != 2), i);
	BOOST_TEST(mapped() == 1u);
	world.faults().unmap.clear();
	std::vector<kapi_map_op> again{ops[2]};
	again[0].status = 0;
	BOOST_TEST(unmap(again) == 1u);
	BOOST_TEST(mapped() == 0u);
}

BOOST_AUTO_TEST_CASE(a_failed_unmap_hypercall_is_told)
{
	auto ops = make(66);
	map(ops);
	world.faults().unmap_hypercall.arm(0, 1);
	BOOST_TEST(unmap(ops) == 66u);
	for (uint32_t i = 0; i < 66; ++i)
		BOOST_TEST((ops[i].status == 0) == (i >= 64), i);
	BOOST_TEST(mapped() == 64u);
	std::vector<kapi_map_op> again(ops.begin(), ops.begin() + 64);
	for (auto &op : again)
		op.status = 0;
	BOOST_TEST(unmap(again) == 64u);
	BOOST_TEST(mapped() == 0u);
}

// The whole frame of an operation moves with it, not its status alone.
BOOST_AUTO_TEST_CASE(unmap_keeps_page_and_handle_together)
{
	auto ops = make(10);
	for (const uint32_t bad : {0u, 3u, 4u, 9u})
		ops[bad].ref = 0xDEAD;
	map(ops);
	const auto before = ops;
	BOOST_TEST(unmap(ops) == 6u);
	for (uint32_t i = 0; i < 6; ++i)
		BOOST_TEST(std::any_of(before.begin(), before.end(), [&](const kapi_map_op &op) {
			return op.page == ops[i].page && op.handle == ops[i].handle && op.ref == ops[i].ref;
		}));
}

// XSA-371: failing requests a thousand times leave nothing behind.
BOOST_AUTO_TEST_CASE(mixed_failures_do_not_add_up)
{
	auto good = make(11);
	for (uint32_t round = 0; round < 1000; ++round) {
		auto ops = good;
		for (uint32_t i = 0; i < 11; ++i)
			if ((round >> i & 1u) != 0)
				ops[i].ref = 0xDEAD;
		map(ops);
		static_cast<void>(unmap(ops));
	}
	BOOST_TEST(mapped() == 0u);
	BOOST_TEST(world.live().mappings == 0);
}

BOOST_AUTO_TEST_CASE(copies_have_their_own_statuses)
{
	auto maps = make(70);
	const as_domain here(dom0);
	kapi_page mine{};
	BOOST_TEST_REQUIRE(kapi_page_alloc(&mine, KAPI_MAY_SLEEP) == 0);
	std::vector<kapi_copy_op> ops(70);
	for (uint32_t i = 0; i < 70; ++i) {
		ops[i].source.ref = maps[i].ref;
		ops[i].source.domid = 1;
		ops[i].dest = {{mine.frame}, KAPI_SELF, static_cast<uint16_t>(i * 4)};
		ops[i].length = 4;
		ops[i].flags = KAPI_COPY_SOURCE_REF;
	}
	ops[13].source.ref = 0xDEAD;
	xenpv_grant_copy(ops.data(), 70, KAPI_MAY_SLEEP, &costs);
	BOOST_TEST(world.calls().copy == 2u);
	BOOST_TEST(costs.copy_hypercalls == 2u);
	BOOST_TEST(costs.copy_operations == 70u);
	for (uint32_t i = 0; i < 70; ++i) {
		BOOST_TEST((ops[i].status == 0) == (i != 13), i);
		BOOST_TEST(static_cast<uint32_t *>(mine.addr)[i] == (i == 13 ? 0 : i));
	}
	world.faults().copy_hypercall.arm(0, 1);
	xenpv_grant_copy(ops.data(), 5, KAPI_MAY_SLEEP, &costs);
	for (uint32_t i = 0; i < 5; ++i)
		BOOST_TEST(ops[i].status == KAPI_GNTST_GENERAL_ERROR);
	world.faults().copy.set([](uint32_t, const kapi_copy_op &) { return KAPI_GNTST_EAGAIN; });
	const uint64_t before = world.calls().copy;
	xenpv_grant_copy(ops.data(), 5, KAPI_ATOMIC, &costs);
	BOOST_TEST(world.calls().copy == before + 1, "who must not sleep does not try again");
	for (uint32_t i = 0; i < 5; ++i)
		BOOST_TEST(ops[i].status == KAPI_GNTST_GENERAL_ERROR);
	world.faults().copy.clear();
	kapi_page_release(mine.page);
}

BOOST_AUTO_TEST_SUITE_END()
