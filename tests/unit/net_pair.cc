// SPDX-License-Identifier: GPL-2.0-only
// Our frontend against our backend: packets of every kind, queues, and what they cost.
#include "net_pair_fixture.hpp"

#include <random>
#include <thread>

using namespace xenpv::test;

namespace {

constexpr uint32_t lengths[] = {14,   15,   60,   128,   255,   256,   257,   1514,  2047,  4095, 4096,
				4097, 8192, 9014, 16384, 32767, 32768, 61440, 65000, 65534, 65535};

} // namespace

BOOST_FIXTURE_TEST_SUITE(net_pair, wire)

BOOST_AUTO_TEST_CASE(an_interface_appears_as_it_is)
{
	start(3);
	const auto info = front->seen().ready.at(0);
	constexpr uint32_t all = KAPI_NET_SG | KAPI_NET_CSUM4 | KAPI_NET_CSUM6 | KAPI_NET_GSO4 | KAPI_NET_GSO6;
	BOOST_TEST(info.features == all);
	BOOST_TEST(info.mtu == 1500u);
	BOOST_TEST(info.queues == 3u);
	BOOST_TEST(back->seen().connected.at(0).features == all);
	BOOST_TEST(back->seen().connected.at(0).queues == 3u);
	BOOST_TEST(tools->front_key("queue-2/event-channel-rx") != "(absent)");
	still_works(3);
}

