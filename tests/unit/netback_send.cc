// SPDX-License-Identifier: GPL-2.0-only
// What our backend delivers to a guest, willing or not (xen-back/net; io/netif.h, "Guest
// receive"; XSA-392).
#include "netback_fixture.hpp"

#include <atomic>
#include <deque>

using namespace xenpv::test;
using xenpv::sim::granted_page;
namespace netif = xenpv::netif;

namespace {

struct delivering : vif {
	void serve()
	{
		start();
		attach();
	}
	[[nodiscard]] hand_netfront::received take(uint32_t queue = 0)
	{
		hand_netfront::received r;
		BOOST_REQUIRE(front->take(&r, queue));
		return r;
	}
	// Everything that waits is handed back within the patience that a guest is given.
	void wait_long()
	{
		BOOST_TEST(eventually([&] {
			world.clock().advance(std::chrono::seconds(11));
			return back->seen().owed == 0;
		}));
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(netback_send, delivering)

BOOST_AUTO_TEST_CASE(every_class_of_length)
{
	serve();
	front->post(18);
	for (const uint32_t length :
	     {14u, 15u, 60u, 255u, 1514u, 4095u, 4096u, 4097u, 8192u, 9014u, 32768u, 61440u, 65534u, 65535u})
		for (const uint32_t pieces : {pages_for(length), pages_for(length) + 1, 18u, KAPI_NET_MAX_PIECES}) {
			if (pieces > length)
				continue;
			const uint32_t pages = pages_for(length);
			auto &p = packet(length, pieces, {}, length, pieces == 18 ? 123 % (4096 - 3700) : 0);
			BOOST_TEST(back->send(0, p) >= 0);
			const auto r = take();
			BOOST_TEST((r.bytes == pattern(length, length)), length << " of " << pieces);
			const auto slots = static_cast<uint32_t>(r.slots.size());
			BOOST_TEST(slots >= pages);
			BOOST_TEST(slots <= (pages >= 4 && pages < 17 ? pages + 1 : pages), "one more at most");
			front->post(slots);
			BOOST_TEST(back->wait(p) == 1);
			for (size_t i = 0; i < r.slots.size(); ++i) {
				BOOST_TEST(r.slots[i].id == static_cast<uint16_t>(r.indices[i]), "its own slot");
				BOOST_TEST(r.slots[i].flags == (i + 1 < slots ? netif::rx_more_data : 0));
				BOOST_TEST(r.slots[i].offset + r.slots[i].status <= 4096);
			}
		}
}

// What a sender's stack makes of a stream: headers, the end of one page, pages, and the beginning of one.
BOOST_AUTO_TEST_CASE(pages_are_copied_whole)
{
	serve();
	struct {
		uint32_t headers, first, pages, last;
		uint64_t operations;
		size_t slots;
	} cases[] = {
		{66, 376, 15, 3344, 18, 17}, // the headers and the first piece share a slot
		{66, 0, 15, 3720, 17, 17},
		{66, 2000, 15, 1720, 18, 17},
		{66, 4090, 14, 3726, 17, 17}, // not these two
		{66, 4000, 15, 65535 - 4066 - 15 * 4096, 18, 17},
		{66, 4000, 1, 90, 4, 3},
		// So few are not worth a slot more.
		{66, 500, 2, 100, 7, 3},
	};
	for (const auto &c : cases) {
		front->post(17);
		auto &p = *packets.emplace_back(std::make_unique<to_guest>());
		p.add(0, c.headers);
		if (c.first != 0)
			p.add(4096 - c.first, c.first);
		for (uint32_t i = 0; i < c.pages; ++i)
			p.add(0, 4096);
		p.add(0, c.last);
		const uint32_t length = c.headers + c.first + c.pages * 4096 + c.last;
		p.fill(pattern(length, length));
		const uint64_t before = world.calls().copy_operations;
		BOOST_TEST(back->send(0, p) >= 0);
		const auto r = take();
		BOOST_TEST((r.bytes == pattern(length, length)));
		BOOST_TEST(back->wait(p) == 1);
		BOOST_TEST(world.calls().copy_operations - before == c.operations, "first piece of " << c.first);
		BOOST_TEST(r.slots.size() == c.slots, "first piece of " << c.first);
	}
}

BOOST_AUTO_TEST_CASE(pieces_that_begin_anywhere)
{
	serve();
	front->post(4);
	auto &p = *packets.emplace_back(std::make_unique<to_guest>());
	p.add(4095, 1);
	p.add(1, 4095);
	p.add(0, 4096);
	p.add(77, 15);
	p.fill(pattern(8207, 3));
	BOOST_TEST(back->send(0, p) >= 0);
	BOOST_TEST((take().bytes == pattern(8207, 3)));
}

BOOST_AUTO_TEST_CASE(checksums_and_segmentation)
{
	serve();
	struct expected {
		kapi_net_meta meta;
		uint16_t flags;
	};
	const uint16_t blank = netif::rx_csum_blank | netif::rx_data_validated;
	for (const expected &e :
	     {expected{{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_NONE, 0, 0}, 0},
	      expected{{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_VALID, 0, 0}, netif::rx_data_validated},
	      expected{{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_BLANK, 0, 0}, blank},
	      expected{{0, 1448, KAPI_NET_GSO_TCPV4, KAPI_NET_CSUM_BLANK, 0, 0}, blank | netif::rx_extra_info},
	      expected{{0, 1428, KAPI_NET_GSO_TCPV6, KAPI_NET_CSUM_BLANK, 0, 0}, blank | netif::rx_extra_info}})
		for (const uint32_t length : {1000u, 20000u}) {
			const uint32_t extras = e.meta.gso != 0 ? 1 : 0;
			front->post(pages_for(length) + 1 + extras);
			auto &p = packet(length, 7, e.meta);
			BOOST_TEST(back->send(0, p) >= 0);
			const auto r = take();
			BOOST_TEST((r.bytes == pattern(length, 1)));
			BOOST_TEST((r.slots[0].flags & ~netif::rx_more_data) == e.flags);
			BOOST_TEST(r.extras.size() == extras);
			if (extras != 0) {
				BOOST_TEST(r.extras[0].type == 1);
				BOOST_TEST(r.extras[0].flags == 0);
				BOOST_TEST(r.extras[0].gso.size == e.meta.gso_size);
				BOOST_TEST(r.extras[0].gso.type == e.meta.gso);
				BOOST_TEST(r.extras[0].gso.pad == 0);
				BOOST_TEST(r.extras[0].gso.features == 0);
			}
			// The slot after an extra info is still its own.
			for (size_t i = 0; i < r.slots.size(); ++i)
				BOOST_TEST(r.slots[i].id == static_cast<uint16_t>(r.indices[i]));
			BOOST_TEST(back->wait(p) == 1);
		}
}

// XSA-392: a guest that takes nothing keeps a bounded part of our memory, for a while.
BOOST_AUTO_TEST_CASE(a_guest_that_takes_nothing)
{
	for (const uint32_t length : {100u, 65535u}) {
		serve();
		int rc = 0;
		uint32_t accepted = 0;
		for (uint32_t i = 0; i < 2000 && rc == 0; ++i, accepted += rc >= 0)
			rc = back->transmit(0, packet(length, pages_for(length)));
		BOOST_TEST(rc == 1, "the queue is stopped");
		BOOST_TEST(accepted * length <= 2u << 20);
		BOOST_TEST(accepted <= 1000u);
		BOOST_TEST(back->transmit(0, packet(length, pages_for(length))) == kapi_netback::held_back);
		const uint32_t wakes = back->seen().wakes;
		wait_long();
		// After the last packet was handed back.
		BOOST_TEST(eventually([&] { return back->seen().wakes != wakes; }));
		BOOST_TEST(back->seen().wakes == wakes + 1);
		for (size_t i = 0; i + 1 < packets.size(); ++i) {
			BOOST_TEST(packets[i]->done == 0);
			BOOST_TEST(packets[i]->completions == 1);
		}
		BOOST_TEST(back->stats(0).rx_dropped == accepted);
		still_works();
		back.reset();
		front.reset();
		packets.clear();
	}
}

// What waits may be another guest's memory, which must not wait for ever.
BOOST_AUTO_TEST_CASE(a_guest_that_takes_one_at_a_time)
{
	serve();
	int rc = 0;
	uint32_t accepted = 0;
	for (uint32_t i = 0; i < 2000 && rc == 0; ++i, accepted += rc >= 0)
		rc = back->transmit(0, packet(100, 1, {}, i));
	BOOST_TEST_REQUIRE(rc == 1);
	world.settle();
	world.clock().advance(std::chrono::seconds(9));
	front->post(1);
	static_cast<void>(take());
	BOOST_TEST(back->stats(0).rx_dropped == 0u);
	world.clock().advance(std::chrono::seconds(9));
	BOOST_TEST(eventually([&] { return back->seen().owed == 0; }));
	BOOST_TEST(back->stats(0).rx_dropped == accepted - 1);
	still_works();
}

// But one that is slow and takes all of it keeps its queue.
BOOST_AUTO_TEST_CASE(a_guest_that_takes_all_in_time)
{
	serve();
	uint32_t next = 0;
	const auto fill = [&] {
		int rc = 0;
		uint32_t accepted = 0;
		for (; accepted < 2000 && rc == 0; ++accepted)
			rc = back->transmit(0, packet(100, 1, {}, next++));
		BOOST_TEST_REQUIRE(rc == 1);
		return accepted;
	};
	uint32_t waits = fill();
	for (int round = 0; round < 3; ++round) {
		world.settle();
		world.clock().advance(std::chrono::seconds(9));
		for (uint32_t i = 0; i < waits; ++i) {
			if (i % 100 == 0)
				front->post(waits - i < 100 ? waits - i : 100);
			static_cast<void>(take());
		}
		BOOST_TEST(eventually([&] { return !back->seen().stopped[0]; }));
		waits = fill();
	}
	BOOST_TEST(back->stats(0).rx_dropped == 0u);
	wait_long();
	still_works();
}

// Patience ends for one that sends without end, too, and so never lets the thread sleep.
BOOST_AUTO_TEST_CASE(a_guest_that_sends_and_takes_nothing)
{
	serve();
	for (int i = 0; i < 20; ++i)
		BOOST_TEST_REQUIRE(back->transmit(0, packet(100)) == 0);
	world.settle();
	BOOST_TEST(back->seen().owed == 20u);
	const auto again = front->slot(pattern(1000, 1));
	std::atomic<int> rounds{0};
	size_t owed = 20; // still under way
	back->when_flushed = [&] {
		owed = back->seen().owed;
		if (++rounds > 100)
			return;
		world.clock().advance(std::chrono::milliseconds(150));
		front->put(again);
		front->tx().push();
	};
	front->put(again);
	front->tx().push();
	BOOST_TEST(eventually([&] { return rounds > 100; }));
	world.settle();
	BOOST_TEST(owed == 0u);
	BOOST_TEST(back->stats(0).rx_dropped == 20u);
	back->when_flushed = nullptr;
	static_cast<void>(back->take_arrived());
	static_cast<void>(front->take_answers(101));
	still_works();
}

// It is never done, since more comes all the time, but what waited is taken in time.
BOOST_AUTO_TEST_CASE(a_guest_that_keeps_pace)
{
	serve();
	const auto fill = [&] {
		int rc = 0;
		uint32_t accepted = 0;
		for (; accepted < 2000 && rc == 0; ++accepted)
			rc = back->transmit(0, packet(100));
		BOOST_TEST_REQUIRE(rc == 1);
		return accepted;
	};
	const auto take_some = [&](uint32_t count) {
		for (uint32_t i = 0; i < count; ++i) {
			if (i % 50 == 0)
				front->post(count - i < 50 ? count - i : 50);
			static_cast<void>(take());
		}
		BOOST_TEST(eventually([&] { return !back->seen().stopped[0]; }));
	};
	const uint32_t waits = fill();
	// All that waited when patience began is taken after two rounds: well within it.
	for (int round = 0; round < 5; ++round) {
		world.settle();
		world.clock().advance(std::chrono::seconds(3));
		take_some(waits / 2 + 1);
		static_cast<void>(fill());
	}
	BOOST_TEST(back->stats(0).rx_dropped == 0u);
	wait_long();
	still_works();
}

BOOST_AUTO_TEST_CASE(a_stopped_queue_is_woken_when_the_guest_takes)
{
	serve();
	int rc = 0;
	uint32_t accepted = 0;
	for (; accepted < 2000 && rc == 0; ++accepted)
		rc = back->transmit(0, packet(60, 1, {}, accepted));
	BOOST_TEST_REQUIRE(rc == 1);
	for (uint32_t i = 0; i < accepted; ++i) {
		if (i % 100 == 0)
			front->post(100);
		BOOST_REQUIRE((take().bytes == pattern(60, i)));
	}
	BOOST_TEST(eventually([&] { return !back->seen().stopped[0]; }));
	BOOST_TEST(back->seen().wakes == 1u);
	BOOST_TEST(eventually([&] { return back->seen().owed == 0; }));
	for (auto &p : packets)
		BOOST_TEST(p->done == 1);
}

// Firmware posts four buffers and no more (iPXE): enough is what the packet needs.
BOOST_AUTO_TEST_CASE(a_guest_with_few_buffers)
{
	serve();
	front->post(4);
	for (uint32_t i = 0; i < 20; ++i) {
		auto &p = packet(1514, 1, {}, i);
		BOOST_TEST(back->send(0, p) >= 0);
		BOOST_TEST((take().bytes == pattern(1514, i)));
		front->post(1);
	}
	// One that may need more waits, and holds up those behind it: they are in order.
	auto &large = packet(20000, 5);
	auto &small = packet(60);
	BOOST_TEST(back->send(0, large) >= 0);
	BOOST_TEST(back->send(0, small) >= 0);
	std::this_thread::sleep_for(std::chrono::milliseconds(5));
	BOOST_TEST(large.done == to_guest::pending);
	BOOST_TEST(small.done == to_guest::pending);
	front->post(2);
	BOOST_TEST((take().bytes == pattern(20000, 1)));
	front->post(1);
	BOOST_TEST((take().bytes == pattern(60, 1)));
}

// A guest that does not tell of new buffers is asked, and not waited for long.
BOOST_AUTO_TEST_CASE(a_guest_that_does_not_tell)
{
	start();
	front = std::make_unique<hand_netfront>(*tools);
	front->publish();
	tools->set_front("feature-rx-notify", "0");
	front->set_state(4);
	BOOST_TEST_REQUIRE(eventually([&] { return tools->back_state() == 4; }));
	auto &p = packet(60);
	BOOST_TEST(back->send(0, p) >= 0);
	BOOST_TEST(back->wait(p) == 0, "dropped, soon and by itself");
	still_works();
}

// Events that bring buffers for what waits are not spurious, whichever end is first to see
// what (XSA-391: Xen delays the next event after one that is).
BOOST_AUTO_TEST_CASE(wanted_buffers_are_no_spurious_events)
{
	for (const bool split : {false, true}) {
		start();
		attach({.queues = 1, .split = split});
		for (int round = 0; round < 300; ++round) {
			auto &p = packet(60);
			BOOST_TEST_REQUIRE(back->send(0, p) >= 0);
			// At once, while the thread finds out that there are none, or when it sleeps.
			if (round % 3 != 0)
				std::this_thread::sleep_for(std::chrono::microseconds(20 * (round % 30)));
			front->post(1);
			BOOST_TEST_REQUIRE((take().bytes == pattern(60, 1)));
			BOOST_TEST_REQUIRE(back->wait(p) == 1);
			packets.clear();
		}
		const auto s = back->stats(0);
		BOOST_TEST(s.events_received > 100u);
		BOOST_TEST(s.events_spurious == 0u, "split " << split);
		leave();
		back.reset();
	}
}

// Buffers that come while the thread gets ready to sleep, of a guest that tells of them only
// when it is asked to: they are seen at once, and not when the guest's patience ends.
BOOST_AUTO_TEST_CASE(buffers_at_the_last_moment)
{
	serve();
	for (int round = 0; round < 2000; ++round) {
		auto &p = packet(60);
		BOOST_TEST_REQUIRE(back->send(0, p) >= 0);
		for (int pause = 0; pause < round % 64 * 20; ++pause)
			std::atomic_signal_fence(std::memory_order_seq_cst);
		front->post_quietly(1);
		BOOST_TEST_REQUIRE(eventually([&] { return front->rx().available() != 0; }, std::chrono::seconds(5)),
				   "round " << round);
		BOOST_TEST_REQUIRE((take().bytes == pattern(60, 1)));
		BOOST_TEST_REQUIRE(back->wait(p) == 1);
		packets.clear();
	}
}

// XSA-361: a frame that cannot be written to costs its packet, and no other.
BOOST_AUTO_TEST_CASE(frames_that_cannot_be_written)
{
	serve();
	const granted_page readonly(guest, true);
	std::deque<granted_page> good;
	for (int i = 0; i < 4; ++i)
		good.emplace_back(guest);
	for (const uint32_t bad : {0u, 0x12345u, 0xffffffffu, readonly.ref()})
		for (uint32_t at = 0; at < 4; ++at) {
			for (uint32_t i = 0; i < 4; ++i)
				front->post_raw(static_cast<uint16_t>(500 + i), i == at ? bad : good[i].ref());
			front->post(1);
			auto &p = packet(16000, 4);
			auto &next = packet(100, 1, {}, 5);
			BOOST_TEST(back->send(0, p, true) >= 0);
			BOOST_TEST(back->send(0, next) >= 0);
			const auto r = take();
			BOOST_TEST(r.error);
			for (uint32_t i = 0; i < 4; ++i) {
				BOOST_TEST(r.slots.at(i).id == 500 + i);
				BOOST_TEST((r.slots[i].status < 0) == (i == at), bad << " at " << at);
			}
			BOOST_TEST((take().bytes == pattern(100, 5)));
			BOOST_TEST(back->wait(p) == 0);
			BOOST_TEST(back->wait(next) == 1);
		}
	BOOST_TEST(back->stats(0).rx_errors == 16u);
}

BOOST_AUTO_TEST_CASE(copies_that_fail_for_another_reason)
{
	serve();
	front->post(3);
	world.faults().copy_hypercall.arm(0, 1);
	auto &p = packet(5000, 2);
	BOOST_TEST(back->send(0, p) >= 0);
	BOOST_TEST(take().error);
	BOOST_TEST(back->wait(p) == 0);
	still_works();
}

BOOST_AUTO_TEST_CASE(ids_are_echoed_whatever_they_are)
{
	serve();
	const granted_page page(guest);
	for (const int id : {0, 1, 255, 256, 0x7fff, 0xffff, 0xffff}) {
		front->post_raw(static_cast<uint16_t>(id), page.ref());
		front->rx().push();
		auto &p = packet(100);
		BOOST_TEST(back->send(0, p) >= 0);
		BOOST_TEST(take().slots.at(0).id == id);
	}
}

// A burst: one push, one hypercall or two, and one notification at most.
BOOST_AUTO_TEST_CASE(a_burst_is_told_once)
{
	serve();
	for (int round = 0; round < 3; ++round) {
		front->post(64);
		// The thread is asleep again.
		std::this_thread::sleep_for(std::chrono::milliseconds(30));
		front->rx().event() = front->rx().taken() + 1;
		const uint64_t notify = world.calls().notify;
		const uint64_t copies = world.calls().copy;
		for (uint32_t i = 0; i < 60; ++i)
			BOOST_TEST_REQUIRE(back->send(0, packet(60, 1, {}, i), i < 59) >= 0);
		BOOST_TEST(eventually([&] { return front->rx().available() == 60; }));
		BOOST_TEST(eventually([&] { return back->seen().owed == 0; }));
		BOOST_TEST(world.calls().notify - notify == 1u);
		BOOST_TEST(world.calls().copy - copies <= 2u);
		for (uint32_t i = 0; i < 60; ++i)
			BOOST_TEST((take().bytes == pattern(60, i)));
		front->post(60 - 64 % 60);
	}
	// Nothing is shown before the burst is over, and nothing waits for ever after it.
	std::this_thread::sleep_for(std::chrono::milliseconds(30));
	auto &last = packet(60);
	BOOST_TEST(back->send(0, last, true) >= 0);
	back->commit(0);
	BOOST_TEST(back->wait(last) == 1);
}

BOOST_AUTO_TEST_CASE(three_queues_with_and_without_split_channels)
{
	for (const bool split : {false, true}) {
		start();
		attach({.queues = 3, .split = split});
		BOOST_TEST(back->seen().connected.back().queues == 3u);
		for (uint32_t q = 0; q < 3; ++q)
			still_works(q);
		leave();
		back.reset();
	}
}

// What was announced does not come, since the queue or the filter refuses it: what came
// before it goes to the guest at once.
BOOST_AUTO_TEST_CASE(a_burst_whose_last_packet_is_refused)
{
	for (const bool by_filter : {false, true}) {
		start();
		tools->set_front("request-multicast-control", by_filter ? "1" : "0");
		attach();
		for (int round = 0; round < 3; ++round) {
			front->post(2);
			// Its thread has gone to sleep.
			std::this_thread::sleep_for(std::chrono::milliseconds(30));
			auto &first = packet(60, 1, {}, 1);
			auto &second = packet(70, 1, {}, 2);
			to_guest refused;
			if (by_filter) {
				refused.add(0, 60);
				refused.destination[0] = 0x01; // to a group
			}
			BOOST_TEST(back->send(0, first, true) == 0);
			BOOST_TEST(back->send(0, second, true) == 0);
			BOOST_TEST(back->transmit(0, refused) < 0);
			BOOST_TEST(back->wait(first) == 1);
			BOOST_TEST(back->wait(second) == 1);
			BOOST_TEST((take().bytes == pattern(60, 1)));
			BOOST_TEST((take().bytes == pattern(70, 2)));
		}
		BOOST_TEST(back->stats(0).rx_dropped == (by_filter ? 0u : 3u));
		leave();
		back.reset();
	}
}

// What the guest does not want is not sent as such: the adapter is told.
BOOST_AUTO_TEST_CASE(features_are_what_the_guest_says)
{
	start();
	constexpr uint32_t all = KAPI_NET_SG | KAPI_NET_CSUM4 | KAPI_NET_CSUM6 | KAPI_NET_GSO4 | KAPI_NET_GSO6;
	struct feature {
		const char *key;
		uint32_t bits; // without it
	};
	for (const feature &f :
	     {feature{"feature-sg", KAPI_NET_CSUM4 | KAPI_NET_CSUM6},
	      feature{"feature-gso-tcpv4", all & ~KAPI_NET_GSO4}, feature{"feature-gso-tcpv6", all & ~KAPI_NET_GSO6},
	      feature{"feature-ipv6-csum-offload", all & ~KAPI_NET_CSUM6}})
		for (const char *value : {"0", "", "-1", "2", "yes", "4294967297"}) {
			front = std::make_unique<hand_netfront>(*tools);
			front->publish();
			tools->set_front(f.key, value);
			front->set_state(4);
			BOOST_TEST_REQUIRE(eventually([&] { return tools->back_state() == 4; }));
			world.settle();
			BOOST_TEST(back->seen().connected.back().features == f.bits, f.key << " = " << value);
			leave();
		}
	tools->set_front("feature-no-csum-offload", "1");
	attach();
	BOOST_TEST(back->seen().connected.back().features == (all & ~KAPI_NET_CSUM4));
}

// The guest's frontend goes with packets waiting for it: they come back.
BOOST_AUTO_TEST_CASE(a_guest_that_leaves_with_packets_waiting)
{
	serve();
	for (int i = 0; i < 20; ++i)
		BOOST_TEST(back->send(0, packet(100)) >= 0);
	leave();
	for (auto &p : packets) {
		BOOST_TEST(p->done == 0);
		BOOST_TEST(p->completions == 1);
	}
	BOOST_TEST(back->transmit(0, packet(100)) == kapi_netback::held_back);
	packets.pop_back();
	attach();
	still_works();
}

BOOST_AUTO_TEST_SUITE_END()
