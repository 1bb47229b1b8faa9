// SPDX-License-Identifier: GPL-2.0-only
// What a backend, hostile or not, delivers to our frontend (xen-front/net; io/netif.h,
// "Guest receive"; XSA-376, 396, 403, 405).
#include "netfront_fixture.hpp"

using namespace xenpv::test;
namespace netif = xenpv::netif;

namespace {

struct receiving : interface {
	static constexpr uint16_t more = netif::rx_more_data;
	static constexpr uint16_t extra = netif::rx_extra_info;

	// Answers the next buffer; nobody is told.
	void respond(int status, uint16_t flags = 0, uint16_t offset = 0)
	{
		back->respond({buffer().id, offset, flags, static_cast<int16_t>(status)});
	}
	void respond_extra(const netif::extra_info &e)
	{
		static_cast<void>(buffer());
		back->rx().put(e);
	}
	[[nodiscard]] static netif::extra_info gso(uint16_t size, uint8_t type, uint8_t flags = 0)
	{
		netif::extra_info e{};
		e.type = 1;
		e.flags = flags;
		e.gso.size = size;
		e.gso.type = type;
		return e;
	}
	[[nodiscard]] static netif::extra_info hash(uint8_t type, uint8_t algorithm, uint8_t flags = 0)
	{
		netif::extra_info e{};
		e.type = 4;
		e.flags = flags;
		e.hash.type = type;
		e.hash.algorithm = algorithm;
		e.hash.value[0] = 0x78, e.hash.value[1] = 0x56, e.hash.value[2] = 0x34, e.hash.value[3] = 0x12;
		return e;
	}
	void push() { back->rx().push(); }
	// What was pushed costs its packet, and no more: buffers are posted again.
	void expect_dropped(const std::string &why)
	{
		const uint64_t before = front->stats(0).rx_errors;
		push();
		BOOST_TEST(eventually([&] { return front->stats(0).rx_errors == before + 1; }), why);
		BOOST_TEST(front->arrived() == 0u, why);
		BOOST_TEST(tools->front_state() == 4, why);
		BOOST_TEST(eventually([&] { return back->posted() == 256; }), why);
		still_works();
	}
	void expect_the_end(const std::string &why)
	{
		push();
		expect_broken(why);
		works_again();
		stop();
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(netfront_receive, receiving)

BOOST_AUTO_TEST_CASE(every_class_of_length)
{
	start();
	for (const uint32_t length : {14u, 15u, 60u, 255u, 256u, 257u, 1514u, 4095u, 4096u, 4097u, 8192u, 9014u, 32768u,
				      61440u, 65534u, 65535u})
		for (const uint32_t slots : {pages_for(length), pages_for(length) + 1, 14u, 18u}) {
			if (slots < pages_for(length))
				continue;
			BOOST_TEST_REQUIRE(back->send(pattern(length, length), {}, 0, slots));
			const auto a = arrival();
			BOOST_TEST((a.bytes == pattern(length, length)), length << " in " << slots);
			BOOST_TEST(a.meta.csum == KAPI_NET_CSUM_NONE);
			BOOST_TEST(a.meta.gso == KAPI_NET_GSO_NONE);
		}
	BOOST_TEST(front->stats(0).rx_recycled > 0u, "small packets are copied");
	BOOST_TEST(eventually([&] { return back->posted() == 256; }));
	BOOST_TEST(front->seen().pages == 256u);
}

BOOST_AUTO_TEST_CASE(anywhere_in_the_page)
{
	start();
	for (const uint32_t offset : {0u, 1u, 64u, 2582u, 3996u}) {
		const auto b = buffer();
		const auto data = pattern(100, offset);
		BOOST_TEST_REQUIRE(back->write(b.gref, offset, data.data(), 100) == 0);
		back->respond({b.id, static_cast<uint16_t>(offset), 0, 100});
		push();
		BOOST_TEST((arrival().bytes == data), offset);
	}
}

BOOST_AUTO_TEST_CASE(checksums_and_segmentation)
{
	start();
	for (const kapi_net_meta &meta : {kapi_net_meta{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_NONE, 0, 0},
					  kapi_net_meta{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_VALID, 0, 0},
					  kapi_net_meta{0, 0, KAPI_NET_GSO_NONE, KAPI_NET_CSUM_BLANK, 0, 0},
					  kapi_net_meta{0, 1448, KAPI_NET_GSO_TCPV4, KAPI_NET_CSUM_BLANK, 0, 0},
					  kapi_net_meta{0, 1428, KAPI_NET_GSO_TCPV6, KAPI_NET_CSUM_VALID, 0, 0}}) {
		BOOST_TEST_REQUIRE(back->send(pattern(20000, 6), meta));
		const auto a = arrival();
		BOOST_TEST((a.bytes == pattern(20000, 6)));
		BOOST_TEST(a.meta.gso == meta.gso);
		BOOST_TEST(a.meta.gso_size == meta.gso_size);
		BOOST_TEST(a.meta.csum == meta.csum);
	}
	// Nothing of it is left over for the next packet.
	BOOST_TEST_REQUIRE(back->send(pattern(2000, 7)));
	const auto a = arrival();
	BOOST_TEST(a.meta.gso == KAPI_NET_GSO_NONE);
	BOOST_TEST(a.meta.csum == KAPI_NET_CSUM_NONE);
}

BOOST_AUTO_TEST_CASE(many_packets_in_order)
{
	start();
	front->budget = 7;
	for (uint32_t i = 0; i < 2000; ++i)
		BOOST_TEST_REQUIRE(back->send(pattern(14 + i * 37 % 9000, i)));
	BOOST_TEST(eventually([&] { return front->arrived() == 2000; }));
	const auto all = front->take_arrived();
	for (uint32_t i = 0; i < all.size(); ++i)
		BOOST_REQUIRE((all[i].bytes == pattern(14 + i * 37 % 9000, i)));
}

// An interrupt masks until all is taken: a backend that goes on pays no events.
BOOST_AUTO_TEST_CASE(budgets_are_kept_and_events_wait)
{
	start();
	front->poll_by_hand(true);
	for (int i = 0; i < 100; ++i)
		BOOST_TEST_REQUIRE(back->send(pattern(100, 1)));
	BOOST_TEST(eventually([&] { return front->pump(0); }));
	BOOST_TEST(front->arrived() == 64u);
	BOOST_TEST(front->pump(0));
	BOOST_TEST(front->arrived() == 100u);
	// The last event may have come while the first was served.
	BOOST_TEST(eventually([&] { return !front->pump(0); }));
	BOOST_TEST(front->arrived() == 100u);
	front->poll_by_hand(false);
	front->take_arrived();
	still_works();
}

// The first slot may only have said that the packet failed.
BOOST_AUTO_TEST_CASE(a_backend_that_could_not_copy)
{
	start();
	for (const int status : {-1, -2, -3, -32768}) {
		respond(status);
		expect_dropped("status");
		respond(100, more);
		respond(status, more);
		respond(100);
		expect_dropped("in the middle");
		respond(status, extra | more);
		respond_extra(gso(1448, 1));
		respond(100);
		expect_dropped("with more to come");
	}
}

BOOST_AUTO_TEST_CASE(lengths_over_the_page)
{
	for (const int status : {4097, 8192, 32767}) {
		start();
		respond(status);
		expect_the_end("status " + std::to_string(status));
	}
	struct bad {
		uint16_t offset;
		int status;
	};
	for (const bad &b : {bad{1, 4096}, bad{4096, 1}, bad{4095, 2}, bad{65535, 1}, bad{65535, 0}, bad{4097, 0},
			     bad{3996, 101}, bad{61440, 4096}}) {
		start();
		respond(b.status, 0, b.offset);
		expect_the_end("offset " + std::to_string(b.offset) + " status " + std::to_string(b.status));
		start();
		respond(1000, more);
		respond(b.status, 0, b.offset);
		expect_the_end("offset of the second " + std::to_string(b.offset));
	}
}

BOOST_AUTO_TEST_CASE(packets_that_are_too_short)
{
	start();
	for (const int length : {0, 1, 13}) {
		respond(length);
		expect_dropped("length " + std::to_string(length));
	}
	respond(5, more);
	respond(0, more);
	respond(8);
	expect_dropped("13 in three");
}

// Empty pieces take part in nothing; what has no other is no packet.
BOOST_AUTO_TEST_CASE(empty_pieces)
{
	start();
	for (int i = 0; i < 17; ++i)
		respond(0, more);
	respond(0);
	expect_dropped("eighteen empty slots");
	const auto data = pattern(300, 2);
	for (int i = 0; i < 30; ++i)
		respond(0, more);
	const auto b = buffer();
	BOOST_TEST_REQUIRE(back->write(b.gref, 0, data.data(), 300) == 0);
	back->respond({b.id, 0, 0, 300});
	push();
	BOOST_TEST((arrival().bytes == data));
}

BOOST_AUTO_TEST_CASE(packets_that_are_too_long)
{
	start();
	// 16 pages are one byte more than a packet has; 19 pieces one more than it takes.
	for (int i = 0; i < 15; ++i)
		respond(4096, more);
	respond(4096);
	expect_dropped("65536 bytes");
	for (int i = 0; i < 18; ++i)
		respond(100, more);
	respond(100);
	expect_dropped("19 pieces");
	for (int i = 0; i < 254; ++i)
		respond(4096, more);
	respond(4096);
	expect_dropped("the whole ring");
}

BOOST_AUTO_TEST_CASE(a_packet_without_end)
{
	start();
	respond(100, more);
	respond(100, more);
	expect_the_end("no end");
	start();
	for (int i = 0; i < 256; ++i)
		respond(100, more);
	expect_the_end("no end in all the ring");
}

BOOST_AUTO_TEST_CASE(extra_infos_without_end)
{
	start();
	respond(100, extra);
	expect_the_end("no extra info");
	start();
	respond(100, extra);
	respond_extra(gso(1448, 1, netif::extra_more));
	expect_the_end("no second extra info");
	start();
	respond(100, extra);
	for (int i = 0; i < 255; ++i)
		respond_extra(gso(1448, 1, netif::extra_more));
	expect_the_end("a ring of extra infos");
	start();
	respond(100, extra | more);
	respond_extra(gso(1448, 1));
	expect_the_end("an extra info and no second slot");
}

BOOST_AUTO_TEST_CASE(odd_extra_infos)
{
	start();
	for (const int type : {0, 2, 3, 5, 255}) {
		auto e = gso(1448, 1);
		e.type = static_cast<uint8_t>(type);
		respond(100, extra);
		respond_extra(e);
		expect_dropped("type " + std::to_string(type));
	}
	for (const auto &e : {gso(0, 1), gso(0, 2), gso(65535, 1), gso(1448, 0), gso(1448, 3), gso(1448, 255)}) {
		respond(100, extra);
		respond_extra(e);
		expect_dropped("gso " + std::to_string(e.gso.size) + " type " + std::to_string(e.gso.type));
	}
	for (const auto &e : {hash(4, 1), hash(255, 1), hash(0, 0), hash(0, 2), hash(3, 255)}) {
		respond(100, extra);
		respond_extra(e);
		expect_dropped("hash type " + std::to_string(e.hash.type));
	}
	// An odd one after a good one.
	respond(100, extra);
	respond_extra(gso(1448, 1, netif::extra_more));
	respond_extra(gso(0, 1));
	expect_dropped("a second gso");
	// Flags of slots after the first say nothing of extra infos: what follows is a slot.
	const auto data = pattern(20, 3);
	const auto a = buffer();
	const auto b = buffer();
	BOOST_TEST_REQUIRE(back->write(a.gref, 0, data.data(), 15) == 0);
	BOOST_TEST_REQUIRE(back->write(b.gref, 0, data.data() + 15, 5) == 0);
	back->respond({a.id, 0, more, 15});
	back->respond({b.id, 0, extra, 5});
	push();
	BOOST_TEST((arrival().bytes == data));
}

// Nobody asked for it; a backend that sends it all the same says which packets go together.
BOOST_AUTO_TEST_CASE(hashes)
{
	start();
	const auto data = pattern(100, 3);
	const auto deliver = [&](const std::vector<netif::extra_info> &extras) {
		const auto b = buffer();
		BOOST_TEST_REQUIRE(back->write(b.gref, 0, data.data(), 100) == 0);
		back->respond({b.id, 0, extras.empty() ? uint16_t{0} : extra, 100});
		for (const auto &e : extras)
			respond_extra(e);
		push();
		const auto a = arrival();
		BOOST_TEST((a.bytes == data));
		return a.meta;
	};
	for (uint8_t type = 0; type < 4; ++type) {
		const auto meta = deliver({hash(type, 1)});
		BOOST_TEST(meta.hash == 0x12345678u);
		BOOST_TEST(meta.hash_of == static_cast<uint32_t>(KAPI_NET_HASH_IPV4 + type));
	}
	BOOST_TEST(deliver({}).hash_of == KAPI_NET_HASH_NONE);
	BOOST_TEST(deliver({}).hash == 0u);
	for (const bool first : {true, false}) {
		const auto meta = first ? deliver({hash(1, 1, netif::extra_more), gso(1448, 1)})
					: deliver({gso(1448, 1, netif::extra_more), hash(1, 1)});
		BOOST_TEST(meta.gso_size == 1448);
		BOOST_TEST(meta.hash == 0x12345678u);
	}
	BOOST_TEST(eventually([&] { return back->posted() == 256; }));
	still_works();
}

// The slot of the response is the slot of its request.
BOOST_AUTO_TEST_CASE(ids_that_are_not_their_slots)
{
	for (const int wrong : {1, 255, 256, 0x8000, 0xffff}) {
		start();
		const auto b = buffer();
		back->respond({static_cast<uint16_t>(b.id ^ wrong), 0, 0, 100});
		expect_the_end("id " + std::to_string(b.id ^ wrong));
	}
	start();
	const auto a = buffer();
	const auto b = buffer();
	back->respond({b.id, 0, 0, 100});
	back->respond({a.id, 0, 0, 100});
	expect_the_end("two exchanged");
}

BOOST_AUTO_TEST_CASE(response_producer_out_of_range)
{
	for (const uint32_t bad : {257u, 0x7fffffffu, 0x80000000u, UINT32_MAX}) {
		start();
		back->rx().producer() = bad;
		back->rx().notify();
		expect_broken("rsp_prod " + std::to_string(bad));
		works_again();
		stop();
	}
	start();
	still_works();
	back->rx().producer() = 0;
	back->rx().notify();
	expect_broken("rsp_prod went back");
	works_again();
}

// Nobody wrote them, nobody was told of them: the ring's old words make no packet that
// reaches over anything.
BOOST_AUTO_TEST_CASE(responses_that_nobody_wrote)
{
	start();
	back->rx().producer() = 256;
	back->rx().notify();
	BOOST_TEST(eventually([&] { return tools->front_state() == 6 || front->stats(0).rx_errors != 0; }));
	stop();
}

// XSA-396: a packet whose page the backend can still write to reaches nobody.
BOOST_AUTO_TEST_CASE(a_buffer_that_stays_mapped_after_the_answer)
{
	for (const bool first : {true, false}) {
		start();
		const auto a = buffer();
		const auto b = buffer();
		auto held = back->map(first ? a.gref : b.gref, false);
		BOOST_TEST_REQUIRE(held.status == 0);
		back->respond({a.id, 0, more, 4000});
		back->respond({b.id, 0, 0, 4000});
		push();
		expect_broken("held");
		front->remove();
		std::memset(kapi_foreign_addr(held.page), 0x66, KAPI_PAGE_SIZE);
		BOOST_TEST(world.live().accesses >= 1);
		back->unmap(held);
		works_again();
		stop();
	}
}

// A small packet is copied, and its buffer stays the backend's to write to: mapped or not.
BOOST_AUTO_TEST_CASE(a_buffer_that_stays_mapped_after_a_small_packet)
{
	start();
	const auto a = buffer();
	auto held = back->map(a.gref, false);
	BOOST_TEST_REQUIRE(held.status == 0);
	const auto data = pattern(60, 4);
	std::memcpy(kapi_foreign_addr(held.page), data.data(), 60);
	back->respond({a.id, 0, 0, 60});
	push();
	BOOST_TEST((arrival().bytes == data));
	still_works();
	// It leaves while the page is mapped.
	front->remove();
	std::memset(kapi_foreign_addr(held.page), 0x66, KAPI_PAGE_SIZE);
	BOOST_TEST(world.live().accesses >= 1);
	back->unmap(held);
}

BOOST_AUTO_TEST_CASE(without_pages_it_receives_again_when_there_are)
{
	start();
	front->no_page.arm(0);
	for (int i = 0; i < 256; ++i)
		BOOST_TEST_REQUIRE(back->send(pattern(1000, 1)));
	BOOST_TEST(eventually([&] { return front->arrived() == 256; }));
	BOOST_TEST(eventually([&] { return front->stats(0).rx_no_page != 0; }));
	BOOST_TEST(back->posted() == 0u);
	front->take_arrived();
	front->no_page.disarm();
	BOOST_TEST(eventually([&] {
		world.clock().advance(std::chrono::milliseconds(100));
		return back->posted() == 256;
	}));
	still_works();
}

BOOST_AUTO_TEST_CASE(without_references_it_receives_again_when_there_are)
{
	start();
	guest.grants().set_size(0);
	for (int i = 0; i < 256; ++i)
		BOOST_TEST_REQUIRE(back->send(pattern(1000, 1)));
	BOOST_TEST(eventually([&] { return front->arrived() == 256; }));
	// The cache of references that it has may still serve.
	front->take_arrived();
	guest.grants().set_size(8192);
	BOOST_TEST(eventually([&] {
		world.clock().advance(std::chrono::milliseconds(100));
		return back->posted() == 256;
	}));
	still_works();
}

// Connecting without any page: later, it receives.
BOOST_AUTO_TEST_CASE(connecting_without_pages)
{
	make();
	front->no_page.arm(0);
	BOOST_TEST_REQUIRE(back->connect());
	BOOST_TEST(back->posted() == 0u);
	front->no_page.disarm();
	BOOST_TEST(eventually([&] {
		world.clock().advance(std::chrono::milliseconds(100));
		return back->posted() == 256;
	}));
	still_works();
}

// Refills are told when the backend asks for it, and once.
BOOST_AUTO_TEST_CASE(a_backend_that_waits_for_buffers_is_told)
{
	start();
	for (int i = 0; i < 250; ++i)
		BOOST_TEST_REQUIRE(back->send(pattern(1000, 1)));
	BOOST_TEST(eventually([&] { return front->arrived() == 250; }));
	BOOST_TEST(eventually([&] { return back->posted() == 256; }));
	const uint64_t before = back->rx().events();
	const auto b = buffer();
	back->rx().event() = back->rx().taken() + 256; // the next one that is posted
	back->respond({b.id, 0, 0, 100});
	push();
	BOOST_TEST(eventually([&] { return back->rx().events() == before + 1; }));
}

BOOST_AUTO_TEST_SUITE_END()
