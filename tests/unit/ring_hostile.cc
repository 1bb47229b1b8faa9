// SPDX-License-Identifier: GPL-2.0-only
// Ring indices and slots written by an enemy (ring.hpp; XSA-39, 155, 376).
#include "ring_pair.hpp"

#include <xenpv/blkif.hpp>

#include <atomic>
#include <thread>

using xenpv::back_ring;
using xenpv::err;
using xenpv::test::ring_pair;

namespace {

void serve_all(ring_pair &r, uint32_t n)
{
	for (uint32_t i = 0; i < n; ++i)
		r.ask(i);
	static_cast<void>(r.front.push());
	for (uint32_t i = 0; i < n; ++i)
		r.answer(r.serve());
	static_cast<void>(r.back.push());
	for (uint32_t i = 0; i < n; ++i)
		static_cast<void>(r.receive());
}

} // namespace

BOOST_AUTO_TEST_SUITE(ring_hostile)

// XSA-39: at every place of the index, also around its wrap.
BOOST_AUTO_TEST_CASE(request_producer_out_of_bounds)
{
	for (const uint32_t start : {0u, 5u, UINT32_MAX - 10, 0x7fffffffu}) {
		ring_pair r(start);
		serve_all(r, 12);
		const uint32_t at = start + 12;
		for (const uint32_t bad : {at + 33, at + 64, at + 0x7fffffffu, at + 0x80000000u, at - 1, at - 32}) {
			r.page.req_prod() = bad;
			BOOST_TEST((r.back.available().error() == err::protocol), "from " << at << " to " << bad);
			BOOST_TEST((r.back.arm().error() == err::protocol));
		}
		r.page.req_prod() = at + 32;
		BOOST_TEST(r.back.available().value() == 32u);
		r.page.req_prod() = at;
		BOOST_TEST(r.back.available().value() == 0u);
	}
}

// What is in service occupies its slot: a frontend may not reuse it.
BOOST_AUTO_TEST_CASE(request_producer_past_what_is_in_service)
{
	ring_pair r;
	for (uint32_t i = 0; i < 32; ++i)
		r.ask(i);
	static_cast<void>(r.front.push());
	for (uint32_t i = 0; i < 20; ++i)
		static_cast<void>(r.serve());
	r.page.req_prod() = 33;
	BOOST_TEST((r.back.available().error() == err::protocol));
	r.page.req_prod() = 19; // behind what was taken
	BOOST_TEST((r.back.available().error() == err::protocol));
	r.page.req_prod() = 20;
	BOOST_TEST(r.back.available().value() == 0u);
	r.answer(0);
	r.page.req_prod() = 33;
	BOOST_TEST(r.back.available().value() == 13u);
}

// XSA-376: more responses than requests, or an index that goes back.
BOOST_AUTO_TEST_CASE(response_producer_out_of_bounds)
{
	for (const uint32_t start : {0u, UINT32_MAX - 3}) {
		ring_pair r(start);
		for (uint32_t i = 0; i < 5; ++i)
			r.ask(i);
		for (const uint32_t bad : {1u, 5u}) {
			r.page.rsp_prod() = start + bad;
			BOOST_TEST((r.front.available().error() == err::protocol), "nothing was pushed yet");
		}
		static_cast<void>(r.front.push());
		for (const uint32_t bad : {start + 6, start + 32, start + 0x80000000u, start - 1}) {
			r.page.rsp_prod() = bad;
			BOOST_TEST((r.front.available().error() == err::protocol), bad);
			BOOST_TEST((r.front.arm().error() == err::protocol));
		}
		r.page.rsp_prod() = start + 5;
		BOOST_TEST(r.front.available().value() == 5u);
	}
}

BOOST_AUTO_TEST_CASE(attaching_checks_the_indices)
{
	ring_pair r;
	const auto attach = [&r](uint32_t req, uint32_t rsp) {
		r.page.req_prod() = req;
		r.page.rsp_prod() = rsp;
		return back_ring::attach(r.page);
	};
	BOOST_TEST(attach(32, 0).ok());
	BOOST_TEST(attach(7, 7).ok());
	BOOST_TEST(attach(3, UINT32_MAX).ok());
	BOOST_TEST((attach(33, 0).error() == err::protocol));
	BOOST_TEST((attach(0, 1).error() == err::protocol));
	BOOST_TEST((attach(0x80000000u, 0).error() == err::protocol));
}

// XSA-155: the enemy rewrites the slot all the time; what was taken does not change
// after it was taken, and every word of it was there at some moment.
BOOST_AUTO_TEST_CASE(a_slot_is_copied_once)
{
	ring_pair r;
	std::atomic<bool> stop{false};
	const auto slot_word = [&r](size_t i) {
		return std::atomic_ref(*reinterpret_cast<uint32_t *>(r.bytes.data() + 64 + i * 4));
	};
	r.bytes.fill(std::byte{1});
	r.page.rsp_prod() = 0;
	std::thread enemy([&] {
		for (uint32_t n = 0; !stop; ++n)
			for (size_t i = 0; i < ring_pair::slot / 4; ++i)
				slot_word(i).store(n % 2 == 0 ? 0x01010101u : 0x02020202u, std::memory_order_relaxed);
	});
	uint32_t inconsistent = 0;
	bool seen[2] = {};
	for (uint32_t round = 0; round < 20000 || !(seen[0] && seen[1]); ++round) {
		r.page.req_prod() = 1;
		back_ring back = back_ring::attach(r.page).value();
		xenpv::blkif::taken_request request;
		xenpv::blkif::take_request(back, xenpv::blkif::layout_64, request);
		// Twice the same question, twice the same answer.
		for (int look = 0; look < 2; ++look) {
			const bool one = request.nr_segments.is(1);
			const bool two = request.nr_segments.is(2);
			inconsistent += one == two || request.nr_segments.at_most(1).ok() != one;
			seen[two] = true;
		}
	}
	stop = true;
	enemy.join();
	BOOST_TEST(inconsistent == 0u);
}

// What was put is never read back: the frontend's own view does not move when the
// enemy rewrites everything.
BOOST_AUTO_TEST_CASE(own_indices_are_private)
{
	ring_pair r;
	for (uint32_t i = 0; i < 4; ++i)
		r.ask(i);
	static_cast<void>(r.front.push());
	r.bytes.fill(std::byte{0xff});
	r.page.rsp_prod() = 0;
	BOOST_TEST(r.front.outstanding() == 4u);
	BOOST_TEST(r.front.free_slots() == 28u);
	BOOST_TEST(r.front.available().value() == 0u);
	r.ask(4);
	static_cast<void>(r.front.push());
	BOOST_TEST(r.page.req_prod().load() == 5u);
}

// Any rsp_event is harmless: at worst the enemy misses an event.
BOOST_AUTO_TEST_CASE(event_words_are_only_compared)
{
	for (const uint32_t event : {0u, 1u, 2u, 33u, 34u, 0x80000000u, UINT32_MAX}) {
		ring_pair r;
		r.ask(0);
		static_cast<void>(r.front.push());
		r.answer(r.serve());
		r.page.rsp_event() = event;
		BOOST_TEST(r.back.push() == (event == 1), event);
	}
}

BOOST_AUTO_TEST_SUITE_END()
