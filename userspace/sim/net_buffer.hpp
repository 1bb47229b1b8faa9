// SPDX-License-Identifier: GPL-2.0-only
// A packet's bytes on pages of a domain, and what arrived of one.
#pragma once
#include <kapi/mem.h>
#include <kapi/net.h>
#include <userspace/sim/world.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xenpv::sim {

class net_buffer {
public:
	struct piece {
		kapi_page page;
		uint32_t offset; // bytes
		uint32_t length; // bytes
	};

	explicit net_buffer(domain &home) : home_(home) {}
	net_buffer(const net_buffer &) = delete;
	net_buffer &operator=(const net_buffer &) = delete;
	~net_buffer();

	// On a page of its own, full of `filler`.
	void add(uint32_t offset, uint32_t length, int filler = 0);
	void fill(const std::vector<std::byte> &bytes);
	[[nodiscard]] std::vector<std::byte> bytes() const;
	[[nodiscard]] const std::vector<piece> &pieces() const { return pieces_; }
	[[nodiscard]] uint32_t length() const;

private:
	domain &home_;
	std::vector<piece> pieces_;
};

// A packet that came out at the other end.
struct arrival {
	uint32_t queue;
	kapi_net_meta meta;
	std::vector<std::byte> bytes;
	std::vector<uint32_t> lengths; // of its pieces
};

// Breaks a rule when what an engine says of a packet contradicts itself.
void check_meta(const kapi_net_meta &meta);

} // namespace xenpv::sim
