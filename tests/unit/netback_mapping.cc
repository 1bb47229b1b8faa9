// SPDX-License-Identifier: GPL-2.0-only
// Large packets of a guest that are mapped, held by the stack, and released (xen-back/net,
// mapping.hpp; io/netif.h: responses may come in any order).
#include "netback_mapping_fixture.hpp"

#include <thread>

using xenpv::netback::map_policy;

using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(netback_mapping, mapped_vif)

// Only the headers are copied; two hypercalls more, whatever the number of slots.
BOOST_AUTO_TEST_CASE(a_packet_that_is_passed_on_is_not_copied)
{
	serve(way::passed_on);
	for (uint32_t i = 0; i < 20; ++i) {
		const auto before = stats();
		const uint64_t copies = world.calls().copy_operations;
		const uint16_t first = send(i);
		BOOST_TEST(front->take_answers(large_slots).all(first, large_slots, netif::status::okay));
		expect_arrival(i);
		const auto after = stats();
		BOOST_TEST(after.tx_copied_bytes - before.tx_copied_bytes == KAPI_NET_HEADERS);
		BOOST_TEST(after.tx_bytes - before.tx_bytes == large);
		BOOST_TEST(after.tx_mapped - before.tx_mapped == 1u);
		BOOST_TEST(after.map_hypercalls - before.map_hypercalls == 1u);
		BOOST_TEST(after.map_operations - before.map_operations == large_slots);
		BOOST_TEST(after.unmap_hypercalls - before.unmap_hypercalls == 1u);
		BOOST_TEST(after.unmap_operations - before.unmap_operations == large_slots);
		BOOST_TEST(world.calls().copy_operations - copies <= 2u);
	}
	BOOST_TEST(stats().tx_held == 0u);
	BOOST_TEST(stats().tx_mapped_in_vain == 0u);
	BOOST_TEST(frames() == 0);
}

BOOST_AUTO_TEST_CASE(a_socket_gets_copies)
{
	serve(way::copied);
	for (uint32_t i = 0; i < 60; ++i) {
		const uint16_t first = send(i);
		BOOST_TEST(front->take_answers(large_slots).all(first, large_slots, netif::status::okay));
		expect_arrival(i);
	}
	const auto s = stats();
	BOOST_TEST(s.tx_mapped == 1u); // to see
	BOOST_TEST(s.tx_mapped_in_vain == 1u);
	BOOST_TEST(s.tx_copied_bytes == 59u * large + KAPI_NET_HEADERS);
	// The way changes, and one packet of many notices.
	back->set_way(way::passed_on);
	for (uint32_t i = 0; i < 2 * map_policy::first_probe; ++i) {
		const uint16_t first = send(i);
		BOOST_TEST(front->take_answers(large_slots).all(first, large_slots, netif::status::okay));
		expect_arrival(i);
	}
	BOOST_TEST(stats().tx_mapped > 10u);
}

// Small ones, and those in so many small parts that mapping costs more than it saves.
BOOST_AUTO_TEST_CASE(what_is_not_worth_it_is_copied)
{
	serve(way::passed_on);
	warm_up();
	const uint64_t before = stats().tx_mapped;
	const std::pair<uint32_t, uint32_t> cases[] = {
		{60, 1}, {1514, 1}, {4096, 1}, {mapping::least_bytes + KAPI_NET_HEADERS - 1, 5}, {18000, 18}};
	for (const auto &[length, slots] : cases) {
		const uint16_t first = send(2, length, slots);
		BOOST_TEST(front->take_answers(slots).all(first, slots, netif::status::okay));
		expect_arrival(2, length);
	}
	BOOST_TEST(stats().tx_mapped == before);
	const uint16_t first = send(3, mapping::least_bytes + KAPI_NET_HEADERS, 5);
	BOOST_TEST(front->take_answers(5).all(first, 5, netif::status::okay));
	expect_arrival(3, mapping::least_bytes + KAPI_NET_HEADERS);
	BOOST_TEST(stats().tx_mapped == before + 1);
}

