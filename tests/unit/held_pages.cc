// SPDX-License-Identifier: GPL-2.0-only
// What a page of another domain's shows, from its map to its end, whoever still has it
// (kernel/grant_map.c, grant_replace.c and held.c, in a process).
#include "fake_pages/fake_pages.hpp"

#include <boost/test/unit_test.hpp>

#include <array>

namespace fake = xenpv::fake_pages;

namespace {

constexpr uint32_t guest = 7;

struct loaded {
	loaded() { BOOST_REQUIRE(xenpv_grant_scratch_init() == 0); }
	loaded(const loaded &) = delete;
	loaded &operator=(const loaded &) = delete;
	~loaded() { xenpv_grant_scratch_exit(); }
};

struct domain {
	// A scratch is kept from the first batch on.
	domain()
	{
		static_cast<void>(fake::reset());
		auto ops = map(1);
		BOOST_REQUIRE(kapi_grant_unmap(ops.data(), 1) == 0);
		free_pages(ops);
		fake::map_calls = 0;
		objects = fake::objects_in_use();
	}
	domain(const domain &) = delete;
	domain &operator=(const domain &) = delete;
	~domain()
	{
		xenpv_held_exit();
		BOOST_TEST(!fake::work_waits());
		BOOST_TEST(fake::objects_in_use() == objects);
		const auto wrong = fake::reset();
		BOOST_TEST(wrong.empty(), (wrong.empty() ? "" : wrong[0]));
	}
	// Operations on references 0.. with a page each; the guest's frames show 100...
	std::vector<kapi_map_op> prepare(uint32_t count)
	{
		std::vector<void *> pages(count);
		BOOST_REQUIRE(kapi_foreign_pages_alloc(pages.data(), count) == 0);
		std::vector<kapi_map_op> ops;
		for (uint32_t i = 0; i < count; ++i) {
			fake::guest_memory(i) = static_cast<uint8_t>(100 + i);
			ops.push_back({pages[i], i, guest, 1, KAPI_GNTST_GENERAL_ERROR, 0, 0});
		}
		return ops;
	}
	std::vector<kapi_map_op> map(uint32_t count)
	{
		auto ops = prepare(count);
		BOOST_REQUIRE(kapi_grant_map(ops.data(), count) == 0);
		for (const kapi_map_op &op : ops)
			BOOST_REQUIRE(op.status == 0);
		return ops;
	}
	static void free_pages(std::vector<kapi_map_op> &ops)
	{
		for (kapi_map_op &op : ops)
			kapi_foreign_pages_free(&op.page, 1);
	}

	int objects = 0;
};

// Who mapped the pages of an skb that has them.
struct owner : domain {
	owner() : ops(map(3))
	{
		const kapi_net_holder me{&owner::released, this};
		held = xenpv_held_alloc(&me, 0);
		BOOST_REQUIRE(held != nullptr);
		xenpv_held_give(held, &skb);
		for (const kapi_map_op &op : ops)
			fake::hold(op.page);
	}
	static void released(void *ctx, bool copied)
	{
		auto *self = static_cast<owner *>(ctx);
		++self->told;
		self->copied = copied;
	}
	void drop_pages()
	{
		for (const kapi_map_op &op : ops)
			fake::unhold(op.page);
	}
	void bequeath()
	{
		for (kapi_map_op &op : ops)
			op.status = KAPI_GNTST_GENERAL_ERROR;
		xenpv_held_inherit(held, ops.data(), 3);
	}
	void finish()
	{
		BOOST_TEST(kapi_grant_unmap(ops.data(), 3) == 0);
		free_pages(ops);
		xenpv_held_free(held);
	}

	std::vector<kapi_map_op> ops;
	xenpv_held *held = nullptr;
	sk_buff skb{};
	int told = 0;
	bool copied = false;
};

} // namespace

BOOST_TEST_GLOBAL_FIXTURE(loaded);

BOOST_AUTO_TEST_SUITE(held_pages)

BOOST_FIXTURE_TEST_CASE(a_page_shows_the_frame_until_it_is_unmapped, domain)
{
	auto ops = map(4);
	BOOST_TEST(fake::map_calls == 1);
	for (uint32_t i = 0; i < 4; ++i) {
		BOOST_TEST(fake::shows(ops[i].page) == static_cast<int>(100 + i));
		BOOST_TEST(fake::consistent(ops[i].page));
		BOOST_TEST(fake::marked_foreign(ops[i].page));
		BOOST_TEST(static_cast<page *>(ops[i].page)->grant.domid == guest);
		BOOST_TEST(static_cast<page *>(ops[i].page)->grant.gref == i);
	}
	BOOST_TEST(kapi_grant_unmap(ops.data(), 4) == 0);
	for (const kapi_map_op &op : ops) {
		BOOST_TEST(op.status == 0);
		BOOST_TEST(fake::shows(op.page) == -1);
		BOOST_TEST(!fake::marked_foreign(op.page));
	}
	free_pages(ops);
}

