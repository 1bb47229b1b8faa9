// SPDX-License-Identifier: GPL-2.0-only
// Wire layouts against the public header io/netif.h, offset by offset (netif.hpp).
#include "fixture.hpp"

#include <kapi/net.h>

#include <xenpv/netif.hpp>

#include <xen/io/netif.h>

#include <array>
#include <cstring>

namespace netif = xenpv::netif;

namespace {

struct pages {
	alignas(4096) std::array<std::byte, 4096> bytes{};

	// The n-th slot.
	template <typename Slot>
	std::byte *slot(size_t n)
	{
		return bytes.data() + 64 + n * sizeof(Slot);
	}
};

} // namespace

BOOST_AUTO_TEST_SUITE(net_wire)

BOOST_AUTO_TEST_CASE(structures)
{
	BOOST_TEST(sizeof(netif::tx_request) == sizeof(::netif_tx_request));
	BOOST_TEST(offsetof(netif::tx_request, gref) == offsetof(::netif_tx_request, gref));
	BOOST_TEST(offsetof(netif::tx_request, offset) == offsetof(::netif_tx_request, offset));
	BOOST_TEST(offsetof(netif::tx_request, flags) == offsetof(::netif_tx_request, flags));
	BOOST_TEST(offsetof(netif::tx_request, id) == offsetof(::netif_tx_request, id));
	BOOST_TEST(offsetof(netif::tx_request, size) == offsetof(::netif_tx_request, size));
	// Ours is the whole slot.
	BOOST_TEST(sizeof(netif::tx_response) == sizeof(::netif_tx_sring_entry));
	BOOST_TEST(offsetof(netif::tx_response, id) == offsetof(::netif_tx_response, id));
	BOOST_TEST(offsetof(netif::tx_response, status) == offsetof(::netif_tx_response, status));
	BOOST_TEST(sizeof(netif::rx_request) == sizeof(::netif_rx_request));
	BOOST_TEST(offsetof(netif::rx_request, id) == offsetof(::netif_rx_request, id));
	BOOST_TEST(offsetof(netif::rx_request, gref) == offsetof(::netif_rx_request, gref));
	BOOST_TEST(sizeof(netif::rx_response) == sizeof(::netif_rx_response));
	BOOST_TEST(offsetof(netif::rx_response, id) == offsetof(::netif_rx_response, id));
	BOOST_TEST(offsetof(netif::rx_response, offset) == offsetof(::netif_rx_response, offset));
	BOOST_TEST(offsetof(netif::rx_response, flags) == offsetof(::netif_rx_response, flags));
	BOOST_TEST(offsetof(netif::rx_response, status) == offsetof(::netif_rx_response, status));
}

BOOST_AUTO_TEST_CASE(extra_infos)
{
	BOOST_TEST(sizeof(netif::extra_info) == sizeof(::netif_extra_info));
	BOOST_TEST(offsetof(netif::extra_info, type) == offsetof(::netif_extra_info, type));
	BOOST_TEST(offsetof(netif::extra_info, flags) == offsetof(::netif_extra_info, flags));
	BOOST_TEST(offsetof(netif::extra_info, gso.size) == offsetof(::netif_extra_info, u.gso.size));
	BOOST_TEST(offsetof(netif::extra_info, gso.type) == offsetof(::netif_extra_info, u.gso.type));
	BOOST_TEST(offsetof(netif::extra_info, gso.features) == offsetof(::netif_extra_info, u.gso.features));
	BOOST_TEST(offsetof(netif::extra_info, mcast.addr) == offsetof(::netif_extra_info, u.mcast.addr));
	BOOST_TEST(offsetof(netif::extra_info, hash.type) == offsetof(::netif_extra_info, u.hash.type));
	BOOST_TEST(offsetof(netif::extra_info, hash.algorithm) == offsetof(::netif_extra_info, u.hash.algorithm));
	BOOST_TEST(offsetof(netif::extra_info, hash.value) == offsetof(::netif_extra_info, u.hash.value));
}

