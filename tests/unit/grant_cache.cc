// SPDX-License-Identifier: GPL-2.0-only
// References by batches, and what the account says of them (grant/reference.hpp).
#include "fixture.hpp"

#include <grant/account.hpp>
#include <grant/reference.hpp>

#include <set>
#include <vector>

using xenpv::err;
using xenpv::grant::account;
using xenpv::grant::cache;
using xenpv::grant::ended;
using xenpv::grant::rights;
using xenpv::grant::shared_page;

namespace {

struct device : xenpv::test::machine {
	device() : inside(guest), owner(std::move(account::open("vbd-51712").value())) {}

	[[nodiscard]] uint64_t batches() { return world.calls().reference_batches; }
	std::vector<uint32_t> take(cache &c, uint32_t n)
	{
		std::vector<uint32_t> refs;
		for (uint32_t i = 0; i < n; ++i)
			refs.push_back(c.take().value());
		return refs;
	}
	void put(cache &c, const std::vector<uint32_t> &refs)
	{
		for (const uint32_t ref : refs)
			c.put(ref);
	}

	xenpv::sim::as_domain inside;
	account owner;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(grant_cache, device)

BOOST_AUTO_TEST_CASE(one_batch_for_32_references)
{
	cache refs;
	refs.attach(owner);
	BOOST_TEST(batches() == 0u, "nothing is taken before it is needed");
	auto taken = take(refs, 32);
	BOOST_TEST(batches() == 1u);
	BOOST_TEST(std::set<uint32_t>(taken.begin(), taken.end()).size() == 32u, "all different");
	taken.push_back(refs.take().value());
	BOOST_TEST(batches() == 2u);
	put(refs, taken);
	// A queue that works steadily never comes back for more.
	for (int i = 0; i < 10000; ++i)
		put(refs, take(refs, 20));
	BOOST_TEST(batches() == 2u);
}

BOOST_AUTO_TEST_CASE(the_account_counts)
{
	cache a;
	cache b;
	a.attach(owner);
	b.attach(owner);
	auto from_a = take(a, 3);
	auto u = owner.usage();
	BOOST_TEST(u.in_use == 3u);
	BOOST_TEST(u.cached == 29u);
	auto from_b = take(b, 33);
	u = owner.usage();
	BOOST_TEST(u.in_use == 36u);
	BOOST_TEST(u.cached == 60u);
	BOOST_TEST(u.peak == 36u, "what is seen in use was in use");
	put(a, from_a);
	put(b, from_b);
	u = owner.usage();
	BOOST_TEST(u.peak == 36u);
	BOOST_TEST(u.in_use == 0u);
	BOOST_TEST(u.cached == 96u);
	BOOST_TEST(u.parked == 0u);
	BOOST_TEST(u.exhausted == 0u);
	BOOST_TEST(guest.grants().in_use() == 96u);
}

BOOST_AUTO_TEST_CASE(a_full_cache_drains_a_batch)
{
	cache refs;
	refs.attach(owner);
	const auto taken = take(refs, 65);
	BOOST_TEST(guest.grants().in_use() == 96u);
	put(refs, taken); // 31 + 65 is more than it holds
	BOOST_TEST(guest.grants().in_use() == 64u);
	BOOST_TEST(owner.usage().cached == 64u);
	BOOST_TEST(owner.usage().in_use == 0u);
}

BOOST_AUTO_TEST_CASE(detaching_returns_everything)
{
	{
		cache refs;
		refs.attach(owner);
		put(refs, take(refs, 40));
		BOOST_TEST(guest.grants().in_use() == 64u);
	}
	BOOST_TEST(guest.grants().in_use() == 0u);
	BOOST_TEST(owner.usage().cached == 0u);
	BOOST_TEST(owner.usage().in_use == 0u);
}

BOOST_AUTO_TEST_CASE(exhaustion_is_said_once_and_counted)
{
	guest.grants().set_size(40);
	cache refs;
	refs.attach(owner);
	std::vector<uint32_t> all = take(refs, 40);
	BOOST_TEST(batches() <= 8u, "smaller and smaller batches near the end");
	for (int i = 0; i < 100; ++i)
		BOOST_TEST((refs.take().error() == err::no_space));
	BOOST_TEST(owner.usage().exhausted == 100u);
	BOOST_TEST(world.console().count("grant table exhausted") == 1u);
	BOOST_TEST(world.console().lines().at(0).who == "vbd-51712");
	BOOST_TEST(owner.usage().in_use == 40u);
	BOOST_TEST(owner.usage().peak <= 40u);
	// It is not for ever.
	refs.put(all.back());
	BOOST_TEST(refs.take().value() == all.back());
	guest.grants().set_size(200);
	all.push_back(refs.take().value());
	put(refs, all);
}

BOOST_AUTO_TEST_CASE(an_access_returns_page_and_reference)
{
	cache refs;
	refs.attach(owner);
	kapi_page page{};
	BOOST_TEST_REQUIRE(kapi_page_alloc(&page, KAPI_MAY_SLEEP) == 0);
	{
		auto a = xenpv::grant::access::give(refs, 0, page.page, page.frame, rights::read_only);
		BOOST_TEST_REQUIRE(a.ok());
		xenpv::grant::access moved = std::move(a.value());
		BOOST_TEST(static_cast<bool>(moved));
		BOOST_TEST(world.live().accesses == 1);
		BOOST_TEST((moved.end() == ended::returned));
		BOOST_TEST((moved.end() == ended::returned), "ending twice is nothing");
		BOOST_TEST(world.live().accesses == 0);
	}
	{
		xenpv::grant::access first = std::move(
			xenpv::grant::access::give(refs, 0, page.page, page.frame, rights::read_write).value());
		xenpv::grant::access second = std::move(
			xenpv::grant::access::give(refs, 0, page.page, page.frame, rights::read_write).value());
		first = std::move(second);
		BOOST_TEST(world.live().accesses == 1);
	}
	BOOST_TEST(world.live().accesses == 0);
	BOOST_TEST(owner.usage().in_use == 0u);
	kapi_page_release(page.page);
}

// An access that was exhausted before it began holds nothing.
BOOST_AUTO_TEST_CASE(exhaustion_leaves_no_hold_on_the_page)
{
	guest.grants().set_size(0);
	cache refs;
	refs.attach(owner);
	kapi_page page{};
	BOOST_TEST_REQUIRE(kapi_page_alloc(&page, KAPI_MAY_SLEEP) == 0);
	BOOST_TEST((xenpv::grant::access::give(refs, 0, page.page, page.frame, rights::read_only).error() ==
		    err::no_space));
	BOOST_TEST((shared_page::make(refs, 0, KAPI_MAY_SLEEP).error() == err::no_space));
	BOOST_TEST(world.live().pages == 1);
	kapi_page_release(page.page);
	BOOST_TEST(world.live().pages == 0);
}

// XSA-403: nothing older is in a page the peer may read.
BOOST_AUTO_TEST_CASE(shared_pages_are_zeroed_also_when_used_before)
{
	cache refs;
	refs.attach(owner);
	for (int round = 0; round < 50; ++round) {
		auto page = shared_page::make(refs, 0, KAPI_ATOMIC);
		BOOST_TEST_REQUIRE(page.ok());
		auto *bytes = static_cast<unsigned char *>(page.value().addr());
		BOOST_TEST(std::count(bytes, bytes + KAPI_PAGE_SIZE, 0) == KAPI_PAGE_SIZE);
		std::fill(bytes, bytes + KAPI_PAGE_SIZE, static_cast<unsigned char>(0x77));
	}
	world.faults().page.arm(0, 1);
	BOOST_TEST((shared_page::make(refs, 0, KAPI_ATOMIC).error() == err::no_memory));
	BOOST_TEST(owner.usage().in_use == 0u);
}

BOOST_AUTO_TEST_CASE(a_shared_page_moves)
{
	cache refs;
	refs.attach(owner);
	shared_page a = std::move(shared_page::make(refs, 0, KAPI_ATOMIC).value());
	shared_page b = std::move(shared_page::make(refs, 0, KAPI_ATOMIC).value());
	const uint32_t ref = b.ref();
	void *addr = b.addr();
	a = std::move(b);
	BOOST_TEST(a.ref() == ref);
	BOOST_TEST(a.addr() == addr);
	BOOST_TEST(world.live().accesses == 1);
}

BOOST_AUTO_TEST_CASE(the_administrator_reads_it)
{
	cache refs;
	refs.attach(owner);
	const auto taken = take(refs, 5);
	const auto text = world.files().read("vbd-51712/grants");
	BOOST_TEST_REQUIRE(text.has_value());
	BOOST_TEST(text->find("in_use 5\n") != std::string::npos);
	BOOST_TEST(text->find("cached 27\n") != std::string::npos);
	put(refs, taken);
}

BOOST_AUTO_TEST_CASE(no_memory_for_an_account)
{
	world.faults().allocation.arm(0, 1);
	BOOST_TEST((account::open("vbd-1").error() == err::no_memory));
	BOOST_TEST(!world.files().read("vbd-1/grants").has_value());
}

// Queues have their caches to themselves; the account and the table are shared.
BOOST_AUTO_TEST_CASE(queues_of_one_device_side_by_side)
{
	std::vector<std::thread> queues;
	for (int q = 0; q < 4; ++q)
		queues.emplace_back([this] {
			const xenpv::sim::as_domain here(guest);
			cache refs;
			refs.attach(owner);
			for (int i = 0; i < 300; ++i)
				put(refs, take(refs, 1 + i % 90));
		});
	for (int i = 0; i < 200; ++i) {
		const auto u = owner.usage();
		BOOST_TEST(u.in_use <= 4u * (90u + 32u));
	}
	for (auto &q : queues)
		q.join();
	BOOST_TEST(owner.usage().in_use == 0u);
	BOOST_TEST(guest.grants().in_use() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
