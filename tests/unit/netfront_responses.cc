// SPDX-License-Identifier: GPL-2.0-only
// Answers of a hostile backend to what was sent (xen-front/net; XSA-376, 396, QSB-023).
#include "netfront_fixture.hpp"

using namespace xenpv::test;
namespace netif = xenpv::netif;

BOOST_FIXTURE_TEST_SUITE(netfront_responses, interface)

BOOST_AUTO_TEST_CASE(response_producer_out_of_range)
{
	for (const uint32_t bad : {3u, 257u, 0x7fffffffu, 0x80000000u, UINT32_MAX}) {
		start();
		static_cast<void>(exchange(2));
		back->tx().producer() = bad;
		back->tx().notify();
		expect_broken("rsp_prod " + std::to_string(bad));
		BOOST_TEST(world.console().count("response producer index is out of range") >= 1u);
		works_again();
		stop();
	}
}

BOOST_AUTO_TEST_CASE(response_producer_that_goes_back)
{
	start();
	for (const auto &s : exchange(2))
		back->answer(s);
	back->tx().push();
	for (auto &p : sent)
		BOOST_TEST(front->wait(*p) == 1);
	back->tx().producer() = 1;
	back->tx().notify();
	expect_broken("rsp_prod went back");
	works_again();
}

BOOST_AUTO_TEST_CASE(ids_that_are_no_ids)
{
	for (const int id : {256, 257, 511, 512, 0x7fff, 0x8000, 0xffff}) {
		start();
		static_cast<void>(exchange(2));
		back->answer(static_cast<uint16_t>(id), 0);
		back->tx().push();
		expect_broken("id " + std::to_string(id));
		works_again();
		stop();
	}
}

BOOST_AUTO_TEST_CASE(an_id_that_is_not_pending)
{
	start();
	const auto all = exchange(2);
	uint16_t other = 0;
	while (other == all[0].slots[0].id || other == all[1].slots[0].id)
		++other;
	back->answer(other, 0);
	back->tx().push();
	expect_broken("not pending");
	works_again();
}

// An event that comes when its poll is over but not unmasked yet is of the next poll, which
// finds its work: no such event is spurious (XSA-391: Xen delays the next one then).
BOOST_AUTO_TEST_CASE(an_event_between_a_poll_and_its_unmask)
{
	for (const char *split : {"0", "1"}) {
		start({{"feature-split-event-channels", split}});
		front->poll_by_hand(true);
		while (front->pump(0)) {
		}
		for (int round = 0; round < 10; ++round) {
			const auto s = exchange(1).at(0);
			const auto before = front->stats(0);
			front->before_unmask = [&] {
				back->answer(s);
				back->tx().push();
				BOOST_TEST_REQUIRE(eventually(
					[&] { return front->stats(0).events_received > before.events_received; }));
			};
			front->on_schedule(0); // by something that is no event
			while (front->pump(0)) {
			}
			BOOST_TEST(front->wait(*sent.back()) == 1);
			BOOST_TEST(front->stats(0).events_spurious == 0u, "round " << round << " split " << split);
		}
		sent.clear();
		front->poll_by_hand(false);
		still_works();
		stop();
	}
}

// Transmit and poll both tell the backend over one channel, whose counts have one writer at
// a time.
BOOST_AUTO_TEST_CASE(one_of_both_directions_tells_at_a_time)
{
	start({{"feature-split-event-channels", "0"}});
	const auto ask = [](auto &ring) { ring.event() = ring.peer_producer() + 1; };
	const netif::rx_request posted = buffer();
	ask(back->tx());
	ask(back->rx());
	const auto home = std::this_thread::get_id();
	std::atomic<int> inside{0};
	std::atomic<int> most{0};
	world.faults().notify.set([&] {
		if (xenpv::sim::current_domain()->id() != 1)
			return; // the backend's own
		const int now = ++inside;
		most = std::max(most.load(), now);
		if (std::this_thread::get_id() == home) {
			// While transmit tells, poll gets a buffer to tell of.
			back->respond({posted.id, 0, 0, 60});
			back->rx().push();
			BOOST_TEST(eventually([&] { return front->arrived() != 0; }));
			std::this_thread::sleep_for(std::chrono::milliseconds(20));
		}
		--inside;
	});
	const auto before = front->stats(0);
	static_cast<void>(exchange(1));
	BOOST_TEST(eventually([&] { return front->stats(0).notifications_sent == before.notifications_sent + 2; }));
	world.faults().notify.clear();
	BOOST_TEST(most == 1);
	front->take_arrived();
}

// A backend that answers as fast as packets are sent does not keep the CPU: a poll takes
// about as much as a ring holds, and is called again.
BOOST_AUTO_TEST_CASE(a_backend_as_fast_as_we_are)
{
	start();
	front->poll_by_hand(true);
	while (front->pump(0)) {
	}
	uint32_t completions = 0;
	const auto one_more = [&] {
		auto &p = *sent.emplace_back(std::make_unique<outgoing>());
		p.add(0, 60);
		BOOST_TEST_REQUIRE(front->transmit(0, p) >= 0);
		front->commit(0);
		back->answer(taken());
		back->tx().show();
	};
	front->after_sent = [&] {
		if (++completions < 2000)
			one_more();
	};
	for (int i = 0; i < 100; ++i)
		one_more();
	front->on_schedule(0);
	BOOST_TEST_REQUIRE(front->pump(0));
	BOOST_TEST(completions >= 256u);
	BOOST_TEST(completions < 256u + 32);
	while (front->pump(0)) {
	}
	BOOST_TEST(completions == 2099u);
	front->after_sent = nullptr;
	for (auto &p : sent)
		BOOST_TEST(p->completions == 1);
	sent.clear();
	front->poll_by_hand(false);
	still_works();
}

