// SPDX-License-Identifier: GPL-2.0-only
// What a guest's wishes change for packets, either way (xen-back/net/hash, rx, chain;
// io/netif.h, "XEN_NETIF_EXTRA_TYPE_HASH"; XSA-270).
#include "netback_wish_fixture.hpp"

#include <thread>

using namespace xenpv::test;
using xenpv::sim::granted_page;
namespace netif = xenpv::netif;

BOOST_FIXTURE_TEST_SUITE(netback_flows, wishing)

// XSA-270: queues beyond the count, at every place, alone and among good ones.
BOOST_AUTO_TEST_CASE(mappings_to_queues_that_are_not_there)
{
	serve(3);
	hash_everything();
	BOOST_TEST(tell(wish::set_hash_mapping_size, 4) == status::success);
	BOOST_TEST(set_mapping({2, 1, 0, 2}) == status::success);
	for (const uint32_t bad : {3u, 4u, 8u, 256u, 258u, 0x80000000u, UINT32_MAX})
		for (uint32_t at = 0; at < 4; ++at) {
			std::vector<uint32_t> table(4, 1);
			table[at] = bad;
			BOOST_TEST(set_mapping(table) == status::invalid_parameter, bad << " at " << at);
			BOOST_TEST(set_mapping({bad}, at) == status::invalid_parameter);
		}
	BOOST_TEST(shown("hash_mapping") == "2 1 0 2");
}

// The table is the old frontend's: its successor has other queues, and set nothing.
BOOST_AUTO_TEST_CASE(reconnecting_with_fewer_queues)
{
	serve(4);
	hash_everything();
	BOOST_TEST(tell(wish::set_hash_mapping_size, 2) == status::success);
	BOOST_TEST(set_mapping({3, 3}) == status::success);
	auto &p = flowing(1);
	BOOST_TEST(back->steer(p) == 3);
	leave();
	BOOST_TEST(shown("hash_algorithm") == "none", "not while there is no guest either");
	BOOST_TEST(back->steer(p) < 0);
	attach({.queues = 2, .split = false, .control = true});
	BOOST_TEST(back->steer(p) < 0);
	BOOST_TEST(shown("hash_mapping_size") == "0");
	hash_everything();
	for (uint8_t i = 0; i < 50; ++i) {
		const int queue = back->steer(flowing(i));
		BOOST_TEST((queue == 0 || queue == 1));
	}
	BOOST_TEST(tell(wish::set_hash_mapping_size, 2) == status::success);
	BOOST_TEST(set_mapping({0, 2}) == status::invalid_parameter);
	BOOST_TEST(set_mapping({0, 1}) == status::success);
	still_works(1);
}

BOOST_AUTO_TEST_CASE(the_queue_is_the_mappings)
{
	serve(4);
	std::vector<uint32_t> seen(4);
	for (uint8_t i = 0; i < 20; ++i)
		BOOST_TEST(back->steer(flowing(i)) < 0, "nothing is set");
	hash_everything();
	BOOST_TEST(tell(wish::set_hash_mapping_size, 8) == status::success);
	BOOST_TEST(set_mapping({3, 2, 1, 0, 3, 3, 3, 3}) == status::success);
	const uint32_t table[] = {3, 2, 1, 0, 3, 3, 3, 3};
	for (uint8_t i = 0; i < 100; ++i) {
		auto &p = flowing(i, i % 2 == 0 ? 4 : 6, i % 3 == 0);
		const int queue = back->steer(p);
		BOOST_TEST_REQUIRE(queue >= 0);
		++seen[static_cast<size_t>(queue)];
		const auto r = pass(p, static_cast<uint32_t>(queue));
		BOOST_TEST_REQUIRE(r.extras.size() == 1u);
		BOOST_TEST(static_cast<uint32_t>(queue) == table[value_of(r.extras[0]) % 8]);
	}
	for (const uint32_t n : seen)
		BOOST_TEST(n != 0u);
	kapi_net_flow arp{};
	auto &p = flowing(1);
	p.flow = arp;
	BOOST_TEST(back->steer(p) < 0);
	BOOST_TEST(tell(wish::set_hash_flags, 1) == status::success);
	BOOST_TEST(back->steer(flowing(1, 4)) >= 0);
	BOOST_TEST(back->steer(flowing(1, 6)) < 0);
	BOOST_TEST(tell(wish::set_hash_algorithm, 0) == status::success);
	BOOST_TEST(back->steer(flowing(1, 4)) < 0);
}

