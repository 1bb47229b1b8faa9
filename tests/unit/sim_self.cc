// SPDX-License-Identifier: GPL-2.0-only
// The simulated hypervisor keeps its own rules: a test over it can fail.
#include "fixture.hpp"

#include <kapi/grant.h>
#include <kapi/mem.h>
#include <kapi/time.h>
#include <kapi/xenbus.h>

#include <cstring>

using xenpv::sim::as_domain;
using xenpv::test::eventually;

BOOST_FIXTURE_TEST_SUITE(sim_self, xenpv::test::machine)

namespace {

struct granted {
	explicit granted(xenpv::sim::domain &owner, bool readonly = false) : home(owner)
	{
		const as_domain inside(home);
		BOOST_REQUIRE_EQUAL(kapi_page_alloc(&page, KAPI_MAY_SLEEP), 0);
		BOOST_REQUIRE_EQUAL(kapi_grant_alloc(&ref, 1), 0);
		kapi_grant_access(ref, 0, page.frame, readonly);
	}
	~granted()
	{
		const as_domain inside(home);
		BOOST_CHECK(kapi_grant_end(ref));
		kapi_grant_free(&ref, 1);
		kapi_page_release(page.page);
	}
	xenpv::sim::domain &home;
	kapi_page page{};
	uint32_t ref = 0;
};

kapi_map_op map_op(uint32_t ref, void *page, bool readonly = false)
{
	kapi_map_op op{};
	op.page = page;
	op.ref = ref;
	op.domid = 1;
	op.readonly = readonly;
	op.status = KAPI_GNTST_GENERAL_ERROR;
	return op;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_mapped_page_is_the_owners_memory)
{
	granted g(guest);
	std::memset(g.page.addr, 0x11, KAPI_PAGE_SIZE);
	const as_domain inside(dom0);
	void *foreign = nullptr;
	BOOST_TEST_REQUIRE(kapi_foreign_pages_alloc(&foreign, 1) == 0);
	auto op = map_op(g.ref, foreign);
	BOOST_TEST_REQUIRE(kapi_grant_map(&op, 1) == 0);
	BOOST_TEST_REQUIRE(op.status == 0);
	auto *seen = static_cast<unsigned char *>(kapi_foreign_addr(foreign));
	BOOST_TEST(seen[4095] == 0x11);
	seen[17] = 0x22;
	BOOST_TEST(static_cast<unsigned char *>(g.page.addr)[17] == 0x22);
	BOOST_TEST(!kapi_grant_end(g.ref), "the peer has it mapped");
	BOOST_TEST(kapi_grant_unmap(&op, 1) == 0);
	BOOST_TEST(op.status == 0);
	kapi_foreign_pages_free(&foreign, 1);
}

BOOST_AUTO_TEST_CASE(grants_are_checked)
{
	granted g(guest, true);
	xenpv::sim::domain &stranger = world.domain(2);
	void *foreign = nullptr;
	{
		const as_domain inside(dom0);
		BOOST_TEST_REQUIRE(kapi_foreign_pages_alloc(&foreign, 1) == 0);
		auto writable = map_op(g.ref, foreign);
		static_cast<void>(kapi_grant_map(&writable, 1));
		BOOST_TEST(writable.status == KAPI_GNTST_GENERAL_ERROR, "a read-only grant");
		for (const uint32_t ref : {0u, g.ref + 1, g.ref - 1, UINT32_MAX}) {
			auto bad = map_op(ref, foreign);
			static_cast<void>(kapi_grant_map(&bad, 1));
			BOOST_TEST(bad.status == KAPI_GNTST_BAD_GNTREF);
		}
	}
	{
		const as_domain inside(stranger);
		auto theirs = map_op(g.ref, foreign, true);
		static_cast<void>(kapi_grant_map(&theirs, 1));
		BOOST_TEST(theirs.status == KAPI_GNTST_BAD_GNTREF, "granted to somebody else");
	}
	kapi_foreign_pages_free(&foreign, 1);
}

BOOST_AUTO_TEST_CASE(copies_stay_within_pages_and_rights)
{
	granted from(guest, true);
	std::memset(from.page.addr, 0x33, KAPI_PAGE_SIZE);
	const as_domain inside(dom0);
	kapi_page mine{};
	BOOST_TEST_REQUIRE(kapi_page_alloc(&mine, KAPI_MAY_SLEEP) == 0);
	kapi_copy_op op{};
	op.source.ref = from.ref;
	op.source.domid = 1;
	op.dest = {{mine.frame}, KAPI_SELF, 96};
	op.length = 4000;
	op.flags = KAPI_COPY_SOURCE_REF;
	BOOST_TEST(kapi_grant_copy(&op, 1) == 0);
	BOOST_TEST(op.status == 0);
	BOOST_TEST(static_cast<unsigned char *>(mine.addr)[95] == 0);
	BOOST_TEST(static_cast<unsigned char *>(mine.addr)[4095] == 0x33);
	op.length = 4001;
	static_cast<void>(kapi_grant_copy(&op, 1));
	BOOST_TEST(op.status == xenpv::sim::bad_copy);
	op.length = 1;
	std::swap(op.source, op.dest);
	op.flags = KAPI_COPY_DEST_REF;
	static_cast<void>(kapi_grant_copy(&op, 1));
	BOOST_TEST(op.status == KAPI_GNTST_GENERAL_ERROR, "into a read-only grant");
	kapi_page_release(mine.page);
}

BOOST_AUTO_TEST_CASE(a_page_freed_while_granted_is_noticed)
{
	kapi_page page{};
	uint32_t ref = 0;
	const as_domain inside(guest);
	BOOST_TEST_REQUIRE(kapi_page_alloc(&page, KAPI_MAY_SLEEP) == 0);
	BOOST_TEST_REQUIRE(kapi_grant_alloc(&ref, 1) == 0);
	kapi_grant_access(ref, 0, page.frame, false);
	kapi_page_release(page.page);
	expect_broken_rule("freed while a grant on it is open");
	kapi_grant_free(&ref, 1);
	expect_broken_rule("whose access is open");
	BOOST_TEST(kapi_grant_end(ref));
	kapi_grant_free(&ref, 1);
	kapi_grant_free(&ref, 1);
	expect_broken_rule("that was not taken");
	kapi_page_hold(page.page);
	kapi_page_release(page.page);
}

BOOST_AUTO_TEST_CASE(the_store_tells_who_watches)
{
	std::atomic<int> fired{0};
	const auto id = world.store().watch(guest, "/a/state",
					    [&] { fired += xenpv::sim::current_domain() == &guest ? 1 : 100; });
	world.settle();
	BOOST_TEST(fired == 1);
	world.store().write("/a/state", "4");
	world.settle();
	BOOST_TEST(fired == 2);
	world.store().write("/a/statement", "4");
	world.settle();
	BOOST_TEST(fired == 2);
	world.store().remove("/a");
	world.settle();
	BOOST_TEST(fired == 3);
	world.store().unwatch(id);
	world.store().write("/a/state", "5");
	world.settle();
	BOOST_TEST(fired == 3);
}

// XSA-349: a peer that writes without end makes one pending event.
BOOST_AUTO_TEST_CASE(pending_watch_events_are_one)
{
	std::atomic<int> fired{0};
	std::atomic<bool> go{false};
	const auto id = world.store().watch(guest, "/a/state", [&] {
		while (!go)
			std::this_thread::yield();
		++fired;
	});
	for (int i = 0; i < 10000; ++i)
		world.store().write("/a/state", "3");
	go = true;
	world.settle();
	BOOST_TEST(fired <= 2);
	world.store().unwatch(id);
}

BOOST_AUTO_TEST_CASE(a_conflicting_transaction_is_tried_again)
{
	kapi_xenbus bus{"vbd-1", "/front", "/back", 0};
	const as_domain inside(guest);
	world.faults().conflict.arm(0, 3);
	const kapi_xenbus_key keys[] = {{"ring-ref", "8"}, {"event-channel", "1"}};
	BOOST_TEST(kapi_xenbus_write(&bus, keys, 2) == 0);
	BOOST_TEST(world.store().read("/front/ring-ref").value() == "8");
	BOOST_TEST(world.store().read("/front/event-channel").value() == "1");
	char small[2];
	BOOST_TEST(kapi_xenbus_read(&bus, KAPI_OWN, "ring-ref", small, sizeof(small)) == 1);
	BOOST_TEST(kapi_xenbus_read(&bus, KAPI_OWN, "ring-ref", small, 1) == -7);
	BOOST_TEST(kapi_xenbus_read(&bus, KAPI_PEER, "ring-ref", small, sizeof(small)) == -2);
	// A directory the toolstack took away does not come back with a state in it.
	BOOST_TEST(kapi_xenbus_switch_state(&bus, 4) == 0);
	BOOST_TEST(!world.store().read("/front/state").has_value());
}

BOOST_AUTO_TEST_CASE(delayed_work_runs_when_it_is_due)
{
	const as_domain inside(guest);
	std::atomic<int> runs{0};
	kapi_delayed *work = kapi_delayed_create([](void *p) { ++*static_cast<std::atomic<int> *>(p); }, &runs);
	kapi_delayed_schedule(work, 60'000);
	kapi_delayed_schedule(work, 60'000);
	world.clock().advance(std::chrono::seconds(30));
	std::this_thread::sleep_for(std::chrono::milliseconds(5));
	BOOST_TEST(runs == 0);
	world.clock().advance(std::chrono::seconds(31));
	BOOST_TEST(eventually([&] { return runs == 1; }));
	kapi_delayed_destroy(work);
	BOOST_TEST(runs == 1);
}

BOOST_AUTO_TEST_SUITE_END()