BOOST_AUTO_TEST_CASE(every_class_of_length_both_ways)
{
	start();
	for (const uint32_t length : lengths)
		for (const uint32_t pieces : {pages_for(length), pages_for(length) + 1, std::min(18u, length)}) {
			auto &a = from_guest(length, pieces, {}, length);
			BOOST_TEST(front->send(0, a) == 0);
			BOOST_TEST((arrival(*back).bytes == pattern(length, length)), length << " in " << pieces);
			BOOST_TEST(front->wait(a) == 1);
			auto &b = for_guest(length, pieces, {}, length);
			BOOST_TEST(back->send(0, b) >= 0);
			BOOST_TEST((arrival(*front).bytes == pattern(length, length)), length << " in " << pieces);
			BOOST_TEST(back->wait(b) == 1);
		}
	BOOST_TEST(front->stats(0).tx_errors == 0u);
	BOOST_TEST(back->stats(0).tx_errors == 0u);
	BOOST_TEST(back->stats(0).rx_errors == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_said_of_a_packet_arrives_with_it)
{
	start();
	for (const kapi_net_meta &meta : {kapi_net_meta{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_NONE, 0, 0},
					  kapi_net_meta{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_VALID, 0, 0},
					  kapi_net_meta{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_BLANK, 0, 0},
					  kapi_net_meta{0, 1448, KAPI_NET_GSO_TCPV4, KAPI_NET_CSUM_BLANK, 0, 0},
					  kapi_net_meta{0, 1, KAPI_NET_GSO_TCPV4, KAPI_NET_CSUM_BLANK, 0, 0},
					  kapi_net_meta{0, 1428, KAPI_NET_GSO_TCPV6, KAPI_NET_CSUM_BLANK, 0, 0}})
		for (const uint32_t length : {2000u, 65000u}) {
			const auto same = [&](const xenpv::sim::arrival &a) {
				BOOST_TEST(a.meta.length == length);
				BOOST_TEST(a.meta.csum == meta.csum);
				BOOST_TEST(a.meta.gso == meta.gso);
				BOOST_TEST(a.meta.gso_size == meta.gso_size);
				BOOST_TEST((a.bytes == pattern(length, 8)));
			};
			auto &a = from_guest(length, 16, meta, 8);
			BOOST_TEST(front->send(0, a) == 0);
			same(arrival(*back));
			BOOST_TEST(front->wait(a) == 1);
			auto &b = for_guest(length, 16, meta, 8);
			BOOST_TEST(back->send(0, b) >= 0);
			same(arrival(*front));
			BOOST_TEST(back->wait(b) == 1);
		}
}

// Any shape, one after the other and many at once; each queue in order.
static void random_traffic(wire &w, uint32_t seed)
{
	std::mt19937 random(seed);
	const auto shape = [&](auto &packet, uint32_t id) {
		uint32_t left = 14 + static_cast<uint32_t>(random() % (random() % 4 == 0 ? 65000 : 3000));
		for (uint32_t i = 0; left != 0; ++i) {
			const uint32_t offset = i < 2 ? static_cast<uint32_t>(random() % 4000) : 0;
			const uint32_t part = std::min<uint32_t>(left, i == 17 ? left : 4096 - offset);
			packet.add(offset, part);
			left -= part;
		}
		const auto length = packet.buffer.length();
		packet.fill(pattern(length, id));
	};
	std::vector<uint32_t> up_lengths, down_lengths;
	for (uint32_t i = 0; i < 400; ++i) {
		auto &a = *w.up.emplace_back(std::make_unique<outgoing>());
		shape(a, i);
		up_lengths.push_back(a.buffer.length());
		BOOST_REQUIRE_EQUAL(w.front->send(0, a), 0);
		auto &b = *w.down.emplace_back(std::make_unique<to_guest>());
		shape(b, i);
		down_lengths.push_back(b.buffer.length());
		BOOST_REQUIRE(w.back->send(0, b, random() % 4 == 0) >= 0);
	}
	w.back->commit(0);
	for (auto &p : w.up)
		BOOST_REQUIRE_EQUAL(w.front->wait(*p), 1);
	for (auto &p : w.down)
		BOOST_REQUIRE_EQUAL(w.back->wait(*p), 1);
	BOOST_REQUIRE(eventually([&] { return w.back->arrived() == 400 && w.front->arrived() == 400; }));
	const auto at_back = w.back->take_arrived();
	const auto at_front = w.front->take_arrived();
	for (uint32_t i = 0; i < 400; ++i) {
		BOOST_REQUIRE((at_back[i].bytes == pattern(up_lengths[i], i)));
		BOOST_REQUIRE((at_front[i].bytes == pattern(down_lengths[i], i)));
	}
	w.up.clear();
	w.down.clear();
}

BOOST_AUTO_TEST_CASE(random_shapes_both_ways)
{
	start();
	for (const uint32_t seed : {1u, 2u, 3u})
		random_traffic(*this, seed);
}

BOOST_AUTO_TEST_CASE(random_shapes_and_a_backend_that_is_not_trusted)
{
	start(1, {{"trusted", "0"}});
	random_traffic(*this, 4);
	BOOST_TEST(front->stats(0).tx_copied >= 400u);
}

// Both directions of all queues at once.
BOOST_AUTO_TEST_CASE(many_queues_at_once)
{
	constexpr uint32_t queues = 3;
	constexpr uint32_t count = 1000;
	start(queues);
	std::atomic<int> wrong{0};
	std::vector<std::jthread> users;
	for (uint32_t q = 0; q < queues; ++q) {
		users.emplace_back([this, q, &wrong] {
			for (uint32_t i = 0; i < count; i += 20) {
				std::vector<std::unique_ptr<outgoing>> burst;
				for (uint32_t k = 0; k < 20; ++k) {
					auto &p = *burst.emplace_back(std::make_unique<outgoing>());
					add_pieces(p, 100 + (i + k) * 7, 2);
					p.fill(pattern(100 + (i + k) * 7, i + k));
					while (front->transmit(q, p) < 0)
						std::this_thread::yield();
				}
				front->commit(q);
				for (auto &p : burst)
					wrong += front->wait(*p) != 1;
			}
		});
		users.emplace_back([this, q, &wrong] {
			for (uint32_t i = 0; i < count; i += 20) {
				std::vector<std::unique_ptr<to_guest>> burst;
				for (uint32_t k = 0; k < 20; ++k) {
					auto &p = *burst.emplace_back(std::make_unique<to_guest>());
					add_pieces(p, 100 + (i + k) * 7, 2);
					p.fill(pattern(100 + (i + k) * 7, i + k));
					while (back->transmit(q, p, k < 19) < 0)
						std::this_thread::yield();
				}
				for (auto &p : burst)
					wrong += back->wait(*p) != 1;
			}
		});
	}
	users.clear();
	BOOST_TEST(wrong == 0);
	BOOST_TEST(eventually([&] { return back->arrived() == queues * count && front->arrived() == queues * count; }));
	for (const auto &all : {back->take_arrived(), front->take_arrived()}) {
		uint32_t next[queues] = {};
		for (const auto &a : all) {
			const uint32_t i = next[a.queue]++;
			BOOST_REQUIRE((a.bytes == pattern(100 + i * 7, i)));
		}
	}
}

// One burst of the guest's: one push, and one notification at most.
BOOST_AUTO_TEST_CASE(a_burst_of_the_guest_is_told_once)
{
	start();
	still_works();
	for (int round = 0; round < 5; ++round) {
		// Neither end has anything to do: whatever is paid now is for this burst.
		std::this_thread::sleep_for(std::chrono::milliseconds(30));
		const auto front_before = front->stats(0);
		const auto back_before = back->stats(0);
		const uint64_t copies = world.calls().copy;
		for (uint32_t i = 0; i < 64; ++i)
			BOOST_TEST_REQUIRE(front->transmit(0, from_guest(1514, 1, {}, i)) == 0);
		front->commit(0);
		for (auto &p : up)
			BOOST_TEST(front->wait(*p) == 1);
		BOOST_TEST(eventually([&] { return back->arrived() == 64; }));
		const auto front_after = front->stats(0);
		const auto back_after = back->stats(0);
		BOOST_TEST(front_after.tx_packets - front_before.tx_packets == 64u);
		BOOST_TEST(front_after.tx_bytes - front_before.tx_bytes == 64u * 1514);
		BOOST_TEST(front_after.tx_pushes - front_before.tx_pushes == 1u);
		BOOST_TEST(front_after.notifications_sent - front_before.notifications_sent == 1u);
		BOOST_TEST(back_after.tx_packets - back_before.tx_packets == 64u);
		BOOST_TEST(back_after.tx_slots - back_before.tx_slots == 64u);
		BOOST_TEST(back_after.notifications_sent - back_before.notifications_sent <= 8u);
		BOOST_TEST(world.calls().copy - copies <= 4u, "copies are made by the batch");
		back->take_arrived();
		up.clear();
	}
}

// One burst for the guest.
BOOST_AUTO_TEST_CASE(a_burst_for_the_guest_is_told_once)
{
	start();
	still_works();
	for (int round = 0; round < 5; ++round) {
		std::this_thread::sleep_for(std::chrono::milliseconds(30));
		const auto back_before = back->stats(0);
		const uint64_t copies = world.calls().copy;
		for (uint32_t i = 0; i < 60; ++i)
			BOOST_TEST_REQUIRE(back->transmit(0, for_guest(60, 1, {}, i), i < 59) == 0);
		for (auto &p : down)
			BOOST_TEST(back->wait(*p) == 1);
		BOOST_TEST(eventually([&] { return front->arrived() == 60; }));
		const auto back_after = back->stats(0);
		BOOST_TEST(back_after.rx_packets - back_before.rx_packets == 60u);
		BOOST_TEST(back_after.rx_bytes - back_before.rx_bytes == 3600u);
		BOOST_TEST(back_after.rx_pushes - back_before.rx_pushes <= 2u);
		BOOST_TEST(back_after.notifications_sent - back_before.notifications_sent <= 1u);
		BOOST_TEST(world.calls().copy - copies <= 2u);
		front->take_arrived();
		down.clear();
	}
	// It posts them again after it has handed them on.
	BOOST_TEST(eventually([&] { return front->stats(0).rx_recycled >= 300u; }), "small packets need no new grants");
}

// A packet that comes alone waits for nobody.
BOOST_AUTO_TEST_CASE(a_lone_packet_is_copied_by_its_sender)
{
	start();
	still_works();
	for (int i = 0; i < 10; ++i) {
		std::this_thread::sleep_for(std::chrono::milliseconds(30));
		auto &p = for_guest(60);
		BOOST_TEST(back->transmit(0, p) == 0);
		BOOST_TEST(back->wait(p) == 1);
		BOOST_TEST((arrival(*front).bytes == pattern(60, 1)));
	}
	BOOST_TEST(back->stats(0).rx_direct >= 5u);
}

BOOST_AUTO_TEST_CASE(a_flood_for_the_guest_loses_nothing_that_was_accepted)
{
	start();
	front->budget = 16;
	for (uint32_t i = 0; i < 3000; ++i)
		BOOST_TEST_REQUIRE(back->send(0, for_guest(1514, 1, {}, i)) >= 0);
	for (auto &p : down)
		BOOST_TEST_REQUIRE(back->wait(*p) == 1);
	BOOST_TEST(eventually([&] { return front->arrived() == 3000; }));
	const auto all = front->take_arrived();
	for (uint32_t i = 0; i < all.size(); ++i)
		BOOST_REQUIRE((all[i].bytes == pattern(1514, i)));
}

BOOST_AUTO_TEST_SUITE_END()
