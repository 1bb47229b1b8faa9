// SPDX-License-Identifier: GPL-2.0-only
#include <cli/survey/machine.hpp>

namespace xenpv::cli {

const char *name_of(mode m)
{
	switch (m) {
	case mode::none:
		return "none";
	case mode::pv:
		return "PV";
	case mode::hvm:
		return "HVM";
	case mode::pvhvm:
		return "PVHVM";
	case mode::pvh:
		return "PVH";
	case mode::unknown:
		break;
	}
	return "unknown";
}

const char *name_of(access a)
{
	switch (a) {
	case access::paravirtual:
		return "PV";
	case access::emulated:
		return "emulated";
	case access::virtio:
		return "virtio";
	case access::passthrough:
		return "passed through";
	case access::physical:
		return "physical";
	case access::unused:
		break;
	}
	return "not in use";
}

const char *name_of(kind k)
{
	return k == kind::disk ? "disk" : "nic";
}

const char *state_name(unsigned state)
{
	// xen/include/public/io/xenbus.h
	constexpr const char *names[] = {"Unknown", "Initialising", "InitWait",      "Initialised", "Connected",
					 "Closing", "Closed",       "Reconfiguring", "Reconfigured"};
	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "invalid";
}

} // namespace xenpv::cli
