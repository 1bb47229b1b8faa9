// SPDX-License-Identifier: GPL-2.0-only
// What our frontend puts on the wire (xen-front/net; io/netif.h, "Guest transmit").
#include "netfront_fixture.hpp"

using namespace xenpv::test;
namespace netif = xenpv::netif;

BOOST_FIXTURE_TEST_SUITE(netfront_send, interface)

BOOST_AUTO_TEST_CASE(an_honest_backend)
{
	start();
	const auto info = front->seen().ready.at(0);
	const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0x12, 0x34, 0x56};
	BOOST_TEST(std::equal(mac, mac + 6, info.mac));
	BOOST_TEST(info.features == (KAPI_NET_SG | KAPI_NET_CSUM4 | KAPI_NET_CSUM6 | KAPI_NET_GSO4 | KAPI_NET_GSO6));
	BOOST_TEST(info.mtu == 1500u);
	BOOST_TEST(info.carrier == 1);
	BOOST_TEST(info.queues == 1u);
	still_works();
	BOOST_TEST(front->stats(0).tx_packets == 1u);
	BOOST_TEST(front->stats(0).tx_bytes == 1000u);
	BOOST_TEST(front->stats(0).rx_packets == 1u);
	BOOST_TEST(front->stats(0).rx_bytes == 600u);
}

BOOST_AUTO_TEST_CASE(every_class_of_length)
{
	start();
	for (const uint32_t length : {14u, 15u, 60u, 255u, 256u, 257u, 1514u, 4095u, 4096u, 4097u, 8192u, 9014u, 32768u,
				      61440u, 65534u, 65535u})
		for (const uint32_t pieces : {pages_for(length), pages_for(length) + 1, 18u}) {
			outgoing &p = transmit(length, std::min(pieces, length), {}, 0, length);
			front->commit(0);
			const auto s = taken();
			BOOST_TEST((s.bytes == pattern(length, length)), length);
			BOOST_TEST(s.slots[0].size == length);
			BOOST_TEST(s.slots.size() == std::min(pieces, length));
			BOOST_TEST(s.extras.empty());
			back->answer(s);
			back->tx().push();
			BOOST_TEST(front->wait(p) == 1, length);
		}
	// Frames are ours again when their packet is: the rings and the posted buffers stay.
	BOOST_TEST(world.live().accesses == 2 + 256);
}

BOOST_AUTO_TEST_CASE(pieces_that_begin_anywhere)
{
	start();
	auto &p = *sent.emplace_back(std::make_unique<outgoing>());
	p.add(4095, 1);
	p.add(1, 4095);
	p.add(100, 14);
	p.fill(pattern(4110, 3));
	BOOST_TEST_REQUIRE(front->transmit(0, p) >= 0);
	front->commit(0);
	const auto s = taken();
	BOOST_TEST((s.bytes == pattern(4110, 3)));
	BOOST_TEST(s.slots.at(1).offset == 1);
	BOOST_TEST(s.slots.at(2).offset == 100);
	back->answer(s);
	back->tx().push();
	BOOST_TEST(front->wait(p) == 1);
}

BOOST_AUTO_TEST_CASE(checksums_and_segmentation)
{
	start();
	struct expected {
		kapi_net_meta meta;
		uint16_t flags;
	};
	const uint16_t blank = netif::tx_csum_blank | netif::tx_data_validated;
	for (const expected &e :
	     {expected{{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_NONE, 0, 0}, 0},
	      expected{{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_VALID, 0, 0}, netif::tx_data_validated},
	      expected{{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_BLANK, 0, 0}, blank},
	      expected{{0, 1448, KAPI_NET_GSO_TCPV4, KAPI_NET_CSUM_BLANK, 0, 0}, blank | netif::tx_extra_info},
	      expected{{0, 1428, KAPI_NET_GSO_TCPV6, KAPI_NET_CSUM_BLANK, 0, 0}, blank | netif::tx_extra_info}}) {
		outgoing &p = transmit(20000, 5, e.meta);
		front->commit(0);
		const auto s = taken();
		BOOST_TEST(s.slots[0].flags == (e.flags | netif::tx_more_data));
		BOOST_TEST(s.slots[1].flags == netif::tx_more_data);
		BOOST_TEST(s.slots[4].flags == 0);
		BOOST_TEST(s.extras.size() == (e.meta.gso != 0 ? 1u : 0u));
		if (!s.extras.empty()) {
			BOOST_TEST(s.extras[0].type == 1);
			BOOST_TEST(s.extras[0].flags == 0);
			BOOST_TEST(s.extras[0].gso.size == e.meta.gso_size);
			BOOST_TEST(s.extras[0].gso.type == e.meta.gso);
			BOOST_TEST(s.extras[0].gso.pad == 0);
			BOOST_TEST(s.extras[0].gso.features == 0);
		}
		back->answer(s);
		back->tx().push();
		BOOST_TEST(front->wait(p) == 1);
	}
}

