// SPDX-License-Identifier: GPL-2.0-only
// Wire layouts against the public header io/blkif.h, offset by offset (blkif.hpp).
#include "ring_pair.hpp"

#include <xenpv/blkif.hpp>
#include <xenpv/xenbus.hpp>

#include <xen/io/blkif.h>
#include <xen/io/xenbus.h>

// The same header as a 32-bit x86 compiler reads it, where 64-bit integers are
// aligned to 4.
#undef __XEN_PUBLIC_IO_BLKIF_H__
#undef XEN_PUBLIC_IO_BLKIF_H
#pragma pack(push, 4)
namespace abi32 {
#include <xen/io/blkif.h>
}
#pragma pack(pop)

namespace blkif = xenpv::blkif;

BOOST_AUTO_TEST_SUITE(wire)

template <typename Request, typename Response, typename Segment>
void check_layout(const blkif::layout &l)
{
	BOOST_TEST(l.request_bytes == sizeof(Request));
	BOOST_TEST(l.response_bytes == sizeof(Response));
	BOOST_TEST(0u == offsetof(Request, operation));
	BOOST_TEST(1u == offsetof(Request, nr_segments));
	BOOST_TEST(2u == offsetof(Request, handle));
	BOOST_TEST(l.id == offsetof(Request, id));
	BOOST_TEST(l.sector_number == offsetof(Request, sector_number));
	BOOST_TEST(l.segments == offsetof(Request, seg));
	BOOST_TEST(0u == offsetof(Response, id));
	BOOST_TEST(l.response_operation == offsetof(Response, operation));
	BOOST_TEST(l.response_status == offsetof(Response, status));
	BOOST_TEST(sizeof(blkif::segment) == sizeof(Segment));
	BOOST_TEST(offsetof(blkif::segment, gref) == offsetof(Segment, gref));
	BOOST_TEST(offsetof(blkif::segment, first_sect) == offsetof(Segment, first_sect));
	BOOST_TEST(offsetof(blkif::segment, last_sect) == offsetof(Segment, last_sect));
}

BOOST_AUTO_TEST_CASE(layouts)
{
	static_assert(sizeof(::blkif_request) == 112 && sizeof(abi32::blkif_request) == 108, "the trick works");
	check_layout<::blkif_request, ::blkif_response, ::blkif_request_segment>(blkif::layout_64);
	check_layout<abi32::blkif_request, abi32::blkif_response, abi32::blkif_request_segment>(blkif::layout_32);
}

BOOST_AUTO_TEST_CASE(our_structures_are_the_64_bit_layout)
{
	BOOST_TEST(offsetof(blkif::request, operation) == offsetof(::blkif_request, operation));
	BOOST_TEST(offsetof(blkif::request, nr_segments) == offsetof(::blkif_request, nr_segments));
	BOOST_TEST(offsetof(blkif::request, handle) == offsetof(::blkif_request, handle));
	BOOST_TEST(offsetof(blkif::response, id) == offsetof(::blkif_response, id));
	BOOST_TEST(offsetof(blkif::response, operation) == offsetof(::blkif_response, operation));
	BOOST_TEST(offsetof(blkif::response, status) == offsetof(::blkif_response, status));
}

BOOST_AUTO_TEST_CASE(numbers_mean_the_same)
{
	BOOST_TEST(static_cast<int>(blkif::op::read) == BLKIF_OP_READ);
	BOOST_TEST(static_cast<int>(blkif::op::write) == BLKIF_OP_WRITE);
	BOOST_TEST(static_cast<int>(blkif::op::write_barrier) == BLKIF_OP_WRITE_BARRIER);
	BOOST_TEST(static_cast<int>(blkif::op::flush) == BLKIF_OP_FLUSH_DISKCACHE);
	BOOST_TEST(static_cast<int>(blkif::op::discard) == BLKIF_OP_DISCARD);
	BOOST_TEST(static_cast<int>(blkif::op::indirect) == BLKIF_OP_INDIRECT);
	BOOST_TEST(static_cast<int>(blkif::status::okay) == BLKIF_RSP_OKAY);
	BOOST_TEST(static_cast<int>(blkif::status::error) == BLKIF_RSP_ERROR);
	BOOST_TEST(static_cast<int>(blkif::status::not_supported) == BLKIF_RSP_EOPNOTSUPP);
	BOOST_TEST(blkif::max_segments == static_cast<uint32_t>(BLKIF_MAX_SEGMENTS_PER_REQUEST));
	BOOST_TEST(blkif::info_cdrom == VDISK_CDROM);
	BOOST_TEST(blkif::info_removable == VDISK_REMOVABLE);
	BOOST_TEST(blkif::info_readonly == VDISK_READONLY);
	using xenpv::xenbus_state;
	BOOST_TEST(static_cast<int>(xenbus_state::initialising) == XenbusStateInitialising);
	BOOST_TEST(static_cast<int>(xenbus_state::init_wait) == XenbusStateInitWait);
	BOOST_TEST(static_cast<int>(xenbus_state::initialised) == XenbusStateInitialised);
	BOOST_TEST(static_cast<int>(xenbus_state::connected) == XenbusStateConnected);
	BOOST_TEST(static_cast<int>(xenbus_state::closing) == XenbusStateClosing);
	BOOST_TEST(static_cast<int>(xenbus_state::closed) == XenbusStateClosed);
	BOOST_TEST(static_cast<int>(xenbus_state::reconfiguring) == XenbusStateReconfiguring);
	BOOST_TEST(static_cast<int>(xenbus_state::reconfigured) == XenbusStateReconfigured);
}

