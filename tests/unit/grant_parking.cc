// SPDX-License-Identifier: GPL-2.0-only
// What the peer still has mapped is parked, never reused (grant/parking.cc, XSA-396).
#include "fixture.hpp"

#include <grant/account.hpp>
#include <grant/reference.hpp>

#include <deque>
#include <optional>

using xenpv::err;
using xenpv::grant::access;
using xenpv::grant::account;
using xenpv::grant::cache;
using xenpv::grant::ended;
using xenpv::grant::shared_page;
using xenpv::test::eventually;

namespace {

// A peer that does not let go.
struct hostage {
	hostage(xenpv::sim::domain &holder, uint32_t granter, uint32_t ref) : home(holder)
	{
		const xenpv::sim::as_domain inside(home);
		BOOST_REQUIRE_EQUAL(kapi_foreign_pages_alloc(&page, 1), 0);
		op = {page, ref, granter, 0, -1, 0, 0};
		static_cast<void>(kapi_grant_map(&op, 1));
		BOOST_REQUIRE_EQUAL(op.status, 0);
	}
	hostage(const hostage &) = delete;
	hostage &operator=(const hostage &) = delete;
	void let_go()
	{
		const xenpv::sim::as_domain inside(home);
		static_cast<void>(kapi_grant_unmap(&op, 1));
		kapi_foreign_pages_free(&page, 1);
		page = nullptr;
	}
	~hostage()
	{
		if (page != nullptr)
			let_go();
	}
	[[nodiscard]] unsigned char *bytes() const { return static_cast<unsigned char *>(kapi_foreign_addr(page)); }

	xenpv::sim::domain &home;
	void *page = nullptr;
	kapi_map_op op{};
};

struct device : xenpv::test::machine {
	device() : inside(guest), owner(account::open("vbd-51712")) { refs.emplace().attach(owner->value()); }

	[[nodiscard]] std::unique_ptr<shared_page> make_page()
	{
		return std::make_unique<shared_page>(std::move(shared_page::make(*refs, 0, KAPI_MAY_SLEEP).value()));
	}
	[[nodiscard]] xenpv_grant_usage usage() { return owner->value().usage(); }
	// Lets the layer look at what is parked.
	[[nodiscard]] bool look_until(const std::function<bool()> &so)
	{
		return eventually([&] {
			world.clock().advance(std::chrono::milliseconds(1100));
			return so();
		});
	}

