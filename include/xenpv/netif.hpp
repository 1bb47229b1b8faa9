// SPDX-License-Identifier: GPL-2.0-only
// Wire formats of io/netif.h.  Tests compare every offset with the public header.
#pragma once
#include <xenpv/peer.hpp>
#include <xenpv/ring.hpp>

#include <cstddef>
#include <cstdint>

namespace xenpv::netif {

// XEN_NETIF_NR_SLOTS_MIN: what a packet may take and every backend serves.
inline constexpr uint32_t max_slots = 18;
inline constexpr uint32_t max_packet = 65535;
inline constexpr uint32_t ethernet_header = 14;
// Slots of a one-page ring, either direction.
inline constexpr uint32_t ring_slots = 256;

// Bits of tx_request.flags.
inline constexpr uint16_t tx_csum_blank = 1u << 0;
inline constexpr uint16_t tx_data_validated = 1u << 1;
inline constexpr uint16_t tx_more_data = 1u << 2;
inline constexpr uint16_t tx_extra_info = 1u << 3;
// Bits of rx_response.flags.
inline constexpr uint16_t rx_data_validated = 1u << 0;
inline constexpr uint16_t rx_csum_blank = 1u << 1;
inline constexpr uint16_t rx_more_data = 1u << 2;
inline constexpr uint16_t rx_extra_info = 1u << 3;

enum class status : int16_t {
	null = 1, // answers an extra info
	okay = 0,
	error = -1,
	dropped = -2,
};

enum class extra : uint8_t {
	gso = 1,
	mcast_add = 2,
	mcast_del = 3,
	hash = 4,
};
inline constexpr uint8_t extra_more = 1u << 0;

enum class gso : uint8_t {
	none = 0,
	tcpv4 = 1,
	tcpv6 = 2,
};

struct tx_request {
	uint32_t gref;
	uint16_t offset; // bytes, within the frame
	uint16_t flags;
	uint16_t id;
	uint16_t size; // bytes; of the whole packet in its first slot
};
static_assert(sizeof(tx_request) == 12);

struct tx_response {
	uint16_t id;
	int16_t status;
	uint32_t pad[2];
};
static_assert(sizeof(tx_response) == sizeof(tx_request));

struct rx_request {
	uint16_t id;
	uint16_t pad;
	uint32_t gref;
};
static_assert(sizeof(rx_request) == 8);

struct rx_response {
	uint16_t id;
	uint16_t offset; // bytes, within the frame
	uint16_t flags;
	int16_t status; // bytes, or a status below 0
};
static_assert(sizeof(rx_response) == sizeof(rx_request));

// Takes the place of a request or response, after the first slot of its packet.
struct extra_info {
	uint8_t type;
	uint8_t flags;
	union {
		struct {
			uint16_t size; // bytes of payload per segment
			uint8_t type;
			uint8_t pad;
			uint16_t features;
		} gso;
		struct {
			uint8_t addr[6];
		} mcast;
		struct {
			uint8_t type;
			uint8_t algorithm;
			uint8_t value[4]; // least significant first
		} hash;
	};
};
static_assert(sizeof(extra_info) == 8);

// Control messages of the frontend's ("Control messages").
enum class control : uint16_t {
	get_hash_flags = 1,
	set_hash_flags = 2,
	set_hash_key = 3,
	get_hash_mapping_size = 4,
	set_hash_mapping_size = 5,
	set_hash_mapping = 6,
	set_hash_algorithm = 7,
};
enum class control_status : uint32_t {
	success = 0,
	not_supported = 1,
	invalid_parameter = 2,
	buffer_overflow = 3,
};
// Of a one-page ring.
inline constexpr uint32_t control_slots = 128;

enum class hash_algorithm : uint8_t {
	none = 0,
	toeplitz = 1,
};
// Numbers in extra infos; the flags' bits have these numbers.
enum class hash_type : uint8_t {
	ipv4 = 0,
	ipv4_tcp = 1,
	ipv6 = 2,
	ipv6_tcp = 3,
};
inline constexpr uint32_t hash_flag(hash_type t)
{
	return 1u << static_cast<uint8_t>(t);
}
inline constexpr uint32_t all_hash_flags = 0xf;

struct control_request {
	uint16_t id;
	uint16_t type;
	uint32_t data[3];
};
static_assert(sizeof(control_request) == 16);

struct control_response {
	uint16_t id;
	uint16_t type;
	uint32_t status;
	uint32_t data;
	uint32_t pad;
};
static_assert(sizeof(control_response) == sizeof(control_request));

// As they came: nothing in them is usable before a check.
struct taken_tx {
	peer<uint32_t> gref;
	peer<uint16_t> offset;
	peer<uint16_t> flags;
	peer<uint16_t> id;
	peer<uint16_t> size;
};
struct taken_extra {
	peer<uint8_t> type;
	peer<uint8_t> flags;
	peer<uint16_t> gso_size;
	peer<uint8_t> gso_type;
	peer<uint8_t> hash_type;
	peer<uint8_t> hash_algorithm;
	peer<uint32_t> hash_value;
	uint8_t address[6]; // every value is one
};
struct taken_control {
	peer<uint16_t> id;
	peer<uint16_t> type;
	peer<uint32_t> data[3];
};
struct taken_rx_request {
	peer<uint16_t> id;
	peer<uint32_t> gref;
};
struct taken_tx_response {
	peer<uint16_t> id;
	peer<int16_t> status;
};
struct taken_rx_response {
	peer<uint16_t> id;
	peer<uint16_t> offset;
	peer<uint16_t> flags;
	peer<int16_t> status;
};

// Each copies its slot once.
[[nodiscard]] inline taken_tx take_tx(back_ring &ring)
{
	tx_request raw;
	ring.take(&raw, sizeof(raw));
	return {peer(raw.gref), peer(raw.offset), peer(raw.flags), peer(raw.id), peer(raw.size)};
}
[[nodiscard]] inline taken_rx_request take_rx_request(back_ring &ring)
{
	rx_request raw;
	ring.take(&raw, sizeof(raw));
	return {peer(raw.id), peer(raw.gref)};
}
[[nodiscard]] inline taken_tx_response take_tx_response(front_ring &ring)
{
	tx_response raw;
	ring.take(&raw, sizeof(raw));
	return {peer(raw.id), peer(raw.status)};
}
[[nodiscard]] inline taken_rx_response take_rx_response(front_ring &ring)
{
	rx_response raw;
	ring.take(&raw, sizeof(raw));
	return {peer(raw.id), peer(raw.offset), peer(raw.flags), peer(raw.status)};
}
template <typename Ring>
[[nodiscard]] inline taken_extra take_extra(Ring &ring)
{
	extra_info raw;
	ring.take(&raw, sizeof(raw));
	uint32_t value; // x86 only: the wire's order is ours
	__builtin_memcpy(&value, raw.hash.value, sizeof(value));
	taken_extra out{peer(raw.type),      peer(raw.flags),          peer(raw.gso.size), peer(raw.gso.type),
			peer(raw.hash.type), peer(raw.hash.algorithm), peer(value),        {}};
	__builtin_memcpy(out.address, raw.mcast.addr, sizeof(out.address));
	return out;
}
[[nodiscard]] inline taken_control take_control(back_ring &ring)
{
	control_request raw;
	ring.take(&raw, sizeof(raw));
	return {peer(raw.id), peer(raw.type), {peer(raw.data[0]), peer(raw.data[1]), peer(raw.data[2])}};
}
// Writes every byte of the slot: padding carries nothing out (XSA-216).
inline void put_tx_response(back_ring &ring, uint16_t id, status s)
{
	const tx_response raw{id, static_cast<int16_t>(s), {}};
	ring.put(&raw, sizeof(raw));
}
inline void put_control_response(back_ring &ring, uint16_t id, uint16_t type, control_status s, uint32_t data)
{
	const control_response raw{id, type, static_cast<uint32_t>(s), data, 0};
	ring.put(&raw, sizeof(raw));
}
inline void put_extra(auto &ring, const extra_info &e, size_t slot_bytes)
{
	std::byte raw[sizeof(tx_request)] = {};
	__builtin_memcpy(raw, &e, sizeof(e));
	ring.put(raw, slot_bytes);
}
inline void put_gso(auto &ring, uint16_t size, gso type, size_t slot_bytes, bool more = false)
{
	extra_info e{};
	e.type = static_cast<uint8_t>(extra::gso);
	e.flags = more ? extra_more : 0;
	e.gso.size = size;
	e.gso.type = static_cast<uint8_t>(type);
	put_extra(ring, e, slot_bytes);
}
inline void put_hash(auto &ring, hash_type type, uint32_t value, size_t slot_bytes)
{
	extra_info e{};
	e.type = static_cast<uint8_t>(extra::hash);
	e.hash.type = static_cast<uint8_t>(type);
	e.hash.algorithm = static_cast<uint8_t>(hash_algorithm::toeplitz);
	__builtin_memcpy(e.hash.value, &value, sizeof(value));
	put_extra(ring, e, slot_bytes);
}

} // namespace xenpv::netif
