// SPDX-License-Identifier: GPL-2.0-only
// What a guest, hostile or not, sends (xen-back/net; io/netif.h, "Guest transmit";
// XSA-155, 216, 361, 423, 432, 448).
#include "netback_fixture.hpp"

using namespace xenpv::test;
namespace netif = xenpv::netif;

namespace {

struct sending : vif {
	static constexpr uint16_t more = netif::tx_more_data;
	static constexpr uint16_t extra = netif::tx_extra_info;

	void serve()
	{
		start();
		attach();
	}
	// Slots with sizes as the wire has them, each of its own frame that holds `held`
	// bytes; all but the last say that more follows.
	uint16_t put_sizes(const std::vector<uint32_t> &sizes, uint32_t held = 1000)
	{
		uint16_t first = 0;
		for (size_t i = 0; i < sizes.size(); ++i) {
			auto s = front->slot(pattern(held, static_cast<uint32_t>(i)));
			if (i == 0)
				first = s.id;
			s.size = static_cast<uint16_t>(sizes[i]);
			s.flags = i + 1 < sizes.size() ? more : 0;
			front->put(s);
		}
		return first;
	}
	void expect_the_end(const std::string &why)
	{
		front->tx().push();
		expect_broken(why);
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(netback_requests, sending)

BOOST_AUTO_TEST_CASE(every_class_of_length)
{
	serve();
	for (const uint32_t length : {14u, 15u, 60u, 255u, 256u, 257u, 1514u, 4095u, 4096u, 4097u, 8192u, 9014u, 32768u,
				      61440u, 65534u, 65535u})
		for (const uint32_t slots : {pages_for(length), pages_for(length) + 1, 14u, 18u}) {
			if (slots < pages_for(length))
				continue;
			const auto id = front->put_packet(pattern(length, length), slots);
			front->tx().push();
			BOOST_TEST(front->take_answers(slots).all(id, slots, netif::status::okay));
			const auto a = arrival();
			BOOST_TEST((a.bytes == pattern(length, length)), length << " in " << slots);
			BOOST_TEST(a.meta.gso == KAPI_NET_GSO_NONE);
			BOOST_TEST(a.meta.csum == KAPI_NET_CSUM_NONE);
		}
}

// Every cut of the guest's against every cut of ours; XSA-423: the headers arrive in one
// piece whatever the slots are, XSA-432: no arithmetic runs under.
BOOST_AUTO_TEST_CASE(cuts_that_do_not_match)
{
	serve();
	for (const auto &shape :
	     {kapi_netback::shape{}, kapi_netback::shape{14, 4082, 4096, 0}, kapi_netback::shape{4096, 0, 4096, 0},
	      kapi_netback::shape{128, 64, 2048, 2048}, kapi_netback::shape{255, 1, 1800, 7}}) {
		back->set_shape(shape);
		for (const uint32_t length : {14u, 127u, 128u, 129u, 300u, 4096u, 17000u, 65000u})
			for (const uint32_t slots : {1u, 2u, 13u, 18u}) {
				if (slots < pages_for(length) || slots > length)
					continue;
				const auto id = front->put_packet(pattern(length, slots), slots);
				front->tx().push();
				BOOST_TEST(front->take_answers(slots).all(id, slots, netif::status::okay));
				const auto a = arrival();
				BOOST_TEST((a.bytes == pattern(length, slots)), length << " in " << slots);
				BOOST_TEST(a.lengths.at(0) == std::min(length, shape.linear));
			}
	}
	// One byte in each slot but one.
	back->set_shape({});
	for (const bool large_first : {true, false}) {
		const auto data = pattern(3017, 9);
		uint16_t first = 0;
		for (uint32_t i = 0, at = 0; i < 18; ++i) {
			const uint32_t n = (large_first ? i == 0 : i == 17) ? 3000 : 1;
			const auto from = data.begin() + at;
			auto s = front->slot(bytes(from, from + n), i * 50);
			first = i == 0 ? s.id : first;
			s.size = static_cast<uint16_t>(i == 0 ? 3017 : n);
			s.flags = i < 17 ? more : 0;
			front->put(s);
			at += n;
		}
		front->tx().push();
		BOOST_TEST(front->take_answers(18).all(first, 18, netif::status::okay));
		BOOST_TEST((arrival().bytes == data));
	}
}

BOOST_AUTO_TEST_CASE(checksums_and_segmentation)
{
	serve();
	struct expected {
		uint16_t flags;
		uint8_t csum;
		uint8_t gso;
		uint16_t gso_size;
	};
	const uint16_t blank = netif::tx_csum_blank;
	const uint16_t validated = netif::tx_data_validated;
	for (const expected &e :
	     {expected{0, KAPI_NET_CSUM_NONE, 0, 0}, expected{validated, KAPI_NET_CSUM_VALID, 0, 0},
	      expected{blank, KAPI_NET_CSUM_BLANK, 0, 0},
	      expected{static_cast<uint16_t>(blank | validated), KAPI_NET_CSUM_BLANK, 0, 0},
	      expected{static_cast<uint16_t>(blank | validated), KAPI_NET_CSUM_BLANK, KAPI_NET_GSO_TCPV4, 1448},
	      expected{static_cast<uint16_t>(blank | validated), KAPI_NET_CSUM_BLANK, KAPI_NET_GSO_TCPV6, 1}}) {
		std::vector<netif::extra_info> extras;
		if (e.gso != 0)
			extras.push_back(hand_netfront::gso(e.gso_size, e.gso));
		const auto id = front->put_packet(pattern(20000, 4), 6, e.flags, extras);
		front->tx().push();
		const auto answers = front->take_answers(6 + static_cast<uint32_t>(extras.size()));
		BOOST_TEST(answers.all(id, 6, netif::status::okay));
		BOOST_TEST(answers.nulls == extras.size());
		const auto a = arrival();
		BOOST_TEST((a.bytes == pattern(20000, 4)));
		BOOST_TEST(a.meta.csum == e.csum);
		BOOST_TEST(a.meta.gso == e.gso);
		BOOST_TEST(a.meta.gso_size == e.gso_size);
	}
}

BOOST_AUTO_TEST_CASE(slots_of_a_packet)
{
	serve();
	const auto id = front->put_packet(pattern(10000, 1), 18);
	front->tx().push();
	BOOST_TEST(front->take_answers(18).all(id, 18, netif::status::okay));
	BOOST_TEST((arrival().bytes == pattern(10000, 1)));
	for (const uint32_t slots : {19u, 20u, 21u, 64u, 200u}) {
		const auto first = front->put_packet(pattern(10000, 1), slots);
		expect_refused(std::to_string(slots) + " slots", first, slots);
	}
	const auto first = front->put_packet(pattern(10000, 1), 19, 0, {hand_netfront::gso(1448, 1)});
	expect_refused("19 slots and an extra info", first, 19, 1);
}

BOOST_AUTO_TEST_CASE(packets_that_are_too_short)
{
	serve();
	for (const uint32_t length : {0u, 1u, 13u}) {
		const auto first = put_sizes({length});
		expect_refused("length " + std::to_string(length), first, 1);
	}
	const auto first = put_sizes({13, 6, 6});
	expect_refused("13 bytes in three slots", first, 3);
}

// XSA-448: slots of no bytes.
BOOST_AUTO_TEST_CASE(empty_slots)
{
	serve();
	// In the middle, at the end, and the first: what the others leave of it is nothing.
	for (const auto &sizes : {std::vector<uint32_t>{100, 0},
				  {100, 0, 0, 0},
				  {100, 0, 50, 0},
				  {100, 60, 0, 40},
				  {100, 100},
				  {100, 0, 100}}) {
		const auto n = static_cast<uint32_t>(sizes.size());
		const auto first = put_sizes(sizes);
		front->tx().push();
		BOOST_TEST(front->take_answers(n).all(first, n, netif::status::okay));
		const auto a = arrival();
		BOOST_TEST(a.bytes.size() == 100u);
		for (const uint32_t length : a.lengths)
			BOOST_TEST(length != 0u);
	}
	const auto first = put_sizes(std::vector<uint32_t>(18, 0));
	expect_refused("nothing at all", first, 18);
	// A frame that need not be there is not looked at.
	auto a = front->slot(pattern(100, 0));
	netif::tx_request b{0x7fffffff, 0, 0, static_cast<uint16_t>(a.id + 1), 0};
	a.flags = more;
	front->put(a);
	front->put(b);
	front->tx().push();
	BOOST_TEST(front->take_answers(2).came);
	BOOST_TEST(eventually([&] { return back->arrived() == 1; }));
	static_cast<void>(back->take_arrived());
}

// The sum of the slots after the first is more than the first says of them all: what a
// frontend that follows the protocol never does.
BOOST_AUTO_TEST_CASE(slots_longer_than_their_packet)
{
	for (const auto &sizes : {std::vector<uint32_t>{100, 101},
				  {100, 50, 51},
				  {14, 65535},
				  {0, 1},
				  {65535, 4096, 65535},
				  {4096, 4096, 1}}) {
		serve();
		put_sizes(sizes);
		expect_the_end("size of the first " + std::to_string(sizes[0]));
	}
}

BOOST_AUTO_TEST_CASE(slots_that_cross_their_frame)
{
	struct bad {
		uint16_t offset;
		uint16_t size;
	};
	for (const bad &b : {bad{1, 4096}, bad{4095, 2}, bad{4096, 1}, bad{65535, 1}, bad{0, 4097}, bad{0, 65535},
			     bad{65535, 65535}, bad{4000, 100}, bad{61440, 4096}}) {
		const std::string why = "offset " + std::to_string(b.offset) + " size " + std::to_string(b.size);
		serve();
		auto s = front->slot(pattern(100, 0));
		s.offset = b.offset;
		s.size = b.size;
		front->put(s);
		expect_the_end(why);
		// In a later slot.
		serve();
		s = front->slot(pattern(100, 0));
		s.size = 65535;
		s.flags = more;
		front->put(s);
		s = front->slot(pattern(100, 0));
		s.offset = b.offset;
		s.size = b.size;
		front->put(s);
		expect_the_end("second: " + why);
	}
}

BOOST_AUTO_TEST_CASE(a_packet_without_end)
{
	for (const uint32_t n : {1u, 17u, 18u, 19u, 256u}) {
		serve();
		for (uint32_t i = 0; i < n; ++i) {
			auto s = front->slot(pattern(100, 0));
			s.size = i == 0 ? 4000 : 1;
			s.flags = more;
			front->put(s);
		}
		expect_the_end(std::to_string(n) + " slots");
	}
}

BOOST_AUTO_TEST_CASE(extra_infos_without_end)
{
	for (const uint32_t n : {0u, 1u, 2u, 255u}) {
		serve();
		auto s = front->slot(pattern(100, 0));
		s.flags = extra;
		front->put(s);
		for (uint32_t i = 0; i < n; ++i)
			front->put(hand_netfront::gso(1448, 1, netif::extra_more));
		expect_the_end(std::to_string(n) + " extra infos");
	}
	serve();
	auto s = front->slot(pattern(100, 0));
	s.flags = extra | more;
	front->put(s);
	front->put(hand_netfront::gso(1448, 1));
	expect_the_end("no second slot");
}

BOOST_AUTO_TEST_CASE(odd_extra_infos)
{
	serve();
	for (const int type : {0, 5, 6, 255}) {
		auto e = hand_netfront::gso(1448, 1);
		e.type = static_cast<uint8_t>(type);
		const auto first = front->put_packet(pattern(5000, 1), 2, 0, {e});
		expect_refused("type " + std::to_string(type), first, 2, 1);
	}
	for (const auto &e :
	     {hand_netfront::gso(0, 1), hand_netfront::gso(0, 2), hand_netfront::gso(65535, 1),
	      hand_netfront::gso(1448, 0), hand_netfront::gso(1448, 3), hand_netfront::gso(1448, 255)}) {
		const auto first = front->put_packet(pattern(5000, 1), 2, 0, {e});
		expect_refused("gso " + std::to_string(e.gso.size) + " type " + std::to_string(e.gso.type), first, 2,
			       1);
	}
	// An odd one among good ones, each answered.
	std::vector<netif::extra_info> many(200, hand_netfront::gso(1448, 1, netif::extra_more));
	many.push_back(hand_netfront::gso(0, 1));
	const auto first = front->put_packet(pattern(5000, 1), 2, 0, many);
	expect_refused("two hundred and one", first, 2, 201);
}

// XSA-361: each copy has its own status, at every place of a packet.
BOOST_AUTO_TEST_CASE(frames_that_cannot_be_read)
{
	serve();
	for (const uint32_t bad : {0u, 1u, 0x10008u, 0x12345u, 0xffffffffu})
		for (uint32_t at = 0; at < 5; ++at) {
			const auto before = front->put_packet(pattern(200, 1));
			uint16_t first = 0;
			for (uint32_t i = 0; i < 5; ++i) {
				auto s = front->slot(pattern(1000, i));
				first = i == 0 ? s.id : first;
				s.size = static_cast<uint16_t>(i == 0 ? 5000 : 1000);
				s.flags = i < 4 ? more : 0;
				if (i == at)
					s.gref = bad == 0x10008u ? front->tx_page().ref() + 5000 : bad;
				front->put(s);
			}
			const auto after = front->put_packet(pattern(300, 2));
			front->tx().push();
			const auto a = front->take_answers(7);
			BOOST_TEST(a.came);
			BOOST_TEST((a.by_id.at(before) == std::vector<int16_t>{0}));
			BOOST_TEST((a.by_id.at(after) == std::vector<int16_t>{0}));
			for (uint32_t i = 0; i < 5; ++i)
				BOOST_TEST((a.by_id.at(static_cast<uint16_t>(first + i)) == std::vector<int16_t>{-1}),
					   bad << " at " << at << ", slot " << i);
			BOOST_TEST(eventually([&] { return back->arrived() == 2; }));
			const auto all = back->take_arrived();
			BOOST_TEST((all.at(0).bytes == pattern(200, 1)));
			BOOST_TEST((all.at(1).bytes == pattern(300, 2)));
		}
	BOOST_TEST(back->stats(0).tx_errors == 25u);
	BOOST_TEST(back->seen().discarded == 25u);
}

BOOST_AUTO_TEST_CASE(copies_that_fail_for_another_reason)
{
	serve();
	world.faults().copy_hypercall.arm(0, 1);
	const auto first = front->put_packet(pattern(3000, 1), 2);
	expect_refused("the hypercall", first, 2);
	world.faults().copy.set([](uint32_t index, const kapi_copy_op &) { return index == 1 ? -9 : 0; });
	const auto second = front->put_packet(pattern(3000, 1), 3);
	front->tx().push();
	const auto a = front->take_answers(3);
	BOOST_TEST(a.all(second, 3, netif::status::error));
	world.faults().copy.clear();
	still_works();
}

BOOST_AUTO_TEST_CASE(without_memory_packets_are_dropped_and_answered)
{
	serve();
	back->no_memory.arm(0, 1);
	const auto first = front->put_packet(pattern(3000, 1), 2, 0, {hand_netfront::gso(1448, 1)});
	expect_refused("no memory", first, 2, 1);
	back->no_memory.disarm();
	still_works();
}

BOOST_AUTO_TEST_CASE(ids_are_echoed_whatever_they_are)
{
	serve();
	for (const int id : {0, 1, 255, 256, 0x7fff, 0xffff}) {
		auto s = front->slot(pattern(100, 0));
		s.id = static_cast<uint16_t>(id);
		front->put(s);
		front->put(s); // the same again
	}
	front->tx().push();
	const auto a = front->take_answers(12);
	BOOST_TEST(a.came);
	for (const int id : {0, 1, 255, 256, 0x7fff, 0xffff})
		BOOST_TEST((a.by_id.at(static_cast<uint16_t>(id)) == std::vector<int16_t>{0, 0}), id);
	BOOST_TEST(eventually([&] { return back->arrived() == 12; }));
	static_cast<void>(back->take_arrived());
}

// XSA-216: nothing but the answer is in the slot.
BOOST_AUTO_TEST_CASE(responses_carry_no_old_memory)
{
	serve();
	for (uint32_t i = 0; i < 256; ++i) {
		std::byte poison[12];
		std::memset(poison, 0xEE, sizeof(poison));
		front->tx().write(i, poison, sizeof(poison));
	}
	const auto good = front->put_packet(pattern(100, 1), 2, 0, {hand_netfront::gso(1448, 1)});
	const auto bad = front->put_packet(pattern(100, 1), 19);
	static_cast<void>(good), static_cast<void>(bad);
	front->tx().push();
	BOOST_TEST(front->take_answers(22).came);
	for (uint32_t i = 0; i < 22; ++i) {
		uint32_t words[3];
		front->tx().read(i, words, sizeof(words));
		BOOST_TEST(words[1] == 0u, "slot " << i);
		BOOST_TEST(words[2] == 0u, "slot " << i);
	}
	static_cast<void>(back->take_arrived());
}

// A ring full of packets: one push of answers for many, in few hypercalls.
BOOST_AUTO_TEST_CASE(a_batch_costs_what_a_batch_costs)
{
	serve();
	for (int round = 0; round < 3; ++round) {
		const uint16_t first = front->put_packet(pattern(1500, 0));
		for (uint32_t i = 1; i < 64; ++i)
			front->put_packet(pattern(1500, i));
		const uint64_t copies = world.calls().copy;
		const uint64_t notify = world.calls().notify;
		front->tx().push();
		BOOST_TEST(front->take_answers(64).all(first, 64, netif::status::okay));
		BOOST_TEST(eventually([&] { return back->arrived() == 64; }));
		const auto all = back->take_arrived();
		for (uint32_t i = 0; i < 64; ++i)
			BOOST_TEST((all.at(i).bytes == pattern(1500, i)));
		BOOST_TEST(world.calls().copy - copies <= 8u);
		BOOST_TEST(world.calls().notify - notify <= 8u);
	}
}

// Nor are events that bring packets, whenever they come.
BOOST_AUTO_TEST_CASE(packets_are_no_spurious_events)
{
	for (const bool split : {false, true}) {
		start();
		attach({.queues = 1, .split = split});
		for (uint32_t round = 0; round < 1000; ++round) {
			front->put_packet(pattern(60, round));
			front->tx().push();
			BOOST_TEST_REQUIRE(front->take_answers(1).came);
			if (round % 2 == 0)
				std::this_thread::sleep_for(std::chrono::microseconds(round % 50));
		}
		BOOST_TEST(back->stats(0).events_received > 100u);
		BOOST_TEST(back->stats(0).events_spurious == 0u, "split " << split);
		BOOST_TEST(eventually([&] { return back->arrived() == 1000; }));
		static_cast<void>(back->take_arrived());
		leave();
		back.reset();
	}
}

BOOST_AUTO_TEST_SUITE_END()
