// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/vbd_toolstack.hpp>

#include <cstdio>

namespace xenpv::sim {

vbd_toolstack::vbd_toolstack(const vbd_config &c) : toolstack("vbd", c.front_domid, c.device), config_(c)
{
	set_back("mode", c.writable ? "w" : "r");
	set_back("device-type", c.cdrom ? "cdrom" : "disk");
	set_front("virtual-device", std::to_string(c.device));
	set_front("device-type", c.cdrom ? "cdrom" : "disk");
}

void vbd_toolstack::hotplug()
{
	char number[32];
	std::snprintf(number, sizeof(number), "%x:%x", config_.major, config_.minor);
	set_back("physical-device", number);
}

} // namespace xenpv::sim
