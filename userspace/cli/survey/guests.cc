// SPDX-License-Identifier: GPL-2.0-only
// The guests that this domain serves.  Their devices are found from the backends' side: a guest may write
// what it likes into its own directories, another backend's path too.
#include <cli/survey/parts.hpp>

#include <cli/source/text.hpp>

#include <algorithm>
#include <fmt/format.h>

namespace xenpv::cli {
namespace {

constexpr std::size_t most_devices = 512; // of one guest

mode mode_of(xenstore &xs, unsigned id)
{
	const std::string type = xs.line(fmt::format("/libxl/{}/type", id));
	if (type == "pv")
		return mode::pv;
	if (type == "pvh")
		return mode::pvh;
	if (type == "hvm" || xs.read(fmt::format("/local/domain/{}/hvmloader/bios", id)))
		return mode::hvm;
	return mode::unknown;
}

// There is a directory for each that the guest may have, also for those that it has not got now.
unsigned online_cpus(xenstore &xs, unsigned id)
{
	unsigned n = 0;
	const std::string all = fmt::format("/local/domain/{}/cpu", id);
	for (const std::string &cpu : xs.list(all))
		n += xs.line(fmt::format("{}/{}/availability", all, cpu)) == "online" ? 1 : 0;
	return n;
}

std::string lower(std::string text)
{
	std::transform(text.begin(), text.end(), text.begin(),
		       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
	return text;
}

// What agents and kernels inside say of themselves.
void see_os(xenstore &xs, domain &g)
{
	const auto known = [&g](const std::string &text, const std::string &where) {
		for (const auto &[word, os] : {std::pair{"windows", "windows"},
					       {"freebsd", "freebsd"},
					       {"netbsd", "netbsd"},
					       {"openbsd", "openbsd"},
					       {"linux", "linux"},
					       {"debian", "linux"},
					       {"ubuntu", "linux"},
					       {"centos", "linux"},
					       {"rhel", "linux"},
					       {"alpine", "linux"},
					       {"suse", "linux"}})
			if (g.os.empty() && contains(lower(text), word)) {
				g.os = os;
				g.os_evidence = fmt::format("{} says {}", where, printable(text, 60));
			}
	};
	const std::string home = fmt::format("/local/domain/{}", g.id);
	for (const char *key :
	     {"attr/os/class", "attr/os/name", "data/os_name", "data/os_distro", "data/os_uname", "drivers/0"})
		known(xs.line(fmt::format("{}/{}", home, key)), key);
	if (g.os.empty() && (xs.read(home + "/attr/PVAddons/MajorVersion") || xs.read(home + "/drivers/0"))) {
		g.os = "windows";
		g.os_evidence = "Windows PV drivers have written attr/PVAddons or drivers/0";
	}
	if (g.os.empty() &&
	    (xs.value(home + "/platform/viridian") == 1 || xs.line(home + "/platform/viridian") == "true")) {
		g.os = "windows";
		g.os_evidence = "platform/viridian: Hyper-V's interfaces are offered to it";
	}
	// Linux writes it without any agent; Windows' drivers do as well, but have left their names above.
	if (g.os.empty() && xs.value(home + "/control/feature-poweroff") == 1) {
		g.os = "linux";
		g.os_evidence = "control/feature-poweroff is 1, and no other system has left its name";
	}
}

std::string user_space(const std::string &backend)
{
	if (backend == "qdisk" || backend == "qnic")
		return "qemu (in user space)";
	return backend == "vbd3" ? "tapdisk (in user space)" : "";
}

void see_backend(tree &files, xenstore &xs, const machine &m, unsigned server, const std::string &type,
		 const std::string &id, domain &g)
{
	device d;
	d.what = type == "vif" || type == "qnic" ? kind::nic : kind::disk;
	d.back_path = fmt::format("/local/domain/{}/backend/{}/{}/{}", server, type, g.id, id);
	const char *device_type = d.what == kind::nic ? "vif" : "vbd";
	d.front_path = fmt::format("/local/domain/{}/device/{}/{}", g.id, device_type, id);
	d.peer = server;
	d.peer_name = xs.line(fmt::format("/local/domain/{}/name", server));
	see_pair(xs, d);
	if (xs.line(d.back_path + "/device-type") == "cdrom")
		return; // stays emulated in an HVM guest, and is nobody's bottleneck
	d.name = d.what == kind::disk ? xs.line(d.back_path + "/dev") : "nic" + printable(id, 16);
	d.id = fmt::format("{}-{}-{}", device_type, g.id, id);
	if (const std::string name = user_space(type); !name.empty()) {
		d.driver = name;
	} else if (m.id.value_or(0) == server) {
		const std::string sysfs = "/sys/bus/xen-backend/devices/" + d.id;
		see_driver(files, sysfs, d);
		see_inside(files, d.id, d);
		if (d.what == kind::disk)
			for (const auto &[name, file] : {std::pair{"reads", "rd_req"},
							 {"read_sectors", "rd_sect"},
							 {"writes", "wr_req"},
							 {"write_sectors", "wr_sect"}})
				d.totals.emplace_back(
					name, files.value(fmt::format("{}/statistics/{}", sysfs, file)).value_or(0));
		else // what dom0's interface receives the guest has sent
			for (const auto &[name, file] : {std::pair{"rx_packets", "tx_packets"},
							 {"rx_bytes", "tx_bytes"},
							 {"tx_packets", "rx_packets"},
							 {"tx_bytes", "rx_bytes"}})
				d.totals.emplace_back(name,
						      files.value(fmt::format("/sys/class/net/vif{}.{}/statistics/{}",
									      g.id, id, file))
							      .value_or(0));
	} else {
		d.driver = fmt::format("in domain {}", server);
	}
	const bool linked = d.front_state && *d.front_state >= 3 && *d.front_state <= 4;
	d.how = linked ? access::paravirtual : access::unused;
	g.devices.push_back(std::move(d));
}

// The device model has the first four disks, whatever they are called: hdb, sdb and xvdb are the second.
bool is_emulated_too(const std::string &disk)
{
	for (const std::string_view prefix : {"xvd", "hd", "sd"})
		if (disk.starts_with(prefix) && disk.size() == prefix.size() + 1)
			return disk.back() >= 'a' && disk.back() <= 'd';
	return false;
}

// An HVM guest that leaves the paravirtual end alone lives on the emulated one, if there is one.
void see_emulated(xenstore &xs, domain &g)
{
	if (g.in != mode::hvm)
		return;
	for (device &d : g.devices) {
		const bool twin = d.what == kind::disk ? is_emulated_too(d.name)
						       : contains(xs.line(d.back_path + "/type"), "ioemu");
		if (d.how == access::unused && twin)
			d.how = access::emulated;
	}
	for (const device &d : g.devices)
		if (d.how == access::paravirtual)
			g.in = mode::pvhvm;
}

// Domains with backends, and their kinds.
std::vector<std::pair<unsigned, std::vector<std::string>>> servers_of(xenstore &xs,
								      const std::vector<std::string> &domains)
{
	std::vector<std::pair<unsigned, std::vector<std::string>>> out;
	for (const std::string &text : domains) {
		const auto id = number(text, 65535);
		std::vector<std::string> types;
		if (id)
			types = xs.list(fmt::format("/local/domain/{}/backend", *id));
		std::erase_if(types, [](const std::string &t) {
			return t != "vbd" && t != "qdisk" && t != "vbd3" && t != "vif" && t != "qnic";
		});
		if (!types.empty())
			out.emplace_back(static_cast<unsigned>(*id), std::move(types));
	}
	return out;
}

} // namespace

void see_guests(tree &files, xenstore &xs, machine &m)
{
	const auto domains = xs.list("/local/domain");
	const auto servers = servers_of(xs, domains);
	for (const std::string &text : domains) {
		const auto id = number(text, 65535);
		if (!id || *id == m.id.value_or(0))
			continue;
		domain g;
		g.id = static_cast<unsigned>(*id);
		g.name = xs.line(fmt::format("/local/domain/{}/name", g.id));
		g.in = mode_of(xs, g.id);
		g.toolstack_xl = !xs.list(fmt::format("/libxl/{}", g.id)).empty();
		g.vcpus = online_cpus(xs, g.id);
		g.passthrough =
			!xs.list(fmt::format("/local/domain/{}/backend/pci/{}", m.id.value_or(0), g.id)).empty();
		see_os(xs, g);
		for (const auto &[server, types] : servers)
			for (const std::string &type : types)
				for (const std::string &device_id :
				     xs.list(fmt::format("/local/domain/{}/backend/{}/{}", server, type, g.id)))
					if (server != g.id && number(device_id) && g.devices.size() < most_devices)
						see_backend(files, xs, m, server, type, device_id, g);
		see_emulated(xs, g);
		m.guests.push_back(std::move(g));
	}
	std::sort(m.guests.begin(), m.guests.end(), [](const domain &a, const domain &b) { return a.id < b.id; });
}

} // namespace xenpv::cli