// However the guest cuts it: the headers end within a slot, at its end, in a later one.
BOOST_AUTO_TEST_CASE(cuts_of_the_headers)
{
	serve(way::passed_on);
	warm_up();
	for (const std::vector<uint32_t> &sizes : {std::vector<uint32_t>{14, 4096, 4096, 4096, 4096, 4096},
						   {256, 4096, 4096, 4096, 4096},
						   {255, 4096, 4096, 4096, 4096, 100},
						   {257, 4096, 4096, 4096, 4096},
						   {100, 100, 100, 4096, 4096, 4096, 4090},
						   {4096, 4096, 4096, 4096, 256},
						   {66, 4030, 4096, 4096, 4096, 257}}) {
		const uint64_t before = stats().tx_mapped;
		uint32_t total = 0;
		for (const uint32_t n : sizes)
			total += n;
		const bytes whole = pattern(total, 7);
		uint32_t at = 0;
		uint16_t first_id = 0;
		for (size_t i = 0; i < sizes.size(); ++i) {
			auto s = front->slot({whole.begin() + at, whole.begin() + at + sizes[i]},
					     (KAPI_PAGE_SIZE - sizes[i]) / 2);
			at += sizes[i];
			if (i == 0) {
				first_id = s.id;
				s.size = static_cast<uint16_t>(total);
			}
			s.flags = i + 1 < sizes.size() ? netif::tx_more_data : 0;
			front->put(s);
		}
		front->tx().push();
		const auto n = static_cast<uint32_t>(sizes.size());
		BOOST_TEST(front->take_answers(n).all(first_id, n, netif::status::okay));
		const auto a = arrival();
		BOOST_TEST((a.bytes == whole));
		BOOST_TEST(a.lengths.at(0) == KAPI_NET_HEADERS);
		BOOST_TEST(stats().tx_mapped == before + 1);
	}
}

// What the stack keeps is not answered; what comes later is, and passes it.
BOOST_AUTO_TEST_CASE(answers_out_of_order)
{
	serve(way::passed_on);
	warm_up();
	const uint16_t kept = keep(2);
	expect_no_answer();
	BOOST_TEST(stats().tx_held == 1u);
	back->set_way(way::passed_on);
	const uint16_t small = send(3, 1000, 1);
	BOOST_TEST(front->take_answers(1).all(small, 1, netif::status::okay));
	const uint16_t later = send(4);
	BOOST_TEST(front->take_answers(large_slots).all(later, large_slots, netif::status::okay));
	expect_no_answer();
	static_cast<void>(back->take_arrived());
	// The stack's thread is not ours.
	std::thread([&] { back->release(); }).join();
	BOOST_TEST(front->take_answers(large_slots).all(kept, large_slots, netif::status::okay));
	BOOST_TEST(eventually([&] { return stats().tx_held == 0; }));
	BOOST_TEST(frames() == 0);
}

// Several that are released together cost one hypercall.
BOOST_AUTO_TEST_CASE(released_together_unmapped_together)
{
	serve(way::passed_on);
	warm_up();
	const std::vector<uint16_t> ids{keep(1, 20000, 5), keep(2, 20000, 5), keep(3, 20000, 5)};
	const auto before = stats();
	// While its thread is at work in a packet that comes.
	world.faults().copy.set([&](uint32_t, const kapi_copy_op &) {
		while (back->kept() != 0)
			back->release();
		return 0;
	});
	back->set_way(way::passed_on);
	const uint16_t other = send(4, 100, 1);
	const auto a = front->take_answers(16);
	world.faults().copy.clear();
	BOOST_TEST(a.came);
	BOOST_TEST(a.by_id.size() == 16u);
	BOOST_TEST((a.by_id.at(other) == std::vector<int16_t>{0}));
	BOOST_TEST(stats().unmap_hypercalls - before.unmap_hypercalls == 1u);
	BOOST_TEST(stats().unmap_operations - before.unmap_operations == 15u);
	static_cast<void>(back->take_arrived());
}

