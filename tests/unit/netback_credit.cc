// SPDX-License-Identifier: GPL-2.0-only
// How fast a guest may send (xen-back/net/credit.hpp).
#include "fixture.hpp"

#include <xen-back/net/credit.hpp>

#include <boost/test/unit_test.hpp>

using xenpv::netback::credit;
using xenpv::netback::parse_rate;
using xenpv::netback::rate;

namespace {

constexpr uint64_t ms = 1'000'000;

struct limited : xenpv::test::machine {
	credit c;
	uint64_t now = 1000 * ms;

	// Sends packets of `size` for `length_ms`, looking every millisecond.
	uint64_t sent_in(uint64_t length_ms, uint64_t size)
	{
		uint64_t sent = 0;
		for (uint64_t i = 0; i < length_ms; ++i, now += ms)
			while (c.wait_ns(now) == 0) {
				c.spend(size);
				sent += size;
			}
		return sent;
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(netback_credit, limited)

BOOST_AUTO_TEST_CASE(without_a_limit_nobody_waits)
{
	for (int i = 0; i < 1000; ++i) {
		BOOST_TEST(c.wait_ns(now) == 0u);
		c.spend(65535);
	}
}

BOOST_AUTO_TEST_CASE(on_average_the_limit_holds)
{
	c.set({1'000'000, 100'000}); // 10 MB/s
	static_cast<void>(sent_in(1000, 1514)); // what was saved up
	const uint64_t sent = sent_in(10'000, 1514);
	BOOST_TEST(sent > 99'000'000u);
	BOOST_TEST(sent < 101'000'000u);
}

BOOST_AUTO_TEST_CASE(large_packets_pass_a_slow_limit_and_are_paid_for)
{
	c.set({1000, 50'000}); // 20 kB/s
	static_cast<void>(sent_in(1000, 65535));
	const uint64_t sent = sent_in(60'000, 65535);
	BOOST_TEST(sent > 1'000'000u);
	BOOST_TEST(sent < 1'300'000u);
}

BOOST_AUTO_TEST_CASE(a_pause_saves_up_one_burst_and_no_more)
{
	c.set({10'000, 50'000});
	static_cast<void>(sent_in(1000, 1000));
	now += 3'600'000 * ms;
	uint64_t sent = 0;
	while (c.wait_ns(now) == 0) {
		c.spend(1000);
		sent += 1000;
	}
	BOOST_TEST(sent >= credit::least_burst);
	BOOST_TEST(sent <= credit::least_burst + 1000);
}

// Two queues read the clock, and the later one comes first.
BOOST_AUTO_TEST_CASE(a_clock_that_is_late_gives_nothing)
{
	c.set({10'000, 50'000});
	static_cast<void>(sent_in(1000, 1000));
	while (c.wait_ns(now) == 0)
		c.spend(50'000);
	const uint64_t wait = c.wait_ns(now);
	BOOST_TEST(c.wait_ns(now - 1) == wait);
	BOOST_TEST(c.wait_ns(now - 100 * ms) == wait);
	BOOST_TEST(c.wait_ns(now) == wait, "and time is not counted twice");
}

BOOST_AUTO_TEST_CASE(a_pause_pays_debts_as_any_time_does)
{
	c.set({1000, 50'000});
	static_cast<void>(c.wait_ns(now));
	c.spend(credit::least_burst * 100);
	now += 3'600'000 * ms;
	BOOST_TEST(c.wait_ns(now) != 0u);
}

BOOST_AUTO_TEST_CASE(the_highest_rates_do_not_overflow)
{
	const rate r = parse_rate("4294967295,60000000").value_or({});
	BOOST_TEST(r.usecs == 1'000'000u);
	c.set(r);
	static_cast<void>(sent_in(1000, 65535));
	const uint64_t sent = sent_in(10'000, 65535);
	BOOST_TEST(sent > r.bytes * 99 / 10);
	BOOST_TEST(sent < r.bytes * 101 / 10);
}

BOOST_AUTO_TEST_CASE(the_wait_is_long_enough_and_not_longer)
{
	c.set({1'000'000, 1'000'000}); // 1 MB/s
	uint64_t wait = 0;
	while ((wait = c.wait_ns(now)) == 0)
		c.spend(50'000);
	BOOST_TEST(c.wait_ns(now + wait / 2) != 0u);
	BOOST_TEST(c.wait_ns(now + wait + 1000) == 0u);
}

// A microsecond at a time, each too short for a byte: nothing is lost by looking often.
BOOST_AUTO_TEST_CASE(looking_often_costs_no_credit)
{
	c.set({1000, 1'000'000}); // 1 kB/s
	uint64_t wait = 0;
	while ((wait = c.wait_ns(now)) == 0)
		c.spend(credit::least_burst);
	const uint64_t until = now + wait + ms;
	for (uint64_t i = 0; i < 10'000; ++i)
		static_cast<void>(c.wait_ns(now + i * 1000));
	BOOST_TEST(c.wait_ns(until) == 0u);
}

BOOST_AUTO_TEST_CASE(text_of_toolstacks)
{
	const auto r = parse_rate("52428,50000");
	BOOST_TEST_REQUIRE(r.ok());
	BOOST_TEST(r.value_or({}).bytes == 52428u);
	BOOST_TEST(r.value_or({}).usecs == 50000u);
	BOOST_TEST(parse_rate("0,50000").value_or({1, 1}).bytes == 0u);
	BOOST_TEST(parse_rate("1,0").value_or({1, 1}).bytes == 0u);
	for (const char *bad : {"", ",", "1", "1,", ",1", "1,2,3", "-1,2", "1, 2", "x,1", "1,60000001", "4294967296,1",
				"111111111111111111111111111111,1"})
		BOOST_TEST(!parse_rate(bad).ok(), bad);
}

BOOST_AUTO_TEST_SUITE_END()