BOOST_AUTO_TEST_CASE(a_backend_that_does_not_take_it)
{
	start();
	for (const auto status : {netif::status::error, netif::status::dropped}) {
		outgoing &p = transmit(9000, 3);
		front->commit(0);
		back->answer(taken(), status);
		back->tx().push();
		BOOST_TEST(front->wait(p) == 0);
	}
	// One slot of many.
	outgoing &p = transmit(9000, 3);
	front->commit(0);
	const auto s = taken();
	back->answer(s.slots[2].id, 0);
	back->answer(s.slots[1].id, -1);
	back->answer(s.slots[0].id, 0);
	back->tx().push();
	BOOST_TEST(front->wait(p) == 0);
	BOOST_TEST(front->stats(0).tx_errors == 3u);
	still_works();
}

// Responses need not come in the order of the requests.
BOOST_AUTO_TEST_CASE(answers_in_another_order)
{
	start();
	auto all = exchange(50);
	std::reverse(all.begin(), all.end());
	for (const auto &s : all)
		back->answer(s);
	back->tx().push();
	for (auto &p : sent)
		BOOST_TEST(front->wait(*p) == 1);
}

BOOST_AUTO_TEST_CASE(a_full_ring_says_busy_and_has_room_again)
{
	start();
	uint32_t n = 0;
	uint32_t warned = 0;
	BOOST_TEST(front->has_room(0));
	for (; n < 300; ++n) {
		auto &p = *sent.emplace_back(std::make_unique<outgoing>());
		p.add(0, 60);
		const int rc = front->transmit(0, p);
		if (rc < 0) {
			BOOST_TEST(rc == -16);
			sent.pop_back();
			break;
		}
		BOOST_TEST(front->has_room(0) == (rc == 0));
		warned += rc == 1;
	}
	BOOST_TEST(n > 230u);
	BOOST_TEST(n <= 256u);
	BOOST_TEST(warned != 0u, "the last packets that may find room are told apart");
	BOOST_TEST(!front->has_room(0));
	front->commit(0);
	for (uint32_t i = 0; i < n; ++i)
		back->answer(taken());
	back->tx().push();
	for (auto &p : sent)
		BOOST_TEST(front->wait(*p) == 1);
	BOOST_TEST(front->has_room(0));
	still_works();
}

// What a burst costs: one push, and one notification at most.
BOOST_AUTO_TEST_CASE(a_burst_is_told_once)
{
	start();
	for (int round = 0; round < 5; ++round) {
		const uint64_t notify = world.calls().notify;
		const auto before = front->stats(0);
		for (int i = 0; i < 64; ++i)
			transmit(1514);
		BOOST_TEST(back->tx().available() == 0u, "nothing is shown before the burst is over");
		back->tx().event().store(back->tx().taken() + 1);
		front->commit(0);
		BOOST_TEST(back->tx().available() == 64u);
		BOOST_TEST(world.calls().notify - notify == 1u);
		BOOST_TEST(front->stats(0).tx_pushes - before.tx_pushes == 1u);
		// The backend is at work and does not ask to be told.
		for (int i = 0; i < 64; ++i)
			transmit(1514);
		front->commit(0);
		BOOST_TEST(world.calls().notify - notify == 1u);
		front->commit(0); // of nothing
		BOOST_TEST(world.calls().notify - notify == 1u);
		BOOST_TEST(front->stats(0).tx_pushes - before.tx_pushes == 2u);
		for (int i = 0; i < 128; ++i)
			back->answer(taken());
		back->tx().push();
		for (auto &p : sent)
			BOOST_TEST(front->wait(*p) == 1);
		sent.clear();
	}
}

BOOST_AUTO_TEST_CASE(without_references_it_asks_to_try_again)
{
	start();
	guest.grants().set_size(guest.grants().in_use());
	int rc = 0;
	for (int i = 0; i < 200 && rc >= 0; ++i) {
		auto &p = *sent.emplace_back(std::make_unique<outgoing>());
		add_pieces(p, 4000, 10);
		rc = front->transmit(0, p);
	}
	BOOST_TEST((rc == -11 || rc == -16));
	sent.pop_back();
	front->commit(0);
	for (size_t i = 0; i < sent.size(); ++i)
		back->answer(taken());
	if (!sent.empty())
		back->tx().push();
	for (auto &p : sent)
		BOOST_TEST(front->wait(*p) == 1);
	guest.grants().set_size(8192);
	still_works();
}