BOOST_AUTO_TEST_CASE(the_guest_is_told_the_hash)
{
	serve();
	BOOST_TEST(pass(flowing(1)).extras.empty());
	hash_everything();
	kapi_net_meta large{};
	large.gso = KAPI_NET_GSO_TCPV4;
	large.gso_size = 1448;
	large.csum = KAPI_NET_CSUM_BLANK;
	for (const bool segmented : {false, true})
		for (const uint32_t length : {1000u, 4096u, 12000u})
			for (const uint8_t version : {4, 6})
				for (const bool tcp : {false, true}) {
					auto &p = flowing(7, version, tcp, length, segmented ? large : kapi_net_meta{});
					const auto r = pass(p);
					BOOST_TEST((r.bytes == pattern(length, 1)));
					BOOST_TEST(r.slots.size() == pages_for(length));
					BOOST_TEST((r.slots[0].flags & netif::rx_extra_info) != 0);
					BOOST_TEST_REQUIRE(r.extras.size() == (segmented ? 2u : 1u));
					if (segmented) {
						BOOST_TEST(r.extras[0].type == 1);
						BOOST_TEST(r.extras[0].flags == netif::extra_more);
						BOOST_TEST(r.extras[0].gso.size == 1448);
					}
					const netif::extra_info &e = r.extras.back();
					BOOST_TEST(e.type == 4);
					BOOST_TEST(e.flags == 0);
					BOOST_TEST(e.hash.type == (version == 6 ? 2 : 0) + (tcp ? 1 : 0));
					BOOST_TEST(e.hash.algorithm == 1);
					BOOST_TEST(value_of(e) == p.meta.hash);
					BOOST_TEST(p.meta.hash != 0u);
				}
	// A packet that has none, and none at all any more.
	auto &arp = flowing(1);
	arp.flow = {};
	BOOST_TEST(pass(arp).extras.empty());
	BOOST_TEST(tell(wish::set_hash_flags, 0) == status::success);
	BOOST_TEST(pass(flowing(1)).extras.empty());
}

// The extra info takes a buffer, and waits for one.
BOOST_AUTO_TEST_CASE(a_hash_waits_for_its_slot)
{
	serve();
	hash_everything();
	front->post(1);
	auto &p = flowing(1);
	BOOST_TEST(back->send(0, p) >= 0);
	std::this_thread::sleep_for(std::chrono::milliseconds(5));
	BOOST_TEST(p.done == to_guest::pending);
	front->post(1);
	hand_netfront::received r;
	BOOST_TEST_REQUIRE(front->take(&r));
	BOOST_TEST(r.extras.size() == 1u);
	// The largest there is, with both extra infos, many at a time.
	kapi_net_meta large{};
	large.gso = KAPI_NET_GSO_TCPV6;
	large.gso_size = 1428;
	large.csum = KAPI_NET_CSUM_BLANK;
	front->post(17 * 12 + 2 * 12);
	for (uint8_t i = 0; i < 12; ++i)
		BOOST_TEST_REQUIRE(back->send(0, flowing(i, 6, true, 65535, large), i < 11) >= 0);
	for (uint8_t i = 0; i < 12; ++i) {
		BOOST_TEST_REQUIRE(front->take(&r));
		BOOST_TEST(r.slots.size() <= 17u);
		BOOST_TEST(r.extras.size() == 2u);
		BOOST_TEST((r.bytes == pattern(65535, 1)));
	}
}

BOOST_AUTO_TEST_CASE(the_guests_hashes)
{
	serve();
	netif::extra_info e{};
	e.type = static_cast<uint8_t>(netif::extra::hash);
	e.hash.algorithm = toeplitz;
	e.hash.value[0] = 0x78, e.hash.value[1] = 0x56, e.hash.value[2] = 0x34, e.hash.value[3] = 0x12;
	const auto sent = [&](const std::vector<netif::extra_info> &extras) {
		const auto id = front->put_packet(pattern(100, 1), 1, 0, extras);
		front->tx().push();
		const auto a = front->take_answers(1 + static_cast<uint32_t>(extras.size()));
		BOOST_TEST(a.all(id, 1, netif::status::okay));
		BOOST_TEST(a.nulls == extras.size());
		return arrival().meta;
	};
	// Not of an algorithm that is set: accepted, and worth nothing.
	BOOST_TEST(sent({e}).hash_of == KAPI_NET_HASH_NONE);
	BOOST_TEST(tell(wish::set_hash_algorithm, toeplitz) == status::success);
	for (uint8_t type = 0; type < 4; ++type) {
		e.hash.type = type;
		const auto meta = sent({e});
		BOOST_TEST(meta.hash == 0x12345678u);
		BOOST_TEST(meta.hash_of == static_cast<uint32_t>(KAPI_NET_HASH_IPV4 + type));
	}
	auto first = e;
	first.flags = netif::extra_more;
	const auto both = sent({first, hand_netfront::gso(1448, 1)});
	BOOST_TEST(both.gso_size == 1448);
	BOOST_TEST(both.hash == 0x12345678u);
	BOOST_TEST(sent({}).hash_of == KAPI_NET_HASH_NONE, "the next packet's own affair");
	// Malformed: odd packets.
	for (const auto &[type, algorithm] :
	     std::vector<std::pair<int, int>>{{4, 1}, {255, 1}, {0, 0}, {0, 2}, {3, 255}, {128, 128}}) {
		auto odd = e;
		odd.hash.type = static_cast<uint8_t>(type);
		odd.hash.algorithm = static_cast<uint8_t>(algorithm);
		const auto id = front->put_packet(pattern(5000, 1), 2, 0, {odd});
		expect_refused("type " + std::to_string(type) + ", algorithm " + std::to_string(algorithm), id, 2, 1);
	}
}

