// SPDX-License-Identifier: GPL-2.0-only
// How many responses are gathered, against a frontend with a fixed number of requests
// outstanding.
#include <xen-back/blk/pace.hpp>

#include <boost/test/unit_test.hpp>

using xenpv::blkback::pace;

namespace {

struct course {
	uint32_t told = 0; // notifications
	uint32_t in_vain = 0; // of those, after a nap that brought nothing
	uint32_t requests = 0;
};

// A frontend that submits all it may and then waits to be told.
course serve(pace &p, uint32_t outstanding, uint32_t requests)
{
	course c;
	uint32_t untold = 0;
	uint64_t now = 1'000'000;
	for (uint32_t in_front = outstanding; c.requests < requests;) {
		if (in_front != 0) {
			--in_front;
			++untold;
			++c.requests;
			p.came(now += 100'000, 1, false);
			if (p.gathers(untold))
				continue;
		} else {
			++c.in_vain;
		}
		p.told(untold);
		++c.told;
		in_front += untold;
		untold = 0;
	}
	return c;
}

} // namespace

BOOST_AUTO_TEST_SUITE(blkback_pace)

BOOST_AUTO_TEST_CASE(one_outstanding_is_told_at_once)
{
	pace p;
	const course c = serve(p, 1, 10'000);
	BOOST_TEST(c.told == c.requests, "every response is told");
	BOOST_TEST(c.in_vain < 20u, "and a nap is tried less and less often");
	BOOST_TEST(c.in_vain > 0u, "but it is tried");
	BOOST_TEST(p.target() == 1u);
}

BOOST_AUTO_TEST_CASE(many_outstanding_are_gathered_to_half_a_ring)
{
	pace p;
	const course learning = serve(p, 32, 200);
	BOOST_TEST(p.target() == pace::most);
	BOOST_TEST(learning.in_vain == 0u);
	const course c = serve(p, 32, 3200);
	BOOST_TEST(c.told <= 200u, "one for sixteen");
}

BOOST_AUTO_TEST_CASE(few_outstanding_rarely_wait_in_vain)
{
	for (uint32_t depth = 2; depth <= 31; ++depth) {
		pace p;
		static_cast<void>(serve(p, depth, 2000));
		const course c = serve(p, depth, 10'000);
		BOOST_TEST(c.in_vain * 20 <= c.told, depth);
		BOOST_TEST((c.told * 2 <= c.requests || depth < 4), depth);
	}
}

BOOST_AUTO_TEST_CASE(a_stream_that_ends_is_forgotten)
{
	pace p;
	static_cast<void>(serve(p, 32, 1000));
	const course c = serve(p, 1, 100);
	BOOST_TEST(p.target() == 1u);
	BOOST_TEST(c.in_vain < 10u);
}

BOOST_AUTO_TEST_CASE(a_nap_is_bounded_whatever_time_does)
{
	pace p;
	for (const uint64_t now : {uint64_t{5}, uint64_t{1} << 62, uint64_t{3}, UINT64_MAX}) {
		p.came(now, 1, false);
		for (const uint32_t untold : {0u, 1u, 15u, 16u, 1000u}) {
			BOOST_TEST(p.nap_ns(untold) >= pace::shortest_ns);
			BOOST_TEST(p.nap_ns(untold) <= pace::longest_ns);
		}
	}
}

BOOST_AUTO_TEST_SUITE_END()