// Whatever Xen says of each is said on, at once: nobody waits for a frame that is paged out.
BOOST_FIXTURE_TEST_CASE(every_status_of_a_batch, domain)
{
	auto ops = prepare(5);
	fake::map_status = {{1, KAPI_GNTST_EAGAIN}, {2, KAPI_GNTST_BAD_GNTREF}, {4, KAPI_GNTST_EAGAIN}};
	BOOST_TEST(kapi_grant_map(ops.data(), 5) == 0);
	BOOST_TEST(fake::map_calls == 1);
	const std::array<int32_t, 5> expected{0, KAPI_GNTST_EAGAIN, KAPI_GNTST_BAD_GNTREF, 0, KAPI_GNTST_EAGAIN};
	for (uint32_t i = 0; i < 5; ++i) {
		BOOST_TEST(ops[i].status == expected[i], i);
		BOOST_TEST(fake::shows(ops[i].page) == (expected[i] == 0 ? static_cast<int>(100 + i) : -1));
		BOOST_TEST(fake::consistent(ops[i].page));
	}
	// Again, when the frame is there.
	fake::map_status.clear();
	BOOST_TEST(kapi_grant_map(&ops[1], 1) == 0);
	BOOST_TEST(ops[1].status == 0);
	for (const uint32_t i : {0u, 1u, 3u})
		BOOST_TEST(kapi_grant_unmap(&ops[i], 1) == 0);
	free_pages(ops);
}

BOOST_FIXTURE_TEST_CASE(maps_that_cannot_be_kept, domain)
{
	auto ops = prepare(3);
	fake::table_is_readonly = true;
	BOOST_TEST(kapi_grant_map(ops.data(), 3) == 0);
	fake::table_is_readonly = false;
	for (uint32_t i = 0; i < 3; ++i) {
		BOOST_TEST(ops[i].status == KAPI_GNTST_GENERAL_ERROR);
		BOOST_TEST(fake::mapped(i) == 0);
		BOOST_TEST(!fake::marked_foreign(ops[i].page));
	}
	fake::map_call_fails = true;
	BOOST_TEST(kapi_grant_map(ops.data(), 3) == -14);
	for (uint32_t i = 0; i < 3; ++i) {
		BOOST_TEST(ops[i].status == KAPI_GNTST_GENERAL_ERROR);
		BOOST_TEST(fake::mapped(i) == 0);
	}
	free_pages(ops);
}

