// SPDX-License-Identifier: GPL-2.0-only
#include <cli/survey/parts.hpp>

#include <cli/source/text.hpp>

#include <algorithm>
#include <fmt/format.h>

namespace xenpv::cli {
namespace {

constexpr const char *our_modules[] = {"xenpv_kapi",     "xenpv_grant",   "xenpv_evtchn", "xenpv_blkfront",
				       "xenpv_netfront", "xenpv_blkback", "xenpv_netback"};

unsigned count_cpus(const std::string &list)
{
	unsigned n = 0;
	for (const auto part : split(list, ',')) {
		const auto dash = part.find('-');
		const auto first = number(part.substr(0, dash), 65535);
		const auto last = dash == std::string_view::npos ? first : number(part.substr(dash + 1), 65535);
		if (first && last && *last >= *first)
			n += static_cast<unsigned>(*last - *first) + 1;
	}
	return n;
}

// Dom0 by any of three signs: the first wants xenfs, the second the start flags of newer kernels.
bool is_dom0(tree &files)
{
	if (contains(files.line("/proc/xen/capabilities"), "control_d"))
		return true;
	if (files.value("/sys/hypervisor/start_flags/initdomain").value_or(0) == 1)
		return true;
	const std::string uuid = files.line("/sys/hypervisor/uuid");
	return !uuid.empty() && uuid.find_first_not_of("0-") == std::string::npos;
}

mode mode_of(tree &files)
{
	if (files.line("/sys/hypervisor/type") != "xen") {
		// A kernel without the xen-sys-hypervisor option still has devices on the bus. The bus itself is there
		// on any machine whose kernel knows of it.
		if (files.list("/sys/bus/xen/devices").empty() && !files.exists("/proc/xen/capabilities") &&
		    files.line("/sys/class/dmi/id/sys_vendor") != "Xen")
			return mode::none;
	}
	const std::string type = files.line("/sys/hypervisor/guest_type");
	if (type == "PV")
		return mode::pv;
	if (type == "PVH")
		return mode::pvh;
	if (type == "HVM" || files.line("/sys/class/dmi/id/product_name") == "HVM domU")
		return mode::hvm;
	return mode::unknown;
}

} // namespace

void see_platform(tree &files, xenstore &xs, machine &m)
{
	m.kernel = files.line("/proc/sys/kernel/osrelease");
	m.vcpus = count_cpus(files.line("/sys/devices/system/cpu/online"));
	m.in = mode_of(files);
	if (m.in == mode::none)
		return;
	m.hypervisor = "xen";
	const std::string major = files.line("/sys/hypervisor/version/major");
	if (!major.empty())
		m.version = fmt::format("{}.{}{}", major, files.line("/sys/hypervisor/version/minor"),
					files.line("/sys/hypervisor/version/extra"));
	m.capabilities = files.line("/sys/hypervisor/properties/capabilities");
	m.dom0 = is_dom0(files);
	for (const char *name : our_modules) {
		const std::string where = fmt::format("/sys/module/{}", name);
		if (files.exists(where))
			m.modules[name] = files.line(where + "/version");
	}
	if (const auto id = xs.value("domid", 65535))
		m.id = static_cast<unsigned>(*id);
	if (m.id)
		m.name = xs.line(fmt::format("/local/domain/{}/name", *m.id));
	if (m.in == mode::unknown)
		m.unseen.push_back({"the mode", "this kernel has no /sys/hypervisor/guest_type",
				    "a kernel of 4.13 or later, with CONFIG_XEN_SYS_HYPERVISOR, has it", false});
}

void see_unplug(tree &files, machine &m)
{
	const std::string command_line = files.line("/proc/cmdline");
	for (const auto word : words(command_line))
		if (word.starts_with("xen_emul_unplug="))
			m.unplug.requested = printable(word.substr(16));
	if (m.in != mode::hvm && m.in != mode::pvhvm)
		return;
	// Unplugging takes NICs and disks away, and leaves the disks' controller: without its driver nobody knows.
	m.unplug.nics = m.unplug.disks = "unplugged";
	for (const std::string &name : files.list("/sys/bus/pci/devices")) {
		const std::string sysfs = "/sys/bus/pci/devices/" + name;
		const std::string type = files.line(sysfs + "/class");
		const std::string vendor = files.line(sysfs + "/subsystem_vendor");
		if (vendor != "0x1af4" && vendor != "0x5853")
			continue;
		if (type.starts_with("0x0200"))
			m.unplug.nics = "still there";
		if (type.starts_with("0x01") && files.link(sysfs + "/driver").empty())
			m.unplug.disks = "unknown, their controller has no driver";
	}
	for (const device &d : m.devices)
		if (d.how == access::emulated)
			(d.what == kind::disk ? m.unplug.disks : m.unplug.nics) = "still there";
}

void see_driver(tree &files, const std::string &sysfs, device &d)
{
	d.driver = files.link(sysfs + "/driver");
	d.module = files.link(sysfs + "/driver/module");
	if (d.module.empty() && !d.driver.empty())
		d.version = "built into the kernel";
	if (!d.module.empty()) {
		d.ours = d.module.starts_with("xenpv_");
		d.version = files.line(fmt::format("/sys/module/{}/version", d.module));
		// In-tree modules have none: theirs is the kernel's.
		const bool out_of_tree = contains(files.line(fmt::format("/sys/module/{}/taint", d.module)), "O");
		if (d.version.empty())
			d.version = out_of_tree ? files.line(fmt::format("/sys/module/{}/srcversion", d.module))
						: files.line("/proc/sys/kernel/osrelease");
	}
}

} // namespace xenpv::cli