BOOST_AUTO_TEST_CASE(control_messages)
{
	BOOST_TEST(sizeof(netif::control_request) == sizeof(::xen_netif_ctrl_request));
	BOOST_TEST(offsetof(netif::control_request, id) == offsetof(::xen_netif_ctrl_request, id));
	BOOST_TEST(offsetof(netif::control_request, type) == offsetof(::xen_netif_ctrl_request, type));
	BOOST_TEST(offsetof(netif::control_request, data) == offsetof(::xen_netif_ctrl_request, data));
	// Ours is the whole slot.
	BOOST_TEST(sizeof(netif::control_response) == sizeof(::xen_netif_ctrl_sring_entry));
	BOOST_TEST(offsetof(netif::control_response, id) == offsetof(::xen_netif_ctrl_response, id));
	BOOST_TEST(offsetof(netif::control_response, type) == offsetof(::xen_netif_ctrl_response, type));
	BOOST_TEST(offsetof(netif::control_response, status) == offsetof(::xen_netif_ctrl_response, status));
	BOOST_TEST(offsetof(netif::control_response, data) == offsetof(::xen_netif_ctrl_response, data));
	BOOST_TEST(netif::control_slots == __CONST_RING_SIZE(xen_netif_ctrl, xenpv::ring_page::page_bytes));
	using netif::control;
	BOOST_TEST(static_cast<int>(control::get_hash_flags) == XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS);
	BOOST_TEST(static_cast<int>(control::set_hash_flags) == XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS);
	BOOST_TEST(static_cast<int>(control::set_hash_key) == XEN_NETIF_CTRL_TYPE_SET_HASH_KEY);
	BOOST_TEST(static_cast<int>(control::get_hash_mapping_size) == XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE);
	BOOST_TEST(static_cast<int>(control::set_hash_mapping_size) == XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE);
	BOOST_TEST(static_cast<int>(control::set_hash_mapping) == XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING);
	BOOST_TEST(static_cast<int>(control::set_hash_algorithm) == XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM);
	using status = netif::control_status;
	BOOST_TEST(static_cast<int>(status::success) == XEN_NETIF_CTRL_STATUS_SUCCESS);
	BOOST_TEST(static_cast<int>(status::not_supported) == XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED);
	BOOST_TEST(static_cast<int>(status::invalid_parameter) == XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER);
	BOOST_TEST(static_cast<int>(status::buffer_overflow) == XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW);
	using netif::hash_algorithm;
	BOOST_TEST(static_cast<int>(hash_algorithm::none) == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE);
	BOOST_TEST(static_cast<int>(hash_algorithm::toeplitz) == XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ);
	using netif::hash_type;
	BOOST_TEST(static_cast<int>(hash_type::ipv4) == _XEN_NETIF_CTRL_HASH_TYPE_IPV4);
	BOOST_TEST(static_cast<int>(hash_type::ipv4_tcp) == _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP);
	BOOST_TEST(static_cast<int>(hash_type::ipv6) == _XEN_NETIF_CTRL_HASH_TYPE_IPV6);
	BOOST_TEST(static_cast<int>(hash_type::ipv6_tcp) == _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP);
	BOOST_TEST(netif::all_hash_flags == (XEN_NETIF_CTRL_HASH_TYPE_IPV4 | XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP |
					     XEN_NETIF_CTRL_HASH_TYPE_IPV6 | XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP));
	BOOST_TEST(netif::hash_flag(hash_type::ipv6_tcp) == XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP);
}

BOOST_AUTO_TEST_CASE(numbers_mean_the_same)
{
	BOOST_TEST(netif::max_slots == XEN_NETIF_NR_SLOTS_MIN);
	BOOST_TEST(netif::max_packet == XEN_NETIF_MAX_TX_SIZE);
	BOOST_TEST(netif::tx_csum_blank == NETTXF_csum_blank);
	BOOST_TEST(netif::tx_data_validated == NETTXF_data_validated);
	BOOST_TEST(netif::tx_more_data == NETTXF_more_data);
	BOOST_TEST(netif::tx_extra_info == NETTXF_extra_info);
	BOOST_TEST(netif::rx_data_validated == NETRXF_data_validated);
	BOOST_TEST(netif::rx_csum_blank == NETRXF_csum_blank);
	BOOST_TEST(netif::rx_more_data == NETRXF_more_data);
	BOOST_TEST(netif::rx_extra_info == NETRXF_extra_info);
	BOOST_TEST(static_cast<int>(netif::status::null) == NETIF_RSP_NULL);
	BOOST_TEST(static_cast<int>(netif::status::okay) == NETIF_RSP_OKAY);
	BOOST_TEST(static_cast<int>(netif::status::error) == NETIF_RSP_ERROR);
	BOOST_TEST(static_cast<int>(netif::status::dropped) == NETIF_RSP_DROPPED);
	BOOST_TEST(static_cast<int>(netif::extra::gso) == XEN_NETIF_EXTRA_TYPE_GSO);
	BOOST_TEST(static_cast<int>(netif::extra::mcast_add) == XEN_NETIF_EXTRA_TYPE_MCAST_ADD);
	BOOST_TEST(static_cast<int>(netif::extra::mcast_del) == XEN_NETIF_EXTRA_TYPE_MCAST_DEL);
	BOOST_TEST(static_cast<int>(netif::extra::hash) == XEN_NETIF_EXTRA_TYPE_HASH);
	BOOST_TEST(netif::extra_more == XEN_NETIF_EXTRA_FLAG_MORE);
	BOOST_TEST(static_cast<int>(netif::gso::none) == XEN_NETIF_GSO_TYPE_NONE);
	BOOST_TEST(static_cast<int>(netif::gso::tcpv4) == XEN_NETIF_GSO_TYPE_TCPV4);
	BOOST_TEST(static_cast<int>(netif::gso::tcpv6) == XEN_NETIF_GSO_TYPE_TCPV6);
}

