// SPDX-License-Identifier: GPL-2.0-only
// Wire formats of io/blkif.h.  Three layouts of one request: what a 64-bit and a
// 32-bit x86 guest's compiler made of the same structure.  Tests compare every
// offset with the public header.
#pragma once
#include <xenpv/peer.hpp>
#include <xenpv/ring.hpp>

#include <cstddef>
#include <cstdint>

namespace xenpv::blkif {

inline constexpr uint32_t max_segments = 11;
inline constexpr uint32_t sector_bytes = 512;
inline constexpr uint32_t sectors_per_page = 8;

enum class op : uint8_t {
	read = 0,
	write = 1,
	write_barrier = 2,
	flush = 3,
	discard = 5,
	indirect = 6,
};

enum class status : int16_t {
	okay = 0,
	error = -1,
	not_supported = -2,
};

// Bits of the backend's `info` key.
inline constexpr uint32_t info_cdrom = 1u << 0;
inline constexpr uint32_t info_removable = 1u << 1;
inline constexpr uint32_t info_readonly = 1u << 2;

struct segment {
	uint32_t gref;
	uint8_t first_sect; // 512-byte units within the frame, inclusive
	uint8_t last_sect;
	uint16_t pad;
};
static_assert(sizeof(segment) == 8);

// Where the fields of a request lie.  Field names and meaning: io/blkif.h.
struct layout {
	uint32_t request_bytes;
	uint32_t response_bytes;
	uint32_t id; // u64
	uint32_t sector_number; // u64
	uint32_t segments; // segment[11]
	uint32_t response_operation; // u8
	uint32_t response_status; // s16
};
// Common to all: operation u8 at 0, nr_segments u8 at 1, handle u16 at 2; the
// response's id u64 at 0.
inline constexpr layout layout_64{112, 16, 8, 16, 24, 8, 10};
inline constexpr layout layout_32{108, 12, 4, 12, 20, 8, 10};

// The layout this project's frontend writes, and "native" on x86-64.
struct request {
	uint8_t operation;
	uint8_t nr_segments;
	uint16_t handle;
	uint32_t pad;
	uint64_t id;
	uint64_t sector_number;
	segment segments[max_segments];
};
static_assert(sizeof(request) == layout_64.request_bytes);
static_assert(offsetof(request, id) == layout_64.id);
static_assert(offsetof(request, sector_number) == layout_64.sector_number);
static_assert(offsetof(request, segments) == layout_64.segments);

struct response {
	uint64_t id;
	uint8_t operation;
	uint8_t pad0;
	int16_t status;
	uint32_t pad1;
};
static_assert(sizeof(response) == layout_64.response_bytes);
static_assert(offsetof(response, operation) == layout_64.response_operation);
static_assert(offsetof(response, status) == layout_64.response_status);

// A request as it came: nothing in it is usable before a check.
struct taken_segment {
	peer<uint32_t> gref;
	peer<uint8_t> first_sect;
	peer<uint8_t> last_sect;
};
struct taken_request {
	peer<uint8_t> operation;
	peer<uint8_t> nr_segments;
	peer<uint64_t> id;
	peer<uint64_t> sector_number;
	taken_segment segments[max_segments];
};
struct taken_response {
	peer<uint8_t> operation;
	peer<int16_t> status;
	peer<uint64_t> id;
};

template <typename T>
[[nodiscard]] inline T load_field(const std::byte *at)
{
	T value;
	__builtin_memcpy(&value, at, sizeof(T));
	return value;
}

// Each copies its slot once.
inline void take_request(back_ring &ring, const layout &l, taken_request &out)
{
	alignas(8) std::byte raw[layout_64.request_bytes];
	ring.take(raw, l.request_bytes);
	out.operation = peer(load_field<uint8_t>(raw));
	out.nr_segments = peer(load_field<uint8_t>(raw + 1));
	out.id = peer(load_field<uint64_t>(raw + l.id));
	out.sector_number = peer(load_field<uint64_t>(raw + l.sector_number));
	for (uint32_t i = 0; i < max_segments; ++i) {
		const auto s = load_field<segment>(raw + l.segments + i * sizeof(segment));
		out.segments[i] = {peer(s.gref), peer(s.first_sect), peer(s.last_sect)};
	}
}
[[nodiscard]] inline taken_response take_response(front_ring &ring)
{
	response raw;
	ring.take(&raw, sizeof(raw));
	return {peer(raw.operation), peer(raw.status), peer(raw.id)};
}
// Writes every byte of the slot: padding carries nothing out (XSA-216).
inline void put_response(back_ring &ring, const layout &l, uint64_t id, uint8_t operation, status s)
{
	alignas(8) std::byte raw[layout_64.response_bytes] = {};
	const auto code = static_cast<int16_t>(s);
	__builtin_memcpy(raw, &id, sizeof(id));
	__builtin_memcpy(raw + l.response_operation, &operation, sizeof(operation));
	__builtin_memcpy(raw + l.response_status, &code, sizeof(code));
	ring.put(raw, l.response_bytes);
}

inline constexpr const char *protocol_64 = "x86_64-abi";
inline constexpr const char *protocol_32 = "x86_32-abi";

} // namespace xenpv::blkif
