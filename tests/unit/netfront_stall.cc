// SPDX-License-Identifier: GPL-2.0-only
// A backend that stops answering, and how often one that answers tells (xen-front/net).
#include "netfront_fixture.hpp"

#include <xen-front/net/progress.hpp>

using namespace xenpv::test;
using xenpv::netfront::outlook;
using xenpv::netfront::progress;

namespace netif = xenpv::netif;

namespace {

constexpr uint64_t second = 1'000'000'000;

struct waiting : interface {
	// Seconds go by, one at a time, and what is due in them is done.
	void wait(int seconds)
	{
		for (int i = 0; i < seconds; ++i) {
			world.clock().advance(std::chrono::seconds(1));
			world.settle();
		}
	}
	[[nodiscard]] size_t reports() const { return world.console().count("has answered none of", KAPI_WARN); }
	void answer_all(std::vector<hand_netback::sent> &all, uint32_t queue = 0)
	{
		for (const auto &s : all)
			back->answer(s, netif::status::okay, queue);
		back->tx(queue).push();
		all.clear();
	}
	// One poll after the other, until there is nothing to do.
	void pump()
	{
		while (front->pump(0)) {
		}
	}
	// What was put is shown, and its event, if one was asked for, is served.
	void push_and_pump(xenpv::sim::hand_ring &ring)
	{
		const uint64_t before = front->stats(0).events_received;
		if (ring.push_if_asked()) {
			BOOST_TEST_REQUIRE(eventually([&] { return front->stats(0).events_received > before; }));
			// The handler counts it before it asks for the poll.
			BOOST_TEST_REQUIRE(eventually([&] { return front->pump(0); }));
		}
		pump();
	}
	void expect_all_sent()
	{
		for (auto &p : sent)
			BOOST_TEST(front->wait(*p) == 1);
	}
	// Events while the backend answers n packets one by one, each told of as it wishes.
	uint64_t events_for_answers(uint32_t n)
	{
		auto all = exchange(n);
		pump();
		front->on_schedule(0);
		pump();
		const uint64_t before = front->stats(0).events_received;
		for (const auto &s : all) {
			back->answer(s);
			push_and_pump(back->tx());
		}
		for (auto &p : sent)
			BOOST_TEST(p->completions == 1);
		sent.clear();
		return front->stats(0).events_received - before;
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(netfront_stall, waiting)

BOOST_AUTO_TEST_CASE(no_answer_and_packets_held_back_is_a_stall)
{
	progress p;
	uint64_t now = 1000 * second;
	p.look(now, {10, 5, true});
	p.look(now += 9 * second, {10, 5, true});
	BOOST_TEST(!p.stalled());
	p.look(now += second, {10, 5, true});
	BOOST_TEST(p.stalled());
	BOOST_TEST(p.age_ns(now) == 10 * second);
	p.look(now += second, {10, 5, false});
	BOOST_TEST(p.stalled(), "until there is an answer");
	p.look(now += second, {9, 6, true});
	BOOST_TEST(!p.stalled());
	BOOST_TEST(p.age_ns(now) == 0u);
	p.look(now += 10 * second, {9, 6, true});
	BOOST_TEST(p.stalled());
	p.look(now += second, {0, 15, false});
	BOOST_TEST(!p.stalled());
}

// A packet may lie in a socket of the other domain for hours.
BOOST_AUTO_TEST_CASE(a_packet_that_is_kept_is_no_stall)
{
	progress p;
	uint64_t now = 1000 * second;
	for (int i = 0; i < 100; ++i)
		p.look(now += second, {1, 5, false});
	BOOST_TEST(!p.stalled());
	for (uint64_t answers = 6; answers < 100; ++answers)
		p.look(now += 9 * second, {1, answers, true});
	BOOST_TEST(!p.stalled(), "others are answered");
}

// A burst behind such a packet fills the ring for a moment, and somebody looks just then.
BOOST_AUTO_TEST_CASE(a_burst_behind_a_packet_that_is_kept_is_no_stall)
{
	progress p;
	uint64_t now = 1000 * second;
	for (int i = 0; i < 100; ++i)
		p.look(now += second, {1, 5, false});
	p.look(now += second, {256, 5, true});
	BOOST_TEST(!p.stalled());
	p.look(now += second, {1, 260, false});
	for (int i = 0; i < 100; ++i)
		p.look(now += second, {1, 260, false});
	p.look(now += second, {256, 260, true});
	BOOST_TEST(!p.stalled());
	p.look(now += second, {256, 260, true});
	BOOST_TEST(p.stalled());
}

BOOST_AUTO_TEST_CASE(a_stall_is_reported_once_and_the_link_is_down_until_it_ends)
{
	start();
	for (size_t round = 1; round <= 3; ++round) {
		auto all = exchange(5);
		front->held_back_packets = true;
		wait(9);
		BOOST_TEST(reports() == round - 1);
		wait(3);
		BOOST_TEST(reports() == round);
		BOOST_TEST(world.console().count("link down") == round);
		BOOST_TEST((front->seen().links.size() == 2 * round - 1 && !front->seen().links.back()));
		wait(100);
		BOOST_TEST(reports() == round, "once");
		front->held_back_packets = false; // as when the link is down
		wait(2);
		BOOST_TEST(front->seen().links.size() == 2 * round - 1);
		answer_all(all);
		for (auto &p : sent)
			BOOST_TEST(front->wait(*p) == 1);
		sent.clear();
		wait(2);
		BOOST_TEST((front->seen().links.size() == 2 * round && front->seen().links.back()));
		BOOST_TEST(world.console().count("answers again") == round);
		still_works();
		sent.clear();
		BOOST_TEST(front->stats(0).tx_stalls == round);
	}
}

// What is unanswered but hinders nobody is nobody's business, and an idle device is not
// looked at at all.
BOOST_AUTO_TEST_CASE(nothing_held_back_is_no_stall)
{
	start();
	auto all = exchange(5);
	wait(60);
	BOOST_TEST(reports() == 0u);
	BOOST_TEST(front->seen().links.empty());
	answer_all(all);
	for (auto &p : sent)
		BOOST_TEST(front->wait(*p) == 1);
	front->held_back_packets = true;
	wait(60);
	BOOST_TEST(reports() == 0u);
}

// An answer that was not told of: the watch looks for it.
BOOST_AUTO_TEST_CASE(a_lost_event_is_made_up_for)
{
	start();
	for (const auto &s : exchange(5))
		back->answer(s);
	back->tx().show();
	front->held_back_packets = true;
	wait(2);
	expect_all_sent();
	wait(12);
	BOOST_TEST(reports() == 0u);
	BOOST_TEST(front->seen().links.empty());
}

// tx-frames 256: one event for the last of all, and the backend keeps that one.
BOOST_AUTO_TEST_CASE(answers_that_are_not_told_of_are_no_stall)
{
	start();
	front->set_event_distance(256, 1);
	auto all = exchange(20);
	std::vector kept{all.back()};
	all.pop_back();
	front->held_back_packets = true;
	for (size_t i = 0; i < all.size(); ++i) {
		back->answer(all[i]);
		back->tx().push_if_asked();
		wait(2);
		BOOST_TEST(front->wait(*sent[i]) == 1);
	}
	BOOST_TEST(reports() == 0u);
	BOOST_TEST(front->seen().links.empty());
	wait(12);
	BOOST_TEST(reports() == 1u, "now there is none");
	BOOST_TEST(world.console().count("none of 1 slots") == 1u);
	answer_all(kept);
	expect_all_sent();
	wait(2);
	BOOST_TEST((front->seen().links == std::vector{false, true}));
}

// What was answered without an event is no sign of life later.
BOOST_AUTO_TEST_CASE(the_same_answers_count_once)
{
	start();
	front->set_event_distance(256, 1);
	front->poll_by_hand(true); // nobody takes them
	auto all = exchange(20);
	all.pop_back();
	for (const auto &s : all)
		back->answer(s);
	back->tx().show();
	front->held_back_packets = true;
	wait(9);
	BOOST_TEST(reports() == 0u);
	wait(3);
	BOOST_TEST(reports() == 1u);
	front->poll_by_hand(false);
}

// One queue of two: it is said, but the other one gets on, so the link is not down.
BOOST_AUTO_TEST_CASE(one_queue_that_stalls)
{
	start({{"multi-queue-max-queues", "2"}});
	auto stuck = exchange(3);
	front->held_back_packets = true;
	for (int i = 0; i < 15; ++i) {
		auto &p = transmit(100, 1, {}, 1);
		front->commit(1);
		back->answer(taken(1), netif::status::okay, 1);
		back->tx(1).push();
		BOOST_TEST(front->wait(p) == 1);
		wait(1);
	}
	BOOST_TEST(reports() == 1u);
	BOOST_TEST(world.console().count("link down") == 0u);
	BOOST_TEST(front->seen().links.empty());
	wait(12); // the other one has nothing to do any more
	BOOST_TEST((front->seen().links == std::vector{false}));
	answer_all(stuck);
	expect_all_sent();
	wait(2);
	BOOST_TEST((front->seen().links == std::vector{false, true}));
}

// The backend's word on the link and ours are both heard.
BOOST_AUTO_TEST_CASE(a_stall_while_the_backend_has_no_link)
{
	start();
	auto all = exchange(5);
	front->held_back_packets = true;
	wait(12);
	tools->set_back("carrier", "0");
	back->set_state(4);
	world.settle();
	answer_all(all);
	expect_all_sent();
	wait(2);
	BOOST_TEST(!front->seen().links.back());
	tools->set_back("carrier", "1");
	back->set_state(4);
	world.settle();
	BOOST_TEST(front->seen().links.back());
}

// A new connection has a link, whatever the last one came to.
BOOST_AUTO_TEST_CASE(a_stall_ends_with_its_connection)
{
	start();
	static_cast<void>(exchange(5));
	front->held_back_packets = true;
	wait(12);
	BOOST_TEST(reports() == 1u);
	back->drop_rings();
	tools->set_back("state", "1");
	world.settle();
	connect();
	front->held_back_packets = false;
	const auto text = world.files().read("vif-0/netfront").value();
	BOOST_TEST(text.find("stalled 0\n") != std::string::npos);
	wait(20);
	BOOST_TEST(reports() == 1u);
	sent.clear();
	still_works();
}

// ethtool -C tx-frames: so many answers to an event, or all there are to come.
BOOST_AUTO_TEST_CASE(transmit_events_are_as_far_apart_as_asked)
{
	start();
	front->poll_by_hand(true);
	pump();
	const uint64_t adaptive = events_for_answers(64);
	front->set_event_distance(1, 1);
	const uint64_t each = events_for_answers(64);
	front->set_event_distance(16, 1);
	const uint64_t some = events_for_answers(64);
	front->set_event_distance(256, 1);
	const uint64_t all = events_for_answers(64);
	BOOST_TEST(adaptive <= 8u);
	BOOST_TEST(each == 64u);
	BOOST_TEST(some == 4u);
	BOOST_TEST(all == 1u);
	// The distance is longer than what is out: its last one is told of.
	BOOST_TEST(events_for_answers(3) == 1u);
	front->poll_by_hand(false);
	still_works();
}

// ethtool -C rx-frames: the first packet after a pause is told of at once, then so many at
// a time, and the adapter's timer fetches the rest.
BOOST_AUTO_TEST_CASE(receive_events_are_as_far_apart_as_asked)
{
	start();
	front->poll_by_hand(true);
	pump();
	const auto receive = [&](uint32_t n) {
		const uint64_t before = front->stats(0).events_received;
		for (uint32_t i = 0; i < n; ++i) {
			const netif::rx_request b = buffer();
			back->respond({b.id, 0, 0, 60});
			push_and_pump(back->rx());
		}
		return front->stats(0).events_received - before;
	};
	const auto timer = [&] {
		front->on_schedule(0);
		pump();
	};
	BOOST_TEST(receive(33) == 33u);
	front->take_arrived();
	timer(); // nothing came
	front->set_event_distance(0, 16);
	BOOST_TEST(receive(1) == 1u);
	BOOST_TEST(receive(32) == 2u);
	BOOST_TEST(front->arrived() == 33u);
	BOOST_TEST(receive(15) == 0u);
	BOOST_TEST(front->arrived() == 33u);
	timer();
	BOOST_TEST(front->arrived() == 48u);
	timer(); // and once more in vain: the next packet is the first again
	BOOST_TEST(receive(1) == 1u);
	front->take_arrived();
	front->set_event_distance(0, 1);
	front->poll_by_hand(false);
	timer();
	still_works();
}

BOOST_AUTO_TEST_SUITE_END()
