// SPDX-License-Identifier: GPL-2.0-only
// Memory with one owner (owned.hpp).
#include "fixture.hpp"

#include <xenpv/owned.hpp>

using xenpv::context;
using xenpv::make_owned;
using xenpv::owned;

namespace {

struct thing {
	explicit thing(int &a) : alive(a) { ++alive; }
	~thing() { --alive; }
	int &alive;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(owning, xenpv::test::machine)

BOOST_AUTO_TEST_CASE(it_ends_with_its_owner)
{
	int alive = 0;
	{
		auto a = make_owned<thing>(context::may_sleep, alive);
		BOOST_TEST(static_cast<bool>(a));
		BOOST_TEST(alive == 1);
		auto b = std::move(a);
		BOOST_TEST(!a);
		BOOST_TEST(alive == 1);
		b = make_owned<thing>(context::may_sleep, alive);
		BOOST_TEST(alive == 1);
		b = std::move(*&b);
		BOOST_TEST(alive == 1);
		thing *raw = b.release();
		BOOST_TEST(!b);
		BOOST_TEST(alive == 1);
		owned<thing> c(raw);
	}
	BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(no_memory_is_an_empty_owner)
{
	int alive = 0;
	world.faults().allocation.arm(1, 1);
	auto a = make_owned<thing>(context::atomic, alive);
	auto b = make_owned<thing>(context::atomic, alive);
	auto c = make_owned<thing>(context::atomic, alive);
	BOOST_TEST(static_cast<bool>(a));
	BOOST_TEST(!b);
	BOOST_TEST(static_cast<bool>(c));
	BOOST_TEST(alive == 2);
}

BOOST_AUTO_TEST_CASE(sleeping_for_memory_in_an_interrupt_is_noticed)
{
	int alive = 0;
	{
		const xenpv::sim::as_interrupt inside;
		auto good = make_owned<thing>(context::atomic, alive);
	}
	BOOST_TEST(world.console().broken_rules().empty());
	{
		const xenpv::sim::as_interrupt inside;
		auto bad = make_owned<thing>(context::may_sleep, alive);
	}
	expect_broken_rule("kapi_alloc in atomic context");
}

BOOST_AUTO_TEST_SUITE_END()