BOOST_AUTO_TEST_CASE(the_border_means_the_same)
{
	BOOST_TEST(KAPI_NET_MAX_SLOTS == netif::max_slots);
	BOOST_TEST(KAPI_NET_MAX_PACKET == netif::max_packet);
	BOOST_TEST(static_cast<int>(KAPI_NET_GSO_TCPV4) == static_cast<int>(netif::gso::tcpv4));
	BOOST_TEST(static_cast<int>(KAPI_NET_GSO_TCPV6) == static_cast<int>(netif::gso::tcpv6));
	// None is another number at the border.
	BOOST_TEST(static_cast<int>(KAPI_NET_HASH_IPV4) == static_cast<int>(netif::hash_type::ipv4) + 1);
	BOOST_TEST(static_cast<int>(KAPI_NET_HASH_IPV4_TCP) == static_cast<int>(netif::hash_type::ipv4_tcp) + 1);
	BOOST_TEST(static_cast<int>(KAPI_NET_HASH_IPV6) == static_cast<int>(netif::hash_type::ipv6) + 1);
	BOOST_TEST(static_cast<int>(KAPI_NET_HASH_IPV6_TCP) == static_cast<int>(netif::hash_type::ipv6_tcp) + 1);
}

BOOST_AUTO_TEST_CASE(rings_are_as_large_as_the_public_macros_say)
{
	pages p;
	BOOST_TEST(netif::ring_slots == __CONST_RING_SIZE(netif_tx, xenpv::ring_page::page_bytes));
	BOOST_TEST(netif::ring_slots == __CONST_RING_SIZE(netif_rx, xenpv::ring_page::page_bytes));
	BOOST_TEST(xenpv::ring_page(p.bytes.data(), sizeof(netif::tx_request)).size() == netif::ring_slots);
	BOOST_TEST(xenpv::ring_page(p.bytes.data(), sizeof(netif::rx_request)).size() == netif::ring_slots);
	BOOST_TEST(sizeof(netif::tx_request) == sizeof(::netif_tx_sring_entry));
	BOOST_TEST(sizeof(netif::rx_request) == sizeof(::netif_rx_sring_entry));
	BOOST_TEST(xenpv::ring_page::header_bytes == offsetof(::netif_tx_sring, ring));
	BOOST_TEST(xenpv::ring_page::header_bytes == offsetof(::netif_rx_sring, ring));
}

