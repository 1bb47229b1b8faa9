// SPDX-License-Identifier: GPL-2.0-only
// Devices that are not what they should be: emulated, stuck, failed by a script.
#include <cli/doctor/checks.hpp>

#include <fmt/format.h>

namespace xenpv::cli {
namespace {

struct stuck {
	unsigned front;
	unsigned back;
	const char *what;
	const char *fix;
};

// docs/troubleshooting.md has the same table; the backend's 0 stands for "not there".
constexpr stuck stuck_states[] = {
	{1, 0, "no backend driver in the backend's domain",
	 "in dom0: modprobe xenpv_blkback (a disk) or xenpv_netback (a NIC)"},
	{1, 1, "no backend driver in the backend's domain",
	 "in dom0: modprobe xenpv_blkback (a disk) or xenpv_netback (a NIC)"},
	{1, 2, "the guest has no driver for it, or has not come so far yet",
	 "in the guest: modprobe xenpv_blkfront (a disk) or xenpv_netfront (a NIC)"},
	{1, 6, "an old backend does not come back", "in dom0: xl block-detach or network-detach, and attach it again"},
	{3, 2, "the backend has not opened what is behind it",
	 "in dom0: see that the hotplug script wrote physical-device, and what dmesg and xenpv doctor say there"},
	{4, 2, "the toolstack has not finished",
	 "in dom0: hotplug-status of the backend must be connected: see /var/log/xen"},
	{5, 4, "the backend still has I/O in flight", "in dom0: look at its storage (dmesg, /sys/block/*/inflight)"},
	{6, 4, "the backend still has I/O in flight", "in dom0: look at its storage (dmesg, /sys/block/*/inflight)"},
	{6, 6, "both ends are closed and the device is kept", "attach it again, or bind the frontend's driver"},
};

std::string text(std::optional<unsigned> state)
{
	return state ? fmt::format("{} {}", *state, state_name(*state)) : std::string("none");
}

bool has_platform_device(tree &files)
{
	for (const std::string &name : files.list("/sys/bus/pci/devices"))
		if (files.line("/sys/bus/pci/devices/" + name + "/vendor") == "0x5853")
			return true;
	return false;
}

} // namespace

void check_unplug(examination &e)
{
	const machine &m = e.after;
	if (m.in != mode::hvm && m.in != mode::pvhvm)
		return;
	for (const device &d : m.devices) {
		if (d.how != access::emulated)
			continue;
		std::string fix;
		if (m.unplug.requested == "never" || m.unplug.requested == "unnecessary")
			fix = fmt::format("take xen_emul_unplug={} from the kernel's command line (/etc/default/grub, "
					  "then update-grub), "
					  "and reboot",
					  m.unplug.requested);
		else if (!has_platform_device(e.files))
			fix = "the guest has no Xen platform device: xen_platform_pci=1 in its configuration, and "
			      "start it anew";
		else
			fix = "see that the kernel has CONFIG_XEN_PVHVM, and xen_emul_unplug is not set in the boot "
			      "loader; an emulated "
			      "SCSI or NVMe disk is never unplugged: name it xvdX in the guest's configuration";
		const bool both = !d.alias_of.empty();
		e.add("unplug", both ? verdict::fault : verdict::warning, d.name,
		      both ? fmt::format("it is emulated ({}), and {} is the same device: writing through both "
					 "destroys data",
					 d.driver, d.alias_of)
			   : fmt::format("it is emulated ({})", d.driver.empty() ? "no driver" : d.driver),
		      fix);
	}
}

void check_states(examination &e)
{
	each_device(e, [&e](const patient &p) {
		const device &d = p.after;
		if (d.inside && d.inside->state == "broken")
			e.add("xenstore states", verdict::fault, p.name,
			      "the driver has given the peer up: its state reads broken",
			      "read dmesg for the key or field that was wrong, then attach it anew or rebind the "
			      "driver");
		if (!d.error.empty())
			e.add("xenstore states", verdict::fault, p.name, "an end has written an error: " + d.error,
			      "mend what it names, then detach and attach the device");
		const bool connected = d.front_state == 4 && d.back_state == 4;
		if (connected || (!d.front_state && !d.back_state) || d.how == access::emulated)
			return;
		if (p.before.front_state != d.front_state || p.before.back_state != d.back_state)
			return; // on its way
		if (d.inside && d.inside->waits_for == "device_in_use") {
			e.add("xenstore states", verdict::fault, p.name, "it waits: dom0 uses the device itself",
			      "unmount it, or take it out of LVM, md or dm (lsblk, fuser -v): it is tried again by "
			      "itself; with mode w! the guest has it nevertheless");
			return;
		}
		if (d.inside && d.inside->waits_for == "requests_of_another_guest") {
			e.add("xenstore states", verdict::fault, p.name,
			      "it waits: writes of the guest that had the device before are still out",
			      "their storage does not answer: look at it (dmesg, /sys/block/*/inflight)");
			return;
		}
		std::string what =
			fmt::format("stuck: frontend {}, backend {}", text(d.front_state), text(d.back_state));
		std::string fix = "detach and attach the device; dmesg of both domains may say why";
		for (const stuck &s : stuck_states) {
			if (d.front_state.value_or(0) == s.front && d.back_state.value_or(0) == s.back) {
				what += std::string(": ") + s.what;
				fix = s.fix;
			}
		}
		e.add("xenstore states", verdict::fault, p.name, what, fix);
	});
}

void check_hotplug(examination &e)
{
	each_device(e, [&e](const patient &p) {
		const device &d = p.after;
		if (d.hotplug_error.empty() && d.hotplug_status != "error")
			return;
		e.add("hotplug scripts", verdict::fault, p.name,
		      d.hotplug_error.empty() ? "the hotplug script has failed"
					      : "the hotplug script has failed: " + d.hotplug_error,
		      "in dom0: read /var/log/xen/xen-hotplug.log, mend it (a bridge= or disk path that is not there, "
		      "as a rule), then "
		      "detach and attach the device");
	});
}

} // namespace xenpv::cli