// A backend may read what is sent, and never write it.
BOOST_AUTO_TEST_CASE(what_is_sent_is_granted_to_be_read)
{
	start();
	const auto s = exchange(1).at(0);
	auto writable = back->map(s.slots[0].gref, false);
	BOOST_TEST(writable.status == KAPI_GNTST_GENERAL_ERROR);
	back->unmap(writable);
	back->answer(s);
	back->tx().push();
	BOOST_TEST(front->wait(*sent[0]) == 1);
	auto late = back->map(s.slots[0].gref, true);
	BOOST_TEST(late.status != 0, "answered, and ours again");
	back->unmap(late);
}

// XSA-403: an untrusted backend sees the packet, and zeroes.
BOOST_AUTO_TEST_CASE(an_untrusted_backend_sees_only_the_packet)
{
	start({}, {{"trusted", "0"}});
	auto &p = *sent.emplace_back(std::make_unique<outgoing>());
	p.add(1000, 100, 0x55); // secrets around it
	p.add(0, 3000, 0x55);
	p.add(2, 1500, 0x55);
	p.fill(pattern(4600, 5));
	BOOST_TEST_REQUIRE(front->transmit(0, p) >= 0);
	front->commit(0);
	const auto s = taken();
	BOOST_TEST((s.bytes == pattern(4600, 5)));
	for (size_t i = 0; i < s.slots.size(); ++i) {
		const auto &slot = s.slots[i];
		const uint32_t length = i == 0 ? 4600u - (s.slots.size() > 1 ? s.slots[1].size : 0u) : slot.size;
		bytes page(KAPI_PAGE_SIZE);
		BOOST_TEST_REQUIRE(back->read(slot.gref, 0, page.data(), KAPI_PAGE_SIZE) == 0);
		for (uint32_t at = 0; at < KAPI_PAGE_SIZE; ++at)
			if (at < slot.offset || at >= slot.offset + length)
				BOOST_REQUIRE_EQUAL(static_cast<int>(page[at]), 0);
	}
	back->answer(s);
	back->tx().push();
	BOOST_TEST(front->wait(p) == 1);
	BOOST_TEST(front->stats(0).tx_copied == 1u);
	for (const uint32_t length : {14u, 4096u, 4097u, 65535u}) {
		outgoing &q = transmit(length, pages_for(length), {}, 0, length);
		front->commit(0);
		const auto t = taken();
		BOOST_TEST((t.bytes == pattern(length, length)), length);
		back->answer(t);
		back->tx().push();
		BOOST_TEST(front->wait(q) == 1);
	}
}

// XSA-403: an untrusted backend is granted no page with something old in it.
BOOST_AUTO_TEST_CASE(posted_buffers_are_empty)
{
	start({}, {{"trusted", "0"}});
	BOOST_TEST(back->posted() > 200u);
	while (back->posted() != 0) {
		bytes page(KAPI_PAGE_SIZE);
		BOOST_TEST_REQUIRE(back->read(buffer().gref, 0, page.data(), KAPI_PAGE_SIZE) == 0);
		BOOST_REQUIRE((page == bytes(KAPI_PAGE_SIZE)));
	}
}

BOOST_AUTO_TEST_CASE(three_queues_with_and_without_split_channels)
{
	for (const char *split : {"0", "1"}) {
		start({{"multi-queue-max-queues", "3"}, {"feature-split-event-channels", split}});
		BOOST_TEST_REQUIRE(back->queues() == 3u);
		BOOST_TEST(front->seen().ready.at(0).queues == 3u);
		for (uint32_t q = 0; q < 3; ++q) {
			outgoing &p = transmit(5000, 2, {}, q, q);
			front->commit(q);
			const auto s = taken(q);
			BOOST_TEST((s.bytes == pattern(5000, q)));
			back->answer(s, netif::status::okay, q);
			back->tx(q).push();
			BOOST_TEST(front->wait(p) == 1);
			BOOST_TEST_REQUIRE(back->send(pattern(700, q), {}, q));
			const auto a = arrival();
			BOOST_TEST(a.queue == q);
			BOOST_TEST((a.bytes == pattern(700, q)));
		}
		stop();
	}
}

BOOST_AUTO_TEST_SUITE_END()
