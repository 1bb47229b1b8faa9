// SPDX-License-Identifier: GPL-2.0-only
#include <cli/advise/advise.hpp>

#include <cli/source/text.hpp>

#include <algorithm>
#include <fmt/format.h>

namespace xenpv::cli {
namespace {

// What the choice hangs on, whoever looks.
struct subject {
	mode now = mode::unknown;
	bool hardware = true; // the host can run HVM and PVH at all
	bool pvh_in_xen = true; // Xen and xl 4.10
	bool xl = true; // the toolstack is xl
	std::optional<bool> kernel_can_pvh{};
	bool passthrough = false;
	bool efi = false;
};

bool at_least_4_10(const std::string &version)
{
	const auto parts = split(version, '.');
	if (parts.size() < 2)
		return true; // not known: the step says what is needed
	const auto minor = number(parts[1].substr(0, parts[1].find_first_not_of("0123456789")), 1000);
	const auto major = number(parts[0], 1000);
	return !major || !minor || *major > 4 || (*major == 4 && *minor >= 10);
}

// Why Linux cannot be PVH here; "" when it can.
std::string obstacle(const subject &s)
{
	if (!s.hardware)
		return "the host's Xen offers no hardware virtualisation";
	if (!s.pvh_in_xen)
		return "PVH needs Xen 4.10";
	if (!s.xl)
		return "XAPI has no settled way to make PVH guests";
	if (s.kernel_can_pvh && !*s.kernel_can_pvh)
		return "its kernel is without CONFIG_XEN_PVH";
	if (s.passthrough)
		return "a PCI device is passed through to it, which PVH guests cannot have";
	if (s.efi)
		return "it boots by UEFI, for which PVH has no firmware that Xen supports";
	return {};
}

void steps_to_pvh(advice &a, const subject &s)
{
	a.steps.push_back(
		{"guest configuration",
		 a.now == mode::pv ? "type = \"pvh\"" : "type = \"pvh\"    # instead of type or builder = \"hvm\""});
	a.steps.push_back({"guest configuration",
			   "kernel = \"/usr/lib/grub-xen/grub-i386-xen_pvh.bin\"    # its own GRUB menu goes on to "
			   "count; in dom0: apt install grub-xen-bin grub-xen-host"});
	if (a.now != mode::pv) {
		a.steps.push_back(
			{"guest configuration",
			 "disks are named xvdX, not hdX or sdX; boot=, vga=, vnc=, usb=, bios= and model= of NICs go"});
		a.steps.push_back({"in the guest", "root= and /etc/fstab by UUID or label; the block frontend in the "
						   "initramfs (xenpv doctor says whether it is)"});
	}
	a.steps.push_back({"kernel command line",
			   "console=hvc0    # there is no screen and no serial port; xl console shows it"});
	if (!s.kernel_can_pvh)
		a.steps.push_back(
			{"in the guest",
			 "grep XEN_PVH= /boot/config-$(uname -r) must say y: Debian's kernels since 4.19 do"});
}

void steps_to_pvhvm(advice &a, const machine &m, const own_facts &own)
{
	if (!own.platform_device)
		a.steps.push_back({"guest configuration", "xen_platform_pci = 1"});
	if (m.unplug.requested == "never" || m.unplug.requested == "unnecessary")
		a.steps.push_back(
			{"kernel command line", fmt::format("without xen_emul_unplug={}", m.unplug.requested)});
	a.steps.push_back({"in the guest", "root= and /etc/fstab by UUID or label: hda or sda becomes xvda"});
}

void suggest_package(advice &a, const own_facts &own)
{
	if (!own.xenpv_installed)
		a.steps.push_back(
			{"package, if you like",
			 "apt install ./xenpv-dkms_*.deb    # xenpv's drivers instead of the in-tree ones: fewer "
			 "interrupts for the same work"});
}

void choose_linux(advice &a, const subject &s, const machine &m, const own_facts &own)
{
	const std::string why_not = obstacle(s);
	if (why_not.empty()) {
		a.should = mode::pvh;
		a.reason = a.now == mode::pvh  ? "PVH is what Linux should be: hardware virtualisation, no emulated "
						 "device, no device model in dom0"
			   : a.now == mode::pv ? "PV pays for each system call and page table change; PVH has the "
						 "hardware do both, with the same PV devices"
					       : "PVH is the same without firmware and device model: less memory in "
						 "dom0, less to attack, a faster boot";
		a.change = a.now != mode::pvh;
		if (a.change)
			steps_to_pvh(a, s);
		return;
	}
	if (a.now == mode::pv && !s.hardware) {
		a.should = mode::pv;
		a.reason = why_not + ": PV is all there is";
		return;
	}
	a.should = mode::pvhvm;
	a.change = a.now != mode::pvhvm;
	a.reason = fmt::format("PVHVM: hardware virtualisation with PV disks and NICs; not PVH, since {}", why_not);
	if (a.now == mode::pv)
		a.steps.push_back({"guest configuration",
				   "type = \"hvm\"    # and a boot loader on its disk, since firmware starts it"});
	if (a.change)
		steps_to_pvhvm(a, m, own);
}

bool uses_pv(const domain &g, kind what)
{
	return std::all_of(g.devices.begin(), g.devices.end(),
			   [what](const device &d) { return d.what != what || d.how == access::paravirtual; });
}

void choose_windows(advice &a, const domain &g)
{
	a.should = mode::pvhvm;
	const bool disks = uses_pv(g, kind::disk);
	const bool nics = uses_pv(g, kind::nic);
	a.change = !disks || !nics;
	a.reason = fmt::format("Windows ({}) runs in HVM only, and is fast with PV drivers{}", g.os_evidence,
			       a.change ? fmt::format(": its {} still emulated", !disks && !nics ? "disks and NICs are"
										 : !disks        ? "disks are"
												 : "NICs are")
					: ", which it has");
	if (a.change)
		a.steps.push_back({"package", g.toolstack_xl ? "in the guest: the Xen project's Windows PV drivers "
							       "(xenbus, xeniface, xenvbd, xenvif, xennet), "
							       "https://xenproject.org/windows-pv-drivers"
							     : "in the guest: the host vendor's tools (XenServer VM "
							       "Tools for Windows, or XCP-ng's Windows PV tools)"});
}

void choose_bsd(advice &a, const domain &g)
{
	a.should = a.now == mode::pvh ? mode::pvh : mode::pvhvm;
	a.change = a.now == mode::hvm;
	a.reason = fmt::format("{} ({}) has PV drivers of its own for HVM guests", g.os, g.os_evidence);
	if (a.change)
		a.steps.push_back({"in the guest", g.os == "openbsd"
							   ? "nothing to install: xbf and xnf attach when "
							     "xen_platform_pci=1 is in the guest configuration"
							   : "nothing to install: a GENERIC kernel has xbd and xn "
							     "(xennet); see its boot messages, and "
							     "xen_platform_pci=1 in the guest configuration"});
}

advice of_guest(const domain &g, const machine &m)
{
	advice a;
	a.domain = g.name;
	a.id = g.id;
	a.now = g.in;
	subject s;
	s.now = g.in;
	s.hardware = m.capabilities.empty() || contains(m.capabilities, "hvm");
	s.pvh_in_xen = at_least_4_10(m.version);
	s.xl = g.toolstack_xl;
	s.passthrough = g.passthrough;
	if (g.os == "windows") {
		choose_windows(a, g);
	} else if (contains(g.os, "bsd")) {
		choose_bsd(a, g);
	} else if (g.os == "linux" || g.in == mode::pv || g.in == mode::pvh) {
		own_facts own;
		own.xenpv_installed = true; // not known from here
		choose_linux(a, s, m, own);
		if (g.in == mode::hvm || g.in == mode::pvhvm)
			a.reason += fmt::format(". Taken for Linux: {}", g.os_evidence);
	} else {
		// Nothing has told what runs there.
		a.should = g.in == mode::pvhvm ? mode::pvhvm : mode::hvm;
		const std::string why_not = obstacle(s);
		a.reason = fmt::format("nothing says which system runs in it. Linux should be {}; any other has to "
				       "stay HVM, with its PV drivers{}",
				       why_not.empty() ? "PVH" : "PVHVM (not PVH, since " + why_not + ")",
				       g.in == mode::pvhvm ? ", which it uses" : "");
		a.steps.push_back({"in the guest", "if it is Linux: xenpv advise; if it is Windows: its PV drivers, "
						   "https://xenproject.org/windows-pv-drivers"});
	}
	return a;
}

advice of_itself(const machine &m, const own_facts &own)
{
	advice a;
	a.domain = m.name.empty() ? (m.dom0 ? "dom0" : "this guest") : m.name;
	a.id = m.id;
	a.now = m.in;
	if (m.dom0) {
		a.should = m.in;
		a.reason = m.in == mode::pvh ? "a PVH dom0 works where it has been tried with the hardware"
					     : "dom0 is PV: its hardware drivers work there, and a PVH dom0 is young";
		return a;
	}
	subject s;
	s.now = m.in;
	s.hardware = m.in != mode::pv || m.capabilities.empty() || contains(m.capabilities, "hvm");
	s.pvh_in_xen = at_least_4_10(m.version);
	s.xl = !own.xapi;
	s.kernel_can_pvh = own.kernel_can_pvh;
	s.efi = own.efi;
	s.passthrough = std::any_of(m.devices.begin(), m.devices.end(),
				    [](const device &d) { return d.how == access::passthrough; });
	choose_linux(a, s, m, own);
	// Whoever cannot or will not become PVH at once is to have its PV drivers now.
	if (m.in == mode::hvm && a.should == mode::pvh) {
		a.reason += "; until then PVHVM, since disks and NICs are emulated now";
		steps_to_pvhvm(a, m, own);
	}
	suggest_package(a, own);
	return a;
}

} // namespace

std::vector<advice> advise(const machine &m, const own_facts &own)
{
	std::vector<advice> all{of_itself(m, own)};
	for (const domain &g : m.guests)
		all.push_back(of_guest(g, m));
	return all;
}

} // namespace xenpv::cli
