// SPDX-License-Identifier: GPL-2.0-only
// A machine with a network interface: the toolstack's part of a vif.
#pragma once
#include "fixture.hpp"
#include "pattern.hpp"

#include <kapi/net.h>
#include <userspace/sim/net_buffer.hpp>
#include <userspace/sim/vif_toolstack.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xenpv::test {

using bytes = std::vector<std::byte>;
using keys = std::vector<std::pair<std::string, std::string>>;

// Pages that a packet of `length` bytes lies in when it fills them.
inline uint32_t pages_for(uint32_t length)
{
	return (length + KAPI_PAGE_SIZE - 1) / KAPI_PAGE_SIZE;
}

// Adds `length` bytes to a packet, as `pieces` pieces as large as one another.
template <typename Packet>
void add_pieces(Packet &packet, uint32_t length, uint32_t pieces, uint32_t offset = 0)
{
	for (uint32_t i = 0, left = length; i < pieces; ++i) {
		const uint32_t part = left / (pieces - i);
		packet.add(offset, part);
		left -= part;
	}
}

struct vif_machine : machine {
	sim::vif_toolstack &make_vif(const sim::vif_config &c = {}) { return tools.emplace(c); }

	// All drivers are gone; what they parked comes back when it is looked at.
	[[nodiscard]] bool only_the_lot_is_left()
	{
		return eventually(
			[&] {
				world.clock().advance(std::chrono::milliseconds(1100));
				return world.live().leftovers() == "memory=1 delayed=1";
			},
			std::chrono::seconds(2));
	}

	std::optional<sim::vif_toolstack> tools;
};

} // namespace xenpv::test
