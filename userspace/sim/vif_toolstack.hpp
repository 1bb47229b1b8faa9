// SPDX-License-Identifier: GPL-2.0-only
// What xl does for a network interface (libxl_nic.c).
#pragma once
#include <userspace/sim/toolstack.hpp>

namespace xenpv::sim {

struct vif_config {
	uint32_t front_domid = 1;
	uint32_t handle = 0;
	std::string mac = "00:16:3e:12:34:56";
	uint32_t mtu = 1500; // bytes
};

class vif_toolstack : public toolstack {
public:
	explicit vif_toolstack(const vif_config &config);
	// The hotplug script put the interface where it belongs.
	void hotplug() { set_back("hotplug-status", "connected"); }
};

} // namespace xenpv::sim