	xenpv::sim::as_domain inside;
	std::optional<xenpv::result<account>> owner;
	std::optional<cache> refs;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(grant_parking, device)

// As where the kernel allocates small objects: only their user keeps them.
BOOST_AUTO_TEST_CASE(a_page_without_references_is_granted_and_left_to_its_user)
{
	kapi_page page{};
	BOOST_TEST_REQUIRE(kapi_page_alloc(&page, KAPI_MAY_SLEEP) == 0);
	auto *own = static_cast<xenpv::sim::page *>(page.page);
	own->uncounted = true;
	{
		auto given = access::give(*refs, 0, page.page, page.frame, xenpv::grant::rights::read_write);
		BOOST_TEST(own->holders == 1u);
		BOOST_TEST((given.value().end() == ended::returned));
	}
	BOOST_TEST(own->holders == 1u);

	// Parked, the reference comes back, and nothing is released that was not taken.
	auto given = access::give(*refs, 0, page.page, page.frame, xenpv::grant::rights::read_write);
	hostage held(dom0, 1, given.value().ref());
	BOOST_TEST((given.value().end() == ended::still_held));
	BOOST_TEST(usage().parked == 1u);
	held.let_go();
	BOOST_TEST(look_until([&] { return usage().parked == 0; }));
	BOOST_TEST(own->holders == 1u);
	kapi_page_release(page.page);
	BOOST_TEST(world.live().pages == 0);
}

BOOST_AUTO_TEST_CASE(still_mapped_is_parked_and_comes_back)
{
	kapi_page page{};
	BOOST_TEST_REQUIRE(kapi_page_alloc(&page, KAPI_MAY_SLEEP) == 0);
	auto given = access::give(*refs, 0, page.page, page.frame, xenpv::grant::rights::read_write);
	hostage held(dom0, 1, given.value().ref());
	BOOST_TEST((given.value().end() == ended::still_held));
	// We do not need the page any more; the peer still reaches it.
	kapi_page_release(page.page);
	BOOST_TEST(world.live().pages == 1, "not freed while the peer reaches it");
	auto u = usage();
	BOOST_TEST(u.parked == 1u);
	BOOST_TEST(u.parked_total == 1u);
	BOOST_TEST(u.in_use == 0u);

	// Looked at, still held, and again.
	const uint64_t looks = world.calls().references_ended;
	BOOST_TEST(look_until([&] { return world.calls().references_ended > looks; }));
	BOOST_TEST(usage().parked == 1u);
	BOOST_TEST(world.live().pages == 1);

	held.let_go();
	BOOST_TEST(look_until([&] { return world.live().pages == 0; }));
	BOOST_TEST(eventually([&] { return usage().parked == 0; }));
	BOOST_TEST(usage().parked_total == 1u);
}

// What a peer writes into a frame it kept never shows in a page used for anything else.
BOOST_AUTO_TEST_CASE(a_parked_page_is_not_reused)
{
	auto first = make_page();
	void *addr = first->addr();
	const uint32_t ref = first->ref();
	hostage held(dom0, 1, ref);
	first.reset();
	std::deque<shared_page> others;
	for (int i = 0; i < 200; ++i) {
		others.push_back(std::move(shared_page::make(*refs, 0, KAPI_MAY_SLEEP).value()));
		BOOST_TEST(others.back().addr() != addr);
		BOOST_TEST(others.back().ref() != ref);
	}
	std::fill(held.bytes(), held.bytes() + KAPI_PAGE_SIZE, static_cast<unsigned char>(0x66));
	for (const auto &p : others)
		BOOST_TEST(*static_cast<unsigned char *>(p.addr()) == 0);
	held.let_go();
	BOOST_TEST(look_until([&] { return usage().parked == 0; }));
}

// One frame held for ever costs one look a second, not a batch of them.
BOOST_AUTO_TEST_CASE(a_held_frame_is_looked_at_once_each_time)
{
	auto page = make_page();
	hostage held(dom0, 1, page->ref());
	page.reset();
	const uint64_t before = world.calls().references_ended;
	world.clock().advance(std::chrono::milliseconds(1100));
	BOOST_TEST(eventually([&] { return world.calls().references_ended > before; }));
	std::this_thread::sleep_for(std::chrono::milliseconds(50));
	BOOST_TEST(world.calls().references_ended == before + 1);
	held.let_go();
	BOOST_TEST(look_until([&] { return usage().parked == 0; }));
}

BOOST_AUTO_TEST_CASE(a_peer_cannot_keep_more_than_the_limit)
{
	constexpr uint32_t limit = 1024;
	std::deque<hostage> held;
	for (uint32_t i = 0; i < limit; ++i) {
		auto page = shared_page::make(*refs, 0, KAPI_MAY_SLEEP);
		BOOST_TEST_REQUIRE(page.ok(), i);
		held.emplace_back(dom0, 1, page.value().ref());
	}
	BOOST_TEST(usage().parked == limit);
	// What is in the cache is still ours; then it ends.
	std::deque<shared_page> last;
	for (;;) {
		auto page = shared_page::make(*refs, 0, KAPI_MAY_SLEEP);
		if (!page.ok()) {
			BOOST_TEST((page.error() == err::no_space));
			break;
		}
		last.push_back(std::move(page.value()));
		BOOST_TEST_REQUIRE(last.size() <= XENPV_REF_CACHE_SIZE);
	}
	BOOST_TEST(world.console().count("the peer keeps 1024 granted frames") == 1u);
	BOOST_TEST(usage().exhausted == 1u);
	last.clear();
	for (auto &h : held)
		h.let_go();
	BOOST_TEST(look_until([&] { return usage().parked == 0; }));
	BOOST_TEST(shared_page::make(*refs, 0, KAPI_MAY_SLEEP).ok());
	BOOST_TEST(usage().parked_total == limit);
}

// XSA-465 and friends: the device may go before the peer lets go.
BOOST_AUTO_TEST_CASE(the_account_may_close_first)
{
	auto page = make_page();
	hostage held(dom0, 1, page->ref());
	page.reset();
	refs.reset();
	owner.reset();
	BOOST_TEST(!world.files().read("vbd-51712/grants").has_value());
	BOOST_TEST(world.live().pages == 1);
	held.let_go();
	BOOST_TEST(look_until([&] { return world.live().pages == 0; }));
}

BOOST_AUTO_TEST_CASE(leaving_collects_what_was_let_go)
{
	auto page = make_page();
	hostage held(dom0, 1, page->ref());
	page.reset();
	held.let_go();
	// The fixture's end is the check: nothing may be left, though nobody looked yet.
	BOOST_TEST(usage().parked == 1u);
}

BOOST_AUTO_TEST_CASE(parking_works_in_an_interrupt)
{
	auto page = make_page();
	hostage held(dom0, 1, page->ref());
	{
		const xenpv::sim::as_interrupt atomic;
		page.reset();
	}
	BOOST_TEST(usage().parked == 1u);
	held.let_go();
	BOOST_TEST(look_until([&] { return usage().parked == 0; }));
}

// No memory to remember the frame by: it stays out of use, and is said to.
BOOST_AUTO_TEST_CASE(without_memory_the_frame_stays_parked)
{
	auto page = make_page();
	const uint32_t ref = page->ref();
	auto *lost = world.memory().find(0x40000, guest);
	BOOST_TEST_REQUIRE(lost != nullptr);
	const int64_t objects = world.live().memory;
	{
		hostage held(dom0, 1, ref);
		world.faults().allocation.arm(0, 1);
		page.reset();
	}
	BOOST_TEST(usage().parked == 1u);
	BOOST_TEST(world.live().memory == objects);
	BOOST_TEST(world.live().pages == 1);
	// Given back by hand, for the leak check; the account's own memory stays by
	// design, as nobody will ever count this frame back.
	BOOST_TEST(kapi_grant_end(ref));
	kapi_grant_free(&ref, 1);
	kapi_page_release(lost);
	xenpv_grant_account *account = owner->value().handle();
	refs.reset();
	owner.reset();
	BOOST_TEST(world.live().memory == 1 + 1, "the parking lot, and the account");
	kapi_free(account);
}

BOOST_AUTO_TEST_SUITE_END()
