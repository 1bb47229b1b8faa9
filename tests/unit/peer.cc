// SPDX-License-Identifier: GPL-2.0-only
// Checks that turn what the peer wrote into plain values (peer.hpp).
#include "fixture.hpp"

#include <xenpv/peer.hpp>

#include <cstdint>
#include <type_traits>

using xenpv::err;
using xenpv::peer;

BOOST_AUTO_TEST_SUITE(peer_values)

BOOST_AUTO_TEST_CASE(bounds_are_where_they_are_said)
{
	BOOST_TEST(peer<uint32_t>(10).at_most(10).value() == 10u);
	BOOST_TEST((peer<uint32_t>(11).at_most(10).error() == err::range));
	BOOST_TEST(peer<uint32_t>(9).below(10).value() == 9u);
	BOOST_TEST((peer<uint32_t>(10).below(10).error() == err::range));
	BOOST_TEST((peer<uint32_t>(0).below(0).error() == err::range));
	BOOST_TEST(peer<uint8_t>(1).within(1, 11).value() == 1);
	BOOST_TEST(peer<uint8_t>(11).within(1, 11).value() == 11);
	BOOST_TEST((peer<uint8_t>(0).within(1, 11).error() == err::range));
	BOOST_TEST((peer<uint8_t>(12).within(1, 11).error() == err::range));
	BOOST_TEST((peer<uint64_t>(UINT64_MAX).at_most(UINT64_MAX - 1).error() == err::range));
}

// XSA-376: a status of -1 is not below a limit.
BOOST_AUTO_TEST_CASE(negative_values_are_not_small)
{
	BOOST_TEST((peer<int16_t>(-1).at_most(5).error() == err::range));
	BOOST_TEST((peer<int16_t>(INT16_MIN).within(-2, 0).error() == err::range));
	BOOST_TEST(peer<int16_t>(-2).within(-2, 0).value() == -2);
}

BOOST_AUTO_TEST_CASE(comparison_and_reasons)
{
	BOOST_TEST(peer<uint8_t>(3).is(3));
	BOOST_TEST(!peer<uint8_t>(3).is(4));
	BOOST_TEST(peer<uint64_t>(77).unchecked(xenpv::echoed_back{}) == 77u);
	BOOST_TEST(peer<uint64_t>().is(0));
}

BOOST_AUTO_TEST_CASE(it_converts_to_nothing)
{
	static_assert(!std::is_convertible_v<peer<uint32_t>, uint32_t>);
	static_assert(!std::is_constructible_v<uint32_t, peer<uint32_t>>);
	static_assert(!std::is_constructible_v<bool, peer<uint32_t>>);
	static_assert(!std::is_convertible_v<uint32_t, peer<uint32_t>>, "plain values do not become tainted unseen");
	static_assert(sizeof(peer<uint64_t>) == sizeof(uint64_t), "the type costs nothing");
}

BOOST_AUTO_TEST_SUITE_END()
