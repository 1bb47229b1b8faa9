// SPDX-License-Identifier: GPL-2.0-only
// What xl does for a disk (libxl_disk.c).
#pragma once
#include <userspace/sim/toolstack.hpp>

namespace xenpv::sim {

struct vbd_config {
	uint32_t front_domid = 1;
	uint32_t device = 51712; // xvda
	uint32_t major = 7;
	uint32_t minor = 0;
	bool writable = true;
	bool cdrom = false;
};

class vbd_toolstack : public toolstack {
public:
	explicit vbd_toolstack(const vbd_config &config);
	// The hotplug script found the device.
	void hotplug();

private:
	vbd_config config_;
};

} // namespace xenpv::sim
