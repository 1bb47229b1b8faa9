// SPDX-License-Identifier: GPL-2.0-only
// A disk's frontend, as io/blkif.h describes it.
#pragma once
#include "peer.hpp"
#include "words.hpp"

extern "C" {
#include <xen/io/blkif.h>
#include <xen/io/protocols.h>
}

namespace handfront {

inline constexpr uint32_t sector_bytes = 512;
// Both layouts have as many slots as a power of two allows in what the header leaves of a page.
inline constexpr uint32_t disk_slots = 32;

// What a 32-bit x86 compiler makes of blkif_request and blkif_response: 64-bit fields are aligned to 4 there.
struct [[gnu::packed, gnu::aligned(4)]] request_32
{
	uint8_t operation;
	uint8_t nr_segments;
	blkif_vdev_t handle;
	uint64_t id;
	blkif_sector_t sector_number;
	blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};
static_assert(sizeof(request_32) == 108);
struct [[gnu::packed, gnu::aligned(4)]] response_32
{
	uint64_t id;
	uint8_t operation;
	uint8_t pad;
	int16_t status;
};
static_assert(sizeof(response_32) == 12);

inline constexpr const char *disk_usage = R"(commands for a disk:
  abi NAME                what the protocol key says and which layout requests have; none: no key, 32-bit layout
  write SECTOR COUNT SEED write a pattern;  read SECTOR COUNT SEED: read and compare
  request [FIELD=VALUE].. one request, else good, with op= nr= sector= first= last= gref=NUMBER|readonly changed,
                          and the status= that it has to come to, 0 if not said
  produce N               push N requests that are not there
  flood                   say "flooding" and keep the ring full until killed
)";

class disk {
public:
	explicit disk(peer &p) : peer_(p) {}

	void start();
	// Grants a ring, binds a channel, writes the keys and goes to Initialised.
	void publish();
	void connect();
	// False: not a command of a disk's.
	bool obey(const std::string &command, words &w);

private:
	void speak(const std::string &protocol);
	[[nodiscard]] blkif_request make(uint8_t operation, uint64_t sector, uint32_t sectors) const;
	void put(const blkif_request &r);
	void push(uint32_t beyond = 0);
	response_32 take();
	// The status; a response to anything else ends the program.
	int ask(const blkif_request &r);
	void transfer(uint8_t operation, words &w);
	void request(words &w);
	[[noreturn]] void flood();

	peer &peer_;
	bool narrow_ = false;
	std::string protocol_ = XEN_IO_PROTO_ABI_X86_64;
	ring ring_;
	evtchn_port_t port_ = 0;
	uint8_t *data_ = nullptr;
	grant_ref_t refs_[BLKIF_MAX_SEGMENTS_PER_REQUEST] = {};
};

} // namespace handfront
