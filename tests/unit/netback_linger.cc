// SPDX-License-Identifier: GPL-2.0-only
// When the backend's thread naps (xen-back/net/linger.hpp).
#include <xen-back/net/linger.hpp>

#include <boost/test/unit_test.hpp>

using xenpv::netback::linger;

namespace {

constexpr uint64_t us = 1000;

// A peer and the thread that serves it, for a while.
struct course {
	uint64_t slots = 0;
	uint64_t sleeps = 0;
	uint64_t naps = 0;
	uint64_t ns = 0;

	[[nodiscard]] uint64_t gap_ns() const { return ns / slots; }
};

// A slot every `gap`, whatever this end does.
course stream(linger &l, uint64_t gap, uint64_t length)
{
	course c;
	static uint64_t now = 1000 * us;
	const uint64_t begin = now;
	uint64_t next = now + gap;
	while (now - begin < length) {
		uint32_t found = 0;
		for (; next <= now; next += gap)
			++found;
		c.slots += found;
		const uint64_t nap = l.found(now, found);
		(nap != 0 ? c.naps : c.sleeps) += 1;
		now = nap != 0 ? now + nap : next;
	}
	c.ns = now - begin;
	return c;
}

// A peer that sends `burst` slots, and the next ones `round_trip` after they were seen.
course conversation(linger &l, uint32_t burst, uint64_t round_trip, uint64_t rounds)
{
	course c;
	static uint64_t now = 1000 * us;
	const uint64_t begin = now;
	uint64_t next = now + round_trip;
	while (c.slots < rounds * burst) {
		const uint32_t found = next <= now ? burst : 0;
		if (found != 0)
			next = now + round_trip;
		c.slots += found;
		const uint64_t nap = l.found(now, found);
		(nap != 0 ? c.naps : c.sleeps) += 1;
		now = nap != 0 ? now + nap : next;
	}
	c.ns = now - begin;
	return c;
}

} // namespace

BOOST_AUTO_TEST_SUITE(netback_linger)

BOOST_AUTO_TEST_CASE(under_a_stream_it_rarely_sleeps)
{
	for (const uint64_t gap : {1 * us, 10 * us, 25 * us}) {
		linger l;
		static_cast<void>(stream(l, gap, 200'000 * us));
		const course c = stream(l, gap, 1'000'000 * us);
		BOOST_TEST(c.sleeps * 16 < c.naps, gap);
		BOOST_TEST(c.slots / (c.sleeps + c.naps) >= linger::most / 2, gap);
	}
}

// The answers of peers that wait for each other are not made to wait for naps as well.
BOOST_AUTO_TEST_CASE(conversations_keep_their_pace)
{
	for (const uint32_t burst : {1u, 2u, 4u, 8u})
		for (const uint64_t round_trip : {30 * us, 300 * us, 3000 * us}) {
			linger l;
			static_cast<void>(conversation(l, burst, round_trip, 1000));
			const course c = conversation(l, burst, round_trip, 10'000);
			BOOST_TEST(c.gap_ns() * burst < round_trip * 5 / 4, burst << " per " << round_trip << " ns");
		}
}

BOOST_AUTO_TEST_CASE(a_conversation_after_a_stream_is_soon_let_alone)
{
	linger l;
	static_cast<void>(stream(l, 10 * us, 1'000'000 * us));
	const course c = conversation(l, 2, 100 * us, 500);
	BOOST_TEST(c.gap_ns() * 2 < 150 * us);
}

BOOST_AUTO_TEST_CASE(a_stream_after_a_conversation_is_found_out)
{
	linger l;
	static_cast<void>(conversation(l, 2, 100 * us, 10'000));
	static_cast<void>(stream(l, 10 * us, 100'000 * us));
	const course c = stream(l, 10 * us, 1'000'000 * us);
	BOOST_TEST(c.sleeps * 8 < c.naps);
}

// A wake that came too late finds nothing: at any moment, it changes nothing.
BOOST_AUTO_TEST_CASE(empty_wakes_do_not_end_naps_for_ever)
{
	linger l;
	uint64_t naps = 0;
	for (uint64_t now = 1000 * us; now < 1'000'000 * us; now += 10 * us) {
		naps += l.found(now, 1) != 0 ? 1 : 0;
		static_cast<void>(l.found(now + us, 0));
	}
	BOOST_TEST(naps > 20u);
}

BOOST_AUTO_TEST_CASE(naps_have_bounds_whatever_time_does)
{
	linger l;
	for (const uint64_t now : {uint64_t{5}, uint64_t{1} << 62, uint64_t{3}, UINT64_MAX, uint64_t{0}})
		for (const uint32_t slots : {0u, 1u, 256u}) {
			const uint64_t nap = l.found(now, slots);
			BOOST_TEST((nap == 0 || nap >= linger::shortest_ns));
			BOOST_TEST(nap <= linger::longest_ns);
		}
}

BOOST_AUTO_TEST_SUITE_END()
