// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/vif_toolstack.hpp>

namespace xenpv::sim {

vif_toolstack::vif_toolstack(const vif_config &c) : toolstack("vif", c.front_domid, c.handle)
{
	set_back("script", "/etc/xen/scripts/vif-bridge");
	set_back("mac", c.mac);
	set_back("bridge", "xenbr0");
	set_back("handle", std::to_string(c.handle));
	set_back("type", "vif");
	set_back("mtu", std::to_string(c.mtu));
	set_back("hotplug-status", ""); // libxl makes it, the script fills it
	set_front("handle", std::to_string(c.handle));
	set_front("mac", c.mac);
	set_front("mtu", std::to_string(c.mtu));
}

} // namespace xenpv::sim