// A guest whose packets are never released keeps half of its ring; it holds no more pages
// here than that, whatever it sends.
BOOST_AUTO_TEST_CASE(half_of_the_ring_goes_on)
{
	serve(way::passed_on);
	warm_up();
	back->set_way(way::kept);
	uint32_t sent = 0;
	for (; stats().tx_held * 5 + 5 <= mapping::most_slots && sent < 100; ++sent) {
		send(sent, 20000, 5);
		expect_arrival(sent, 20000);
	}
	BOOST_TEST(sent < 100u);
	expect_no_answer();
	for (uint32_t i = 0; i < 100; ++i) {
		const uint16_t first = send(i);
		BOOST_TEST(front->take_answers(large_slots).all(first, large_slots, netif::status::okay));
		expect_arrival(i);
	}
	BOOST_TEST(frames() <= static_cast<int64_t>(mapping::most_slots));
	BOOST_TEST(world.live().foreign_pages - world.live().rings <= static_cast<int64_t>(mapping::most_slots));
	while (back->kept() != 0)
		back->release();
	BOOST_TEST(front->take_answers(sent * 5).came);
	// That there was no room is no reason to stop.
	const uint64_t before = stats().tx_mapped;
	back->set_way(way::passed_on);
	const uint16_t first = send(7);
	BOOST_TEST(front->take_answers(large_slots).all(first, large_slots, netif::status::okay));
	expect_arrival(7);
	BOOST_TEST(stats().tx_mapped == before + 1);
}

// Extra infos take slots of the ring, too.
BOOST_AUTO_TEST_CASE(extra_infos_are_answered_with_their_packet)
{
	serve(way::passed_on);
	warm_up();
	back->set_way(way::kept);
	const uint16_t first = front->put_packet(pattern(large, 1), large_slots, 0, {hand_netfront::gso(1448, 1)});
	front->tx().push();
	const auto a = arrival();
	BOOST_TEST(a.meta.gso == KAPI_NET_GSO_TCPV4);
	expect_no_answer();
	back->release();
	const auto answers = front->take_answers(large_slots + 1);
	BOOST_TEST(answers.all(first, large_slots, netif::status::okay));
	BOOST_TEST(answers.nulls == 1u);
	// So many of them that the packet would take more than its share.
	const uint64_t before = stats().tx_mapped;
	std::vector<netif::extra_info> many(120, hand_netfront::gso(1448, 1, netif::extra_more));
	many.push_back(hand_netfront::gso(1448, 1));
	front->put_packet(pattern(large, 1), large_slots, 0, many);
	front->tx().push();
	BOOST_TEST(front->take_answers(large_slots + 121).came);
	static_cast<void>(arrival());
	BOOST_TEST(stats().tx_mapped == before);
}

// From the frames of one guest to those of another, with nothing in between.
BOOST_AUTO_TEST_CASE(to_another_guest_by_grant)
{
	serve(way::passed_on);
	xenpv::sim::granted_page source(world.domain(tools->back.peer_domid), true);
	const bytes content = pattern(3000, 5);
	std::copy(content.begin(), content.end(), source.bytes() + 1000);
	to_guest &p = packet(200);
	p.granted.push_back({0, 1000, 3000, source.ref(), static_cast<uint16_t>(tools->back.peer_domid), 1});
	p.meta.length += 3000;
	front->post(2);
	BOOST_REQUIRE(back->send(0, p) >= 0);
	BOOST_TEST(back->wait(p) == 1);
	hand_netfront::received got;
	BOOST_REQUIRE(front->take(&got));
	bytes whole = pattern(200, 1);
	whole.insert(whole.end(), content.begin(), content.end());
	BOOST_TEST((got.bytes == whole));
	// A grant that ended meanwhile costs the packet, and nothing else.
	to_guest &q = packet(200);
	q.granted.push_back({0, 0, 100, source.ref() + 4000, static_cast<uint16_t>(tools->back.peer_domid), 1});
	q.meta.length += 100;
	BOOST_REQUIRE(back->send(0, q) >= 0);
	BOOST_TEST(back->wait(q) == 0);
	BOOST_REQUIRE(front->take(&got));
	BOOST_TEST(got.error);
	still_works();
}

// A domain of a kind that could not replace what is held for long does not map.
BOOST_AUTO_TEST_CASE(a_translated_domain_copies)
{
	world.faults().translated = true;
	serve(way::passed_on);
	for (uint32_t i = 0; i < 3; ++i) {
		const uint16_t first = send(i);
		BOOST_TEST(front->take_answers(large_slots).all(first, large_slots, netif::status::okay));
		expect_arrival(i);
	}
	BOOST_TEST(stats().map_operations == 0);
	BOOST_TEST(stats().tx_mapped == 0);
	BOOST_TEST(stats().tx_packets == 3);
}

BOOST_AUTO_TEST_SUITE_END()