// A vif whose frontend knows no control ring is what it always was.
BOOST_AUTO_TEST_CASE(without_a_control_ring)
{
	start();
	const auto delayed = world.live().delayed.load();
	attach();
	BOOST_TEST(world.live().rings == 2);
	BOOST_TEST(shown("control_served") == "0");
	BOOST_TEST(back->steer(flowing(1)) < 0);
	BOOST_TEST(pass(flowing(1)).extras.empty());
	BOOST_TEST(world.live().delayed == delayed + 2, "the queue's timers");
	still_works();
	leave();
	attach({.queues = 2, .split = true, .control = true});
	BOOST_TEST(world.live().rings == 5);
	BOOST_TEST(shown("control_served") == "1");
	BOOST_TEST(tell(wish::get_hash_mapping_size) == status::success);
	leave();
	BOOST_TEST(world.live().rings == 0);
	BOOST_TEST(world.live().channels == 0);
}

// The backend's driver goes and comes back: requests that waited are answered.  The guest
// hears nothing of what was forgotten, and packets are as good without.
BOOST_AUTO_TEST_CASE(a_live_ring_is_taken_over)
{
	serve(2);
	hash_everything();
	back->remove();
	BOOST_TEST(world.live().rings == 0);
	front->put_wish(0x1234, wish::get_hash_mapping_size);
	front->control().show();
	BOOST_TEST_REQUIRE(back->probe() == 0);
	netif::control_response r{};
	BOOST_TEST_REQUIRE(front->control().take(&r));
	BOOST_TEST(r.id == 0x1234);
	BOOST_TEST(r.status == 0u);
	BOOST_TEST(r.data == 128u);
	BOOST_TEST(back->steer(flowing(1)) < 0);
	hash_everything();
	BOOST_TEST(back->steer(flowing(1)) >= 0);
}

// An enemy rewrites the ring and what he granted while both are read: every table that
// comes to be holds nothing but queues.
BOOST_AUTO_TEST_CASE(tables_that_change_while_they_are_read)
{
	serve(2);
	hash_everything();
	granted_page &table = grant(std::vector<uint32_t>(128, 0));
	std::atomic<bool> stop{false};
	std::thread enemy([&] {
		for (uint32_t x = 1; !stop; x = x * 1664525u + 1013904223u)
			std::atomic_ref(*(reinterpret_cast<uint32_t *>(table.bytes()) + x % 128))
				.store(x % 64 == 0 ? x : (x >> 8) % 2, std::memory_order_relaxed);
	});
	std::thread sender([&] {
		to_guest p;
		p.flow.version = 4;
		for (uint32_t i = 0; !stop; ++i) {
			__builtin_memcpy(p.flow.source, &i, 4);
			// Which queues are possible is checked there.
			if (back->steer(p) >= 2)
				stop = true;
		}
	});
	bool fine = true;
	for (uint32_t i = 0; i < 300 && !stop; ++i) {
		fine &= tell(wish::set_hash_mapping_size, 1 + i % 128) == status::success;
		const status s = tell(wish::set_hash_mapping, table.ref(), 1 + i % 128, 0);
		fine &= s == status::success || s == status::invalid_parameter;
		fine &= set_key(i % 41) == status::success;
		pages.resize(2); // the table and the first key
	}
	BOOST_TEST(!stop);
	stop = true;
	enemy.join();
	sender.join();
	BOOST_TEST(fine);
	BOOST_TEST(tools->back_state() == 4);
	still_works();
}

BOOST_AUTO_TEST_SUITE_END()