// In the second slot: a wrong stride shows.
BOOST_AUTO_TEST_CASE(what_a_frontend_puts_is_taken)
{
	pages p;
	const ::netif_tx_request tx{0x11223344, 0x5566, 0x7788, 0x99AA, 0xBBCC};
	::netif_extra_info gso{};
	gso.type = XEN_NETIF_EXTRA_TYPE_GSO;
	gso.flags = XEN_NETIF_EXTRA_FLAG_MORE;
	gso.u.gso.size = 0x1234;
	gso.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV6;
	::netif_extra_info mcast{};
	mcast.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
	for (uint8_t i = 0; i < 6; ++i)
		mcast.u.mcast.addr[i] = static_cast<uint8_t>(0xA0 + i);
	std::memcpy(p.slot<::netif_tx_sring_entry>(1), &tx, sizeof(tx));
	std::memcpy(p.slot<::netif_tx_sring_entry>(2), &gso, sizeof(gso));
	std::memcpy(p.slot<::netif_tx_sring_entry>(3), &mcast, sizeof(mcast));
	::netif_extra_info hash{};
	hash.type = XEN_NETIF_EXTRA_TYPE_HASH;
	hash.u.hash.type = _XEN_NETIF_CTRL_HASH_TYPE_IPV6;
	hash.u.hash.algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;
	for (uint8_t i = 0; i < 4; ++i)
		hash.u.hash.value[i] = static_cast<uint8_t>(0xB0 + i);
	std::memcpy(p.slot<::netif_tx_sring_entry>(4), &hash, sizeof(hash));
	const xenpv::ring_page page(p.bytes.data(), sizeof(netif::tx_request));
	page.req_prod() = 5;
	auto ring = xenpv::back_ring::attach(page).value();
	static_cast<void>(netif::take_tx(ring));
	const auto t = netif::take_tx(ring);
	BOOST_TEST(t.gref.is(0x11223344));
	BOOST_TEST(t.offset.is(0x5566));
	BOOST_TEST(t.flags.is(0x7788));
	BOOST_TEST(t.id.is(0x99AA));
	BOOST_TEST(t.size.is(0xBBCC));
	const auto g = netif::take_extra(ring);
	BOOST_TEST(g.type.is(XEN_NETIF_EXTRA_TYPE_GSO));
	BOOST_TEST(g.flags.is(XEN_NETIF_EXTRA_FLAG_MORE));
	BOOST_TEST(g.gso_size.is(0x1234));
	BOOST_TEST(g.gso_type.is(XEN_NETIF_GSO_TYPE_TCPV6));
	const auto m = netif::take_extra(ring);
	BOOST_TEST(m.type.is(XEN_NETIF_EXTRA_TYPE_MCAST_ADD));
	BOOST_TEST(std::memcmp(m.address, mcast.u.mcast.addr, 6) == 0);
	const auto h = netif::take_extra(ring);
	BOOST_TEST(h.type.is(XEN_NETIF_EXTRA_TYPE_HASH));
	BOOST_TEST(h.hash_type.is(_XEN_NETIF_CTRL_HASH_TYPE_IPV6));
	BOOST_TEST(h.hash_algorithm.is(XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ));
	BOOST_TEST(h.hash_value.is(0xB3B2B1B0), "least significant byte first");
}

BOOST_AUTO_TEST_CASE(what_a_frontend_posts_is_taken)
{
	pages p;
	const ::netif_rx_request rx{0x1122, 0, 0x33445566};
	std::memcpy(p.slot<::netif_rx_sring_entry>(1), &rx, sizeof(rx));
	const xenpv::ring_page page(p.bytes.data(), sizeof(netif::rx_request));
	page.req_prod() = 2;
	auto ring = xenpv::back_ring::attach(page).value();
	static_cast<void>(netif::take_rx_request(ring));
	const auto t = netif::take_rx_request(ring);
	BOOST_TEST(t.id.is(0x1122));
	BOOST_TEST(t.gref.is(0x33445566));
}

BOOST_AUTO_TEST_CASE(what_a_backend_answers_is_taken)
{
	pages p;
	const ::netif_tx_response tx{0x1122, NETIF_RSP_DROPPED};
	std::memcpy(p.slot<::netif_tx_sring_entry>(1), &tx, sizeof(tx));
	xenpv::front_ring ring(xenpv::ring_page(p.bytes.data(), sizeof(netif::tx_request)));
	static_cast<void>(netif::take_tx_response(ring));
	const auto t = netif::take_tx_response(ring);
	BOOST_TEST(t.id.is(0x1122));
	BOOST_TEST(t.status.is(NETIF_RSP_DROPPED));

	pages q;
	const ::netif_rx_response rx{0x1122, 0x3344, 0x5566, -2};
	std::memcpy(q.slot<::netif_rx_sring_entry>(1), &rx, sizeof(rx));
	xenpv::front_ring received(xenpv::ring_page(q.bytes.data(), sizeof(netif::rx_request)));
	static_cast<void>(netif::take_rx_response(received));
	const auto r = netif::take_rx_response(received);
	BOOST_TEST(r.id.is(0x1122));
	BOOST_TEST(r.offset.is(0x3344));
	BOOST_TEST(r.flags.is(0x5566));
	BOOST_TEST(r.status.is(-2));
}

// XSA-216: every byte of the slot is written, and padding is zero.
BOOST_AUTO_TEST_CASE(responses_are_fully_written)
{
	pages p;
	p.bytes.fill(std::byte{0xEE});
	std::memset(p.bytes.data(), 0, 64);
	const xenpv::ring_page page(p.bytes.data(), sizeof(netif::tx_request));
	page.req_prod() = 2;
	auto ring = xenpv::back_ring::attach(page).value();
	static_cast<void>(netif::take_tx(ring));
	static_cast<void>(netif::take_tx(ring));
	netif::put_tx_response(ring, 1, netif::status::okay);
	netif::put_tx_response(ring, 0x1122, netif::status::error);
	std::array<std::byte, sizeof(::netif_tx_sring_entry)> expected{};
	const ::netif_tx_response response{0x1122, NETIF_RSP_ERROR};
	std::memcpy(expected.data(), &response, sizeof(response));
	BOOST_TEST(std::memcmp(p.slot<::netif_tx_sring_entry>(1), expected.data(), expected.size()) == 0);
	BOOST_TEST((*p.slot<::netif_tx_sring_entry>(2) == std::byte{0xEE}), "nothing is written after the response");
}

