// SPDX-License-Identifier: GPL-2.0-only
// Disks and NICs of this domain, as sysfs has them.
#include <cli/survey/parts.hpp>

#include <cli/source/text.hpp>

#include <algorithm>
#include <fmt/format.h>

namespace xenpv::cli {
namespace {

// The directory above a disk's or NIC's in which its driver is found, and what that is.
struct seat {
	access how = access::physical;
	std::string sysfs{};
};

bool is(tree &files, const std::string &sysfs, const char *subsystem)
{
	return files.link(sysfs + "/subsystem") == subsystem;
}

// QEMU's devices carry Red Hat's or XenSource's subsystem vendor; a card that was passed through does not.
access pci_access(tree &files, const std::string &sysfs, const machine &m)
{
	if (m.in != mode::hvm && m.in != mode::pvhvm)
		return m.dom0 || m.in == mode::none ? access::physical : access::passthrough;
	const std::string vendor = files.line(sysfs + "/subsystem_vendor");
	const bool emulated = vendor == "0x1af4" || vendor == "0x5853" || vendor == "0x0000";
	return emulated ? access::emulated : access::passthrough;
}

// Climbs from the device's directory to the first bus that says what it is.
seat seat_of(tree &files, std::string sysfs, const machine &m)
{
	for (; sysfs.size() > 12; sysfs.erase(sysfs.rfind('/'))) {
		if (is(files, sysfs, "xen") || is(files, sysfs, "xen-backend"))
			return {access::paravirtual, sysfs};
		if (is(files, sysfs, "virtio"))
			return {access::virtio, sysfs};
		if (is(files, sysfs, "pci"))
			return {pci_access(files, sysfs, m), sysfs};
	}
	return {};
}

// A backend's interface belongs to a guest's device; a bridge, loop or ramdisk to none.
bool is_backend(tree &files, const seat &s)
{
	return s.sysfs.empty() || is(files, s.sysfs, "xen-backend");
}

void name_bus(tree &files, const seat &s, device &d)
{
	d.how = s.how;
	see_driver(files, s.sysfs, d);
	if (d.how != access::paravirtual)
		return;
	d.id = s.sysfs.substr(s.sysfs.rfind('/') + 1);
	d.front_path = files.line(s.sysfs + "/nodename");
}

std::uint64_t last_number(const std::string &text)
{
	const auto at = text.rfind('-');
	return at == std::string::npos ? 0 : number(std::string_view(text).substr(at + 1)).value_or(0);
}

} // namespace

void see_disks(tree &files, machine &m)
{
	for (const std::string &name : files.list("/sys/block")) {
		if (name.starts_with("sr") || name.starts_with("fd"))
			continue; // drives for media stay emulated by design
		const std::string real = files.real("/sys/block/" + name + "/device");
		if (real.empty())
			continue; // loop, ram, dm, md: made of others
		const seat s = seat_of(files, real, m);
		if (is_backend(files, s))
			continue;
		device d;
		d.what = kind::disk;
		d.name = printable(name, 64);
		name_bus(files, s, d);
		// Reads, sectors read, writes, sectors written: Documentation/block/stat.
		const std::string stat = files.line("/sys/block/" + name + "/stat");
		const auto fields = words(stat);
		if (fields.size() >= 7)
			for (const auto &[what, at] :
			     {std::pair{"reads", 0}, {"read_sectors", 2}, {"writes", 4}, {"write_sectors", 6}})
				d.totals.emplace_back(what, number(fields[static_cast<std::size_t>(at)]).value_or(0));
		m.devices.push_back(std::move(d));
	}
}

void see_nics(tree &files, machine &m)
{
	for (const std::string &name : files.list("/sys/class/net")) {
		const std::string real = files.real("/sys/class/net/" + name + "/device");
		if (real.empty())
			continue; // lo, bridges, tunnels
		const seat s = seat_of(files, real, m);
		if (is_backend(files, s))
			continue;
		device d;
		d.what = kind::nic;
		d.name = printable(name, 64);
		d.mac = files.line("/sys/class/net/" + name + "/address");
		name_bus(files, s, d);
		for (const char *total : {"rx_packets", "rx_bytes", "tx_packets", "tx_bytes"})
			d.totals.emplace_back(
				total,
				files.value(fmt::format("/sys/class/net/{}/statistics/{}", name, total)).value_or(0));
		m.devices.push_back(std::move(d));
	}
}

void see_unbound(tree &files, machine &m)
{
	for (const std::string &id : files.list("/sys/bus/xen/devices")) {
		const bool disk = id.starts_with("vbd-");
		if (!disk && !id.starts_with("vif-"))
			continue;
		if (std::any_of(m.devices.begin(), m.devices.end(), [&id](const device &d) { return d.id == id; }))
			continue;
		device d;
		d.what = disk ? kind::disk : kind::nic;
		d.id = printable(id, 64);
		d.name = disk ? disk_name(last_number(id)) : std::string();
		d.how = access::unused;
		const std::string sysfs = "/sys/bus/xen/devices/" + id;
		see_driver(files, sysfs, d);
		d.front_path = files.line(sysfs + "/nodename");
		m.devices.push_back(std::move(d));
	}
}

std::string disk_name(std::uint64_t number)
{
	const auto letters = [](std::uint64_t index) {
		std::string out;
		do {
			out.insert(out.begin(), static_cast<char>('a' + index % 26));
			index = index / 26;
		} while (index-- > 0);
		return out;
	};
	const auto named = [&letters](const char *prefix, std::uint64_t disk, std::uint64_t partition) {
		return fmt::format("{}{}{}", prefix, letters(disk), partition != 0 ? std::to_string(partition) : "");
	};
	const std::uint64_t major = number >> 8;
	const std::uint64_t minor = number & 0xff;
	if ((number >> 28) == 1)
		return named("xvd", (number & 0xfffffff) >> 8, minor);
	if (major == 202)
		return named("xvd", minor >> 4, minor & 15);
	if (major == 8)
		return named("sd", minor >> 4, minor & 15);
	if (major == 3 || major == 22)
		return named("hd", (major == 22 ? 2U : 0U) + (minor >> 6), minor & 63);
	return {};
}

} // namespace xenpv::cli
