// SPDX-License-Identifier: GPL-2.0-only
// The shared ring between two honest ends (ring.hpp, io/ring.h).
#include "ring_pair.hpp"

#include <algorithm>

using xenpv::back_ring;
using xenpv::err;
using xenpv::event_crossed;
using xenpv::test::ring_pair;

BOOST_AUTO_TEST_SUITE(ring)

BOOST_AUTO_TEST_CASE(sizes_are_those_of_the_public_macros)
{
	alignas(4096) std::byte page[4096] = {};
	BOOST_TEST(xenpv::ring_page(page, 112).size() == 32u);
	BOOST_TEST(xenpv::ring_page(page, 108).size() == 32u);
	BOOST_TEST(xenpv::ring_page(page, 12).size() == 256u);
	BOOST_TEST(xenpv::ring_page(page, 8).size() == 256u);
	BOOST_TEST(xenpv::ring_page(page, 4032).size() == 1u);
	BOOST_TEST(xenpv::ring_page(page, 2016).size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_new_ring_looks_as_shared_ring_init_leaves_it)
{
	ring_pair r;
	BOOST_TEST(r.word(0) == 0u);
	BOOST_TEST(r.word(1) == 1u);
	BOOST_TEST(r.word(2) == 0u);
	BOOST_TEST(r.word(3) == 1u);
	BOOST_TEST(r.front.free_slots() == ring_pair::size);
}

BOOST_AUTO_TEST_CASE(requests_and_responses_arrive_in_order)
{
	ring_pair r;
	for (uint32_t i = 0; i < 1000; ++i) {
		r.ask(i);
		BOOST_TEST(!r.back.available().value());
		BOOST_TEST(r.front.has_unpushed());
		static_cast<void>(r.front.push());
		BOOST_TEST(!r.front.has_unpushed());
		BOOST_TEST(r.back.available().value() == 1u);
		BOOST_TEST(r.serve() == i);
		BOOST_TEST(r.back.in_service() == 1u);
		r.answer(~i);
		BOOST_TEST(r.back.in_service() == 0u);
		BOOST_TEST(r.front.available().value() == 0u);
		static_cast<void>(r.back.push());
		BOOST_TEST(r.front.available().value() == 1u);
		BOOST_TEST(r.receive() == ~i);
		BOOST_TEST(r.front.outstanding() == 0u);
	}
}

// What was not pushed cannot be answered; what was can, however many came and went since.
BOOST_AUTO_TEST_CASE(only_what_was_pushed_was_shown)
{
	ring_pair r;
	const uint32_t oldest = r.front.made();
	r.ask(0);
	BOOST_TEST(!r.front.shown(oldest));
	static_cast<void>(r.front.push());
	BOOST_TEST(r.front.shown(oldest));
	for (uint32_t i = 1; i < 10'000; ++i) {
		const uint32_t place = r.front.made();
		r.ask(i);
		BOOST_TEST(!r.front.shown(place));
		BOOST_TEST(r.front.shown(oldest), i);
		static_cast<void>(r.front.push());
		BOOST_TEST(r.front.shown(place));
		static_cast<void>(r.serve());
		r.answer(i);
		static_cast<void>(r.back.push());
		static_cast<void>(r.receive());
	}
}

BOOST_AUTO_TEST_CASE(a_full_ring_holds_its_size)
{
	ring_pair r;
	for (uint32_t i = 0; i < ring_pair::size; ++i)
		r.ask(i);
	BOOST_TEST(r.front.free_slots() == 0u);
	static_cast<void>(r.front.push());
	BOOST_TEST(r.back.available().value() == ring_pair::size);
	for (uint32_t i = 0; i < ring_pair::size; ++i)
		BOOST_TEST(r.serve() == i);
	// Taken and not answered still occupies the ring.
	BOOST_TEST(r.back.available().value() == 0u);
	for (uint32_t i = 0; i < ring_pair::size; ++i)
		r.answer(i);
	static_cast<void>(r.back.push());
	BOOST_TEST(r.front.available().value() == ring_pair::size);
	BOOST_TEST(r.front.free_slots() == 0u);
	static_cast<void>(r.receive());
	BOOST_TEST(r.front.free_slots() == 1u);
}

// Indices are 32-bit and free-running: nothing special happens at 2^32.
BOOST_AUTO_TEST_CASE(indices_wrap)
{
	ring_pair r(UINT32_MAX - 5);
	for (uint32_t round = 0; round < 20; ++round) {
		for (uint32_t i = 0; i < 7; ++i)
			r.ask(round * 7 + i);
		static_cast<void>(r.front.push());
		BOOST_TEST(r.back.available().value() == 7u);
		for (uint32_t i = 0; i < 7; ++i)
			r.answer(r.serve() + 1);
		static_cast<void>(r.back.push());
		BOOST_TEST(r.front.available().value() == 7u);
		for (uint32_t i = 0; i < 7; ++i)
			BOOST_TEST(r.receive() == round * 7 + i + 1);
	}
	BOOST_TEST(r.torn == 0u);
}

BOOST_AUTO_TEST_CASE(event_is_asked_for_in_a_half_open_interval)
{
	static_assert(event_crossed(1, 0, 1));
	static_assert(!event_crossed(0, 0, 1), "already passed");
	static_assert(!event_crossed(2, 0, 1), "not yet");
	static_assert(event_crossed(5, 0, 8));
	static_assert(event_crossed(8, 0, 8));
	static_assert(!event_crossed(9, 0, 8));
	static_assert(!event_crossed(3, 3, 3), "nothing was pushed");
	static_assert(event_crossed(0, UINT32_MAX, 1), "across the wrap");
	static_assert(!event_crossed(UINT32_MAX, UINT32_MAX, 1));
	// Against RING_PUSH_REQUESTS_AND_CHECK_NOTIFY's words, over a whole neighbourhood.
	for (uint32_t event = 0; event < 80; ++event)
		for (uint32_t before = 0; before < 40; ++before)
			for (uint32_t now = before; now <= before + 32; ++now)
				BOOST_REQUIRE_EQUAL(event_crossed(event, before, now), event > before && event <= now);
}

BOOST_AUTO_TEST_CASE(a_busy_peer_is_not_told)
{
	ring_pair r;
	r.ask(0);
	BOOST_TEST(r.front.push(), "the first request wakes");
	r.ask(1);
	BOOST_TEST(!r.front.push(), "nobody armed since");
	static_cast<void>(r.serve());
	static_cast<void>(r.serve());
	BOOST_TEST(r.back.arm().value() == 0u);
	r.ask(2);
	BOOST_TEST(r.front.push());

	r.answer(0);
	BOOST_TEST(r.back.push(), "the first response wakes");
	r.answer(1);
	BOOST_TEST(!r.back.push(), "nobody armed since");
}

BOOST_AUTO_TEST_CASE(arming_looks_again)
{
	ring_pair r;
	r.ask(0);
	static_cast<void>(r.front.push());
	BOOST_TEST(r.back.arm().value() == 1u, "arming must see what came before it");
	r.answer(r.serve());
	static_cast<void>(r.back.push());
	BOOST_TEST(r.front.arm().value() == 1u);
}

BOOST_AUTO_TEST_CASE(batch_that_goes_past_the_event_wakes_once)
{
	ring_pair r;
	for (uint32_t i = 0; i < 8; ++i)
		r.ask(i);
	static_cast<void>(r.front.push());
	BOOST_TEST(r.front.arm().value() == 0u);
	for (uint32_t i = 0; i < 6; ++i)
		r.answer(r.serve());
	BOOST_TEST(r.back.unpushed() == 6u);
	BOOST_TEST(r.back.push());
	BOOST_TEST(r.back.unpushed() == 0u);
	r.answer(r.serve());
	BOOST_TEST(!r.back.push());
}

BOOST_AUTO_TEST_CASE(attaching_to_a_live_ring_replays_what_is_unanswered)
{
	ring_pair r;
	for (uint32_t i = 0; i < 10; ++i)
		r.ask(i);
	static_cast<void>(r.front.push());
	for (uint32_t i = 0; i < 6; ++i)
		static_cast<void>(r.serve());
	for (uint32_t i = 0; i < 3; ++i)
		r.answer(i);
	static_cast<void>(r.back.push());
	// The backend goes away with three in service and comes back.
	auto again = back_ring::attach(r.page);
	BOOST_TEST_REQUIRE(again.ok());
	r.back = again.value();
	BOOST_TEST(r.back.available().value() == 7u);
	for (uint32_t i = 3; i < 10; ++i)
		BOOST_TEST(r.serve() == i);
}

BOOST_AUTO_TEST_SUITE_END()
