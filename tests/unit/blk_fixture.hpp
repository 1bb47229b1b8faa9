// SPDX-License-Identifier: GPL-2.0-only
// A machine with a disk, and the toolstack's part of a vbd.
#pragma once
#include "fixture.hpp"

#include <userspace/sim/ramdisk.hpp>
#include <userspace/sim/toolstack.hpp>

#include <optional>
#include <vector>

namespace xenpv::test {

inline std::vector<std::byte> pattern(size_t bytes, uint32_t seed)
{
	std::vector<std::byte> out(bytes);
	uint32_t x = seed * 2654435761u + 1;
	for (std::byte &b : out) {
		x = x * 1664525u + 1013904223u;
		b = static_cast<std::byte>(x >> 24);
	}
	return out;
}

struct vbd_machine : machine {
	static constexpr uint64_t sectors = 2048;

	kapi_bdev &make_disk(kapi_bdev::options o = {}) { return world.disks().add(7, 0, o); }
	sim::toolstack &make_vbd(const sim::vbd_config &c = {}) { return tools.emplace(c); }

	std::optional<sim::toolstack> tools;
};

} // namespace xenpv::test