template <typename Slot>
static void check_gso(uint32_t bytes)
{
	pages p;
	p.bytes.fill(std::byte{0xEE});
	std::memset(p.bytes.data(), 0, 64);
	xenpv::front_ring ring(xenpv::ring_page(p.bytes.data(), bytes));
	netif::put_gso(ring, 0x1234, netif::gso::tcpv4, bytes);
	std::array<std::byte, sizeof(Slot)> expected{};
	::netif_extra_info gso{};
	gso.type = XEN_NETIF_EXTRA_TYPE_GSO;
	gso.u.gso.size = 0x1234;
	gso.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
	std::memcpy(expected.data(), &gso, sizeof(gso));
	BOOST_TEST(std::memcmp(p.slot<Slot>(0), expected.data(), expected.size()) == 0);
	BOOST_TEST((*p.slot<Slot>(1) == std::byte{0xEE}), "nothing is written after the extra info");
}

BOOST_AUTO_TEST_CASE(segmentation_infos_are_fully_written)
{
	check_gso<::netif_tx_sring_entry>(sizeof(netif::tx_request));
	check_gso<::netif_rx_sring_entry>(sizeof(netif::rx_request));
}

BOOST_AUTO_TEST_CASE(hash_infos_are_fully_written)
{
	pages p;
	p.bytes.fill(std::byte{0xEE});
	std::memset(p.bytes.data(), 0, 64);
	xenpv::front_ring ring(xenpv::ring_page(p.bytes.data(), sizeof(netif::rx_request)));
	netif::put_hash(ring, netif::hash_type::ipv6_tcp, 0x11223344, sizeof(netif::rx_request));
	::netif_extra_info hash{};
	hash.type = XEN_NETIF_EXTRA_TYPE_HASH;
	hash.u.hash.type = _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP;
	hash.u.hash.algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;
	hash.u.hash.value[0] = 0x44, hash.u.hash.value[1] = 0x33;
	hash.u.hash.value[2] = 0x22, hash.u.hash.value[3] = 0x11;
	BOOST_TEST(std::memcmp(p.slot<::netif_rx_sring_entry>(0), &hash, sizeof(hash)) == 0);
	BOOST_TEST((*p.slot<::netif_rx_sring_entry>(1) == std::byte{0xEE}), "nothing is written after the extra info");
}

BOOST_AUTO_TEST_CASE(control_messages_go_both_ways)
{
	pages p;
	p.bytes.fill(std::byte{0xEE});
	std::memset(p.bytes.data(), 0, 64);
	const ::xen_netif_ctrl_request request{0x1122, 0x3344, {1, 2, 3}};
	std::memcpy(p.slot<::xen_netif_ctrl_sring_entry>(1), &request, sizeof(request));
	const xenpv::ring_page page(p.bytes.data(), sizeof(netif::control_request));
	page.req_prod() = 2;
	auto ring = xenpv::back_ring::attach(page).value();
	static_cast<void>(netif::take_control(ring));
	const auto t = netif::take_control(ring);
	BOOST_TEST(t.id.is(0x1122));
	BOOST_TEST(t.type.is(0x3344));
	for (uint32_t i = 0; i < 3; ++i)
		BOOST_TEST(t.data[i].is(i + 1));
	netif::put_control_response(ring, 1, 1, netif::control_status::success, 0);
	netif::put_control_response(ring, 0x1122, 0x3344, netif::control_status::buffer_overflow, 0x55667788);
	std::array<std::byte, sizeof(::xen_netif_ctrl_sring_entry)> expected{};
	const ::xen_netif_ctrl_response response{0x1122, 0x3344, XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW, 0x55667788};
	std::memcpy(expected.data(), &response, sizeof(response));
	BOOST_TEST(std::memcmp(p.slot<::xen_netif_ctrl_sring_entry>(1), expected.data(), expected.size()) == 0);
	BOOST_TEST((*p.slot<::xen_netif_ctrl_sring_entry>(2) == std::byte{0xEE}), "nothing is written after it");
}

BOOST_AUTO_TEST_SUITE_END()
