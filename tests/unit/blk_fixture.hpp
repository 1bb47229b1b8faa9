// SPDX-License-Identifier: GPL-2.0-only
// A machine with a disk, and the toolstack's part of a vbd.
#pragma once
#include "fixture.hpp"
#include "pattern.hpp"

#include <userspace/sim/ramdisk.hpp>
#include <userspace/sim/vbd_toolstack.hpp>

#include <optional>

namespace xenpv::test {

struct vbd_machine : machine {
	static constexpr uint64_t sectors = 2048;

	sim::ramdisk &make_disk(sim::ramdisk::options o = {}) { return world.disks().add(7, 0, o); }
	sim::vbd_toolstack &make_vbd(const sim::vbd_config &c = {}) { return tools.emplace(c); }

	std::optional<sim::vbd_toolstack> tools;
};

} // namespace xenpv::test