// What came before the violation still counts: it was answered.
BOOST_AUTO_TEST_CASE(an_id_answered_twice)
{
	start();
	const auto all = exchange(2);
	back->answer(all[0]);
	back->answer(all[0]);
	back->tx().push();
	expect_broken("duplicate");
	BOOST_TEST(sent[0]->sent == 1);
	BOOST_TEST(sent[1]->sent == 0);
	works_again();
}

// The first slot of a packet that is not all answered is no free slot, and not pending
// either.
BOOST_AUTO_TEST_CASE(a_first_slot_answered_twice)
{
	start();
	transmit(9000, 3);
	front->commit(0);
	const auto s = taken();
	back->answer(s.slots[0].id, 0);
	back->answer(s.slots[0].id, 0);
	back->tx().push();
	expect_broken("first slot twice");
	BOOST_TEST(sent[0]->sent == 0);
	works_again();
}

BOOST_AUTO_TEST_CASE(more_nulls_than_extra_infos)
{
	start();
	static_cast<void>(exchange(3));
	back->answer(0, 1);
	back->tx().push();
	expect_broken("null to no extra info");
	works_again();
	stop();

	start();
	transmit(9000, 3, {0, 1448, KAPI_NET_GSO_TCPV4, KAPI_NET_CSUM_BLANK, 0, 0});
	front->commit(0);
	static_cast<void>(taken());
	back->answer(0xffff, 1);
	back->answer(0, 1);
	back->tx().push();
	expect_broken("two nulls to one extra info");
	works_again();
}

BOOST_AUTO_TEST_CASE(unknown_statuses_are_errors_and_no_more)
{
	start();
	for (const int status : {-1, -2, -3, -32768, 2, 3, 255, 32767}) {
		outgoing &p = transmit(100);
		front->commit(0);
		back->answer(taken().slots[0].id, static_cast<int16_t>(status));
		back->tx().push();
		BOOST_TEST(front->wait(p) == 0, status);
	}
	still_works();
}

// XSA-396: answered, and still mapped: the page is parked, and the device ends.
BOOST_AUTO_TEST_CASE(a_grant_that_stays_mapped_after_the_answer)
{
	start();
	const auto s = exchange(1).at(0);
	auto held = back->map(s.slots[0].gref, true);
	BOOST_TEST_REQUIRE(held.status == 0);
	back->answer(s);
	back->tx().push();
	BOOST_TEST(front->wait(*sent[0]) == 0);
	expect_broken("held");
	sent.clear(); // its user gives the page back, and the enemy still reads it
	BOOST_TEST(world.live().accesses >= 1);
	const auto *seen = static_cast<const std::byte *>(kapi_foreign_addr(held.page));
	BOOST_TEST((bytes(seen, seen + 100) == pattern(100, 1)), "nobody reused it");
	back->unmap(held);
	works_again();
}

BOOST_AUTO_TEST_CASE(a_grant_of_the_pool_that_stays_mapped)
{
	start({}, {{"trusted", "0"}});
	const auto s = exchange(1).at(0);
	auto held = back->map(s.slots[0].gref, true);
	BOOST_TEST_REQUIRE(held.status == 0);
	back->answer(s);
	back->tx().push();
	BOOST_TEST(front->wait(*sent[0]) == 1, "its pages stay granted: nothing is wrong");
	front.reset();
	const auto *seen = static_cast<const std::byte *>(kapi_foreign_addr(held.page));
	BOOST_TEST((bytes(seen, seen + 100) == pattern(100, 1)), "nobody reused it");
	BOOST_TEST(world.live().accesses >= 1);
	back->unmap(held);
}

// Never answered: the packets come back when the device goes.
BOOST_AUTO_TEST_CASE(a_backend_that_never_answers)
{
	start();
	static_cast<void>(exchange(20));
	transmit(100); // not even committed
	transmit(65535, 17, {0, 1448, KAPI_NET_GSO_TCPV4, KAPI_NET_CSUM_BLANK, 0, 0});
	front->remove();
	for (auto &p : sent) {
		BOOST_TEST(p->sent == 0);
		BOOST_TEST(p->completions == 1);
	}
}

// The slots of a ring are used many times over, in every order.
BOOST_AUTO_TEST_CASE(slots_are_used_again)
{
	start();
	for (uint32_t round = 0; round < 60; ++round) {
		for (uint32_t i = 0; i < 10; ++i)
			transmit(2000, 1 + (i + round) % 4);
		front->commit(0);
		std::vector<hand_netback::sent> all;
		for (uint32_t i = 0; i < 10; ++i)
			all.push_back(taken());
		for (uint32_t i = 0; i < 10; ++i)
			back->answer(all[(i * 7 + round) % 10]);
		back->tx().push();
		for (auto &p : sent)
			BOOST_REQUIRE_EQUAL(front->wait(*p), 1);
		sent.clear();
	}
	BOOST_TEST(world.live().accesses == 2 + 256);
}

BOOST_AUTO_TEST_SUITE_END()