// The guest has its frame back, who looks at the page sees what was there, and the guest does not
// see what is done to it.
BOOST_FIXTURE_TEST_CASE(a_page_whose_frame_is_replaced, domain)
{
	auto ops = map(3);
	const int pages = fake::pages_in_use();
	BOOST_TEST(kapi_grant_replace(ops.data(), 3) == 0);
	for (uint32_t i = 0; i < 3; ++i) {
		BOOST_TEST(ops[i].status == 0);
		BOOST_TEST(fake::mapped(i) == 0);
		fake::guest_memory(i) = 1;
		BOOST_TEST(fake::shows(ops[i].page) == static_cast<int>(100 + i));
		BOOST_TEST(fake::consistent(ops[i].page));
		// The frame first, the mark then; its name is still there for who saw the mark.
		BOOST_TEST(!fake::marked_foreign(ops[i].page));
		BOOST_TEST(static_cast<page *>(ops[i].page)->grant.gref == i);
	}
	BOOST_TEST(fake::pages_in_use() == pages + 3);
	for (const kapi_map_op &op : ops)
		kapi_grant_forget(&op);
	BOOST_TEST(fake::pages_in_use() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_frame_that_cannot_be_replaced, domain)
{
	for (const bool takes : {false, true}) {
		auto ops = map(3);
		const int pages = fake::pages_in_use();
		fake::replace_status = {{1, -9}};
		fake::replace_takes_entry = takes;
		BOOST_TEST(kapi_grant_replace(ops.data(), 3) == 0);
		BOOST_TEST(ops[0].status == 0);
		BOOST_TEST(ops[1].status == -9);
		BOOST_TEST(ops[2].status == 0);
		BOOST_TEST(fake::pages_in_use() == pages + 2);
		BOOST_TEST(fake::mapped(1) == 1);
		BOOST_TEST(fake::shows(ops[1].page) == 101);
		BOOST_TEST(fake::marked_foreign(ops[1].page));
		BOOST_TEST(fake::consistent(ops[1].page));
		kapi_grant_forget(&ops[0]);
		kapi_grant_forget(&ops[2]);
		BOOST_TEST(kapi_grant_unmap(&ops[1], 1) == 0);
		kapi_foreign_pages_free(&ops[1].page, 1);
		BOOST_TEST(fake::pages_in_use() == 0);
	}
}

BOOST_FIXTURE_TEST_CASE(a_translated_domain_replaces_nothing, domain)
{
	auto ops = map(1);
	fake_pv = false;
	BOOST_TEST(!kapi_grant_can_replace());
	BOOST_TEST(kapi_grant_replace(ops.data(), 1) == -95);
	fake_pv = true;
	BOOST_TEST(fake::mapped(0) == 1);
	BOOST_TEST(kapi_grant_unmap(ops.data(), 1) == 0);
	free_pages(ops);
}

BOOST_FIXTURE_TEST_CASE(the_owner_is_told_once, owner)
{
	BOOST_TEST(xenpv_held_has(&skb));
	BOOST_TEST(told == 0);
	fake::free_skb(skb);
	BOOST_TEST(told == 1);
	BOOST_TEST(!copied);
	BOOST_TEST(!xenpv_held_leave(held), "too late");
	drop_pages();
	finish();
	BOOST_TEST(fake::module_users == 0);
}

BOOST_FIXTURE_TEST_CASE(the_owner_is_told_of_copies, owner)
{
	fake::free_skb(skb, true);
	BOOST_TEST(told == 1);
	BOOST_TEST(copied);
	drop_pages();
	finish();
}

// All that have it must be guests' queues, at one time.
BOOST_FIXTURE_TEST_CASE(who_has_a_packet, owner)
{
	BOOST_TEST(!xenpv_held_only_queued(held));
	xenpv_held_queued(&skb);
	BOOST_TEST(xenpv_held_only_queued(held));
	// Part of it is elsewhere.
	sk_buff other = skb;
	++held->ubuf.refcnt.counter;
	BOOST_TEST(!xenpv_held_only_queued(held));
	xenpv_held_queued(&other);
	BOOST_TEST(xenpv_held_only_queued(held));
	xenpv_held_unqueued(&skb);
	BOOST_TEST(!xenpv_held_only_queued(held));
	fake::free_skb(skb);
	BOOST_TEST(xenpv_held_only_queued(held));
	sk_buff plain{};
	xenpv_held_queued(&plain); // somebody else's
	xenpv_held_unqueued(&plain);
	xenpv_held_unqueued(&other);
	fake::free_skb(other);
	BOOST_TEST(told == 1);
	BOOST_TEST(!xenpv_held_only_queued(held), "its pages may be on their way without the mark");
	drop_pages();
	finish();
}

// Its driver may go, and this module may not, until the last page is back.
BOOST_FIXTURE_TEST_CASE(left_and_released_later, owner)
{
	BOOST_TEST(xenpv_held_leave(held));
	BOOST_TEST(kapi_grant_replace(ops.data(), 2) == 0);
	ops[2].status = KAPI_GNTST_GENERAL_ERROR;
	xenpv_held_inherit(held, ops.data(), 3);
	BOOST_TEST(fake::module_users == 1);
	fake::run_work(true);
	BOOST_TEST(fake::shows(ops[0].page) == 100);
	BOOST_TEST(fake::mapped(2) == 1);
	fake::free_skb(skb);
	BOOST_TEST(told == 0);
	// It says so first; who asks too often asks in vain.
	fake::run_work();
	BOOST_TEST(fake::module_users == 1);
	BOOST_TEST(fake::mapped(2) == 1);
	drop_pages();
	fake::run_work();
	BOOST_TEST(fake::module_users == 1);
	fake::run_work(true);
	BOOST_TEST(fake::module_users == 0);
	BOOST_TEST(fake::mapped(2) == 0);
	BOOST_TEST(fake::pages_in_use() == 0);
}

BOOST_FIXTURE_TEST_CASE(left_and_released_before_the_pages_are_known, owner)
{
	BOOST_TEST(xenpv_held_leave(held));
	fake::free_skb(skb);
	drop_pages();
	BOOST_TEST(!fake::work_waits());
	bequeath();
	BOOST_TEST(fake::module_users == 1);
	fake::run_work();
	BOOST_TEST(fake::module_users == 0);
	BOOST_TEST(fake::pages_in_use() == 0);
}

// Released, and its pages are in use for long: they are nobody's who waits.
BOOST_FIXTURE_TEST_CASE(released_and_then_left_with_busy_pages, owner)
{
	fake::free_skb(skb);
	BOOST_TEST(told == 1);
	bequeath();
	BOOST_TEST(fake::module_users == 1);
	for (int i = 0; i < 3; ++i)
		fake::run_work(true);
	BOOST_TEST(fake::module_users == 1);
	BOOST_TEST(fake::mapped(0) == 1);
	drop_pages();
	fake::run_work(true);
	BOOST_TEST(fake::module_users == 0);
	BOOST_TEST(fake::pages_in_use() == 0);
}

BOOST_FIXTURE_TEST_CASE(no_memory_for_a_holder, domain)
{
	const kapi_net_holder nobody{nullptr, nullptr};
	fake::no_memory = true;
	BOOST_TEST(xenpv_held_alloc(&nobody, 0) == nullptr);
	fake::no_memory = false;
}

BOOST_AUTO_TEST_SUITE_END()
