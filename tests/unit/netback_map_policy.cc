// SPDX-License-Identifier: GPL-2.0-only
// Whether large packets are mapped or copied (xen-back/net/map_policy.hpp).
#include <xen-back/net/map_policy.hpp>

#include <boost/test/unit_test.hpp>

using xenpv::netback::map_policy;

namespace {

// How many of `packets` are mapped when the stack passes them on, or copies them, at once.
uint32_t mapped_of(map_policy &policy, uint32_t packets, bool copied)
{
	uint32_t mapped = 0;
	for (uint32_t i = 0; i < packets; ++i)
		if (policy.wants()) {
			++mapped;
			policy.came_back(copied);
		}
	return mapped;
}

} // namespace

BOOST_AUTO_TEST_SUITE(netback_map_policy)

BOOST_AUTO_TEST_CASE(passed_on_from_the_first_one)
{
	map_policy p;
	BOOST_TEST(mapped_of(p, 1000, false) == 1000u);
}

BOOST_AUTO_TEST_CASE(a_socket_is_asked_ever_more_seldom)
{
	map_policy p;
	BOOST_TEST(mapped_of(p, 1000, true) <= 7u);
	const uint32_t later = mapped_of(p, 100'000, true);
	BOOST_TEST(later >= 100'000 / map_policy::last_probe - 1);
	BOOST_TEST(later <= 100'000 / map_policy::last_probe + 10);
}

BOOST_AUTO_TEST_CASE(one_that_comes_back_copied_ends_it)
{
	map_policy p;
	BOOST_TEST(mapped_of(p, 10, false) == 10u);
	BOOST_TEST(p.wants());
	p.came_back(true);
	BOOST_TEST(mapped_of(p, map_policy::first_probe - 1, false) == 0u);
	// The probe finds that it pays again.
	BOOST_TEST(mapped_of(p, 100, false) == 100u);
}

// Those that were on their way when it ceased to pay, and one that comes late.
BOOST_AUTO_TEST_CASE(stragglers_decide_nothing)
{
	map_policy p;
	BOOST_TEST(mapped_of(p, 5, false) == 5u);
	for (int i = 0; i < 8; ++i)
		BOOST_TEST(p.wants());
	for (int i = 0; i < 4; ++i)
		p.came_back(true);
	for (int i = 0; i < 4; ++i)
		p.came_back(false);
	BOOST_TEST(!p.wants());
	// Nor do they make the next probe later.
	uint32_t until = 1;
	while (!p.wants())
		++until;
	BOOST_TEST(until <= map_policy::first_probe);
}

BOOST_AUTO_TEST_CASE(one_probe_at_a_time)
{
	map_policy p;
	BOOST_TEST(p.wants());
	for (uint32_t i = 0; i < 10 * map_policy::last_probe; ++i)
		BOOST_TEST(!p.wants());
	p.came_back(false);
	BOOST_TEST(p.wants());
}

BOOST_AUTO_TEST_CASE(what_could_not_be_mapped_is_tried_again)
{
	map_policy p;
	BOOST_TEST(p.wants());
	p.gave_up();
	uint32_t until = 1;
	while (!p.wants())
		++until;
	BOOST_TEST(until <= 2 * map_policy::first_probe);
}

BOOST_AUTO_TEST_SUITE_END()