BOOST_AUTO_TEST_CASE(rings_are_as_large_as_the_public_macros_say)
{
	alignas(4096) std::byte page[4096] = {};
	BOOST_TEST(xenpv::ring_page(page, blkif::layout_64.request_bytes).size() ==
		   __CONST_RING_SIZE(blkif, xenpv::ring_page::page_bytes));
	BOOST_TEST(xenpv::ring_page::header_bytes == offsetof(::blkif_sring, ring));
	BOOST_TEST(offsetof(::blkif_sring, req_prod) == 0u);
	BOOST_TEST(offsetof(::blkif_sring, req_event) == 4u);
	BOOST_TEST(offsetof(::blkif_sring, rsp_prod) == 8u);
	BOOST_TEST(offsetof(::blkif_sring, rsp_event) == 12u);
	BOOST_TEST(offsetof(abi32::blkif_sring, ring) == xenpv::ring_page::header_bytes);
	BOOST_TEST(sizeof(abi32::blkif_sring_entry) == blkif::layout_32.request_bytes);
}

template <typename Request>
void check_taking(const blkif::layout &l)
{
	alignas(4096) std::array<std::byte, 4096> bytes{};
	const xenpv::ring_page page(bytes.data(), l.request_bytes);
	Request request{};
	request.operation = BLKIF_OP_WRITE;
	request.nr_segments = 11;
	request.handle = 0xABCD;
	request.id = 0x1122334455667788;
	request.sector_number = 0x8877665544332211;
	for (uint32_t i = 0; i < 11; ++i) {
		request.seg[i].gref = 0x10000 + i;
		request.seg[i].first_sect = static_cast<uint8_t>(i);
		request.seg[i].last_sect = static_cast<uint8_t>(0xF0 + i);
	}
	// In the second slot: a wrong stride shows.
	std::memcpy(bytes.data() + 64 + sizeof(Request), &request, sizeof(request));
	page.req_prod() = 2;
	auto ring = xenpv::back_ring::attach(page).value();
	blkif::taken_request taken;
	blkif::take_request(ring, l, taken);
	blkif::take_request(ring, l, taken);
	BOOST_TEST(taken.operation.is(BLKIF_OP_WRITE));
	BOOST_TEST(taken.nr_segments.is(11));
	BOOST_TEST(taken.id.is(0x1122334455667788));
	BOOST_TEST(taken.sector_number.is(0x8877665544332211));
	for (uint32_t i = 0; i < 11; ++i) {
		BOOST_TEST(taken.segments[i].gref.is(0x10000 + i));
		BOOST_TEST(taken.segments[i].first_sect.is(static_cast<uint8_t>(i)));
		BOOST_TEST(taken.segments[i].last_sect.is(static_cast<uint8_t>(0xF0 + i)));
	}
}

BOOST_AUTO_TEST_CASE(requests_of_every_layout_are_taken)
{
	check_taking<::blkif_request>(blkif::layout_64);
	check_taking<abi32::blkif_request>(blkif::layout_32);
}

// XSA-216: every byte of the response is written, and padding is zero.
template <typename Response>
void check_answering(const blkif::layout &l)
{
	alignas(4096) std::array<std::byte, 4096> bytes;
	bytes.fill(std::byte{0xEE});
	std::memset(bytes.data(), 0, 64);
	const xenpv::ring_page page(bytes.data(), l.request_bytes);
	page.req_prod() = 2;
	auto ring = xenpv::back_ring::attach(page).value();
	for (int i = 0; i < 2; ++i) {
		std::byte request[112];
		ring.take(request, l.request_bytes);
	}
	blkif::put_response(ring, l, 1, 0, blkif::status::okay);
	blkif::put_response(ring, l, 0x1122334455667788, BLKIF_OP_FLUSH_DISKCACHE, blkif::status::not_supported);
	static_cast<void>(ring.push());

	const std::byte *slot = bytes.data() + 64 + l.request_bytes;
	Response expected;
	std::memset(&expected, 0, sizeof(expected));
	expected.id = 0x1122334455667788;
	expected.operation = BLKIF_OP_FLUSH_DISKCACHE;
	expected.status = BLKIF_RSP_EOPNOTSUPP;
	BOOST_TEST(std::memcmp(slot, &expected, sizeof(expected)) == 0);
	BOOST_TEST((slot[sizeof(Response)] == std::byte{0xEE}), "nothing is written after the response");
}

BOOST_AUTO_TEST_CASE(responses_are_fully_written)
{
	check_answering<::blkif_response>(blkif::layout_64);
	check_answering<abi32::blkif_response>(blkif::layout_32);
}

BOOST_AUTO_TEST_CASE(a_response_is_taken_as_it_came)
{
	xenpv::test::ring_pair r;
	r.ask(0);
	static_cast<void>(r.front.push());
	const ::blkif_response response{0x1122334455667788, BLKIF_OP_READ, BLKIF_RSP_ERROR};
	std::memcpy(r.bytes.data() + 64, &response, sizeof(response));
	const auto taken = blkif::take_response(r.front);
	BOOST_TEST(taken.id.is(0x1122334455667788));
	BOOST_TEST(taken.operation.is(BLKIF_OP_READ));
	BOOST_TEST(taken.status.is(BLKIF_RSP_ERROR));
	BOOST_TEST(r.front.outstanding() == 0u);
}

BOOST_AUTO_TEST_CASE(protocol_names)
{
	BOOST_TEST(blkif::protocol_64 == std::string("x86_64-abi"));
	BOOST_TEST(blkif::protocol_32 == std::string("x86_32-abi"));
}

BOOST_AUTO_TEST_SUITE_END()
