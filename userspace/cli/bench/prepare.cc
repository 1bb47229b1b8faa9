// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/environment.hpp>
#include <cli/bench/failure.hpp>
#include <cli/bench/files.hpp>
#include <cli/bench/guard.hpp>
#include <cli/bench/session.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

namespace xenpv::cli::bench {
namespace {

bool among(const std::string &name, const std::vector<std::string> &list)
{
	return std::any_of(list.begin(), list.end(), [&](const std::string &one) { return bare(one) == name; });
}

// What is found by itself has to be a guest's: of dom0 it would be the machine's own disks.
void check_place(const wishes &what, const std::filesystem::path &root)
{
	const bool named = !what.disks.empty() || !what.nics.empty() || !what.force_write.empty();
	const std::string mode = xen_mode(root);
	if (named || (mode != "none" && mode != "dom0"))
		return;
	const std::string advice = "run it in a guest, or name what to measure: --disk /dev/NAME, --nic NAME";
	if (mode == "dom0")
		throw failure(exit_code::not_xen, "this is dom0: its disks and NICs are the machine's own", advice);
	throw failure(exit_code::not_xen, "this is no guest of Xen", advice);
}

std::string path_of(const device &disk)
{
	return "/dev/" + disk.name;
}

disk_part admit(const device &disk, const wishes &what, const std::filesystem::path &root, const run_tool &run,
		std::vector<std::string> &notes)
{
	check_access(disk.name, root);
	if (what.reads_only || disk.read_only) {
		if (!what.reads_only)
			notes.push_back(path_of(disk) + " is read-only: only reads are measured on it");
		return {disk, false};
	}
	const finding found = inspect_disk(disk.name, root, run);
	const bool forced = among(disk.name, what.force_write);
	const bool named = forced || among(disk.name, what.disks);
	if (found.what == content::blank || (found.what == content::unsigned_data && named))
		return {disk, true};
	if (!named) {
		notes.push_back(path_of(disk) + " " + found.why + ": only reads are measured on it");
		return {disk, false};
	}
	if (found.what == content::in_use)
		throw gone_wrong(path_of(disk) + " " + found.why + ": it is not written to",
				 "end its use first, or measure without writing: --reads-only");
	if (!forced)
		throw gone_wrong(path_of(disk) + " " + found.why + ": it is not written to",
				 "measure without writing (--reads-only), or have all that is on it overwritten: "
				 "--force-write " +
					 path_of(disk));
	notes.push_back(path_of(disk) + " " + found.why + ", which is overwritten as you wished");
	return {disk, true};
}

void take_disks(const wishes &what, const std::filesystem::path &root, const run_tool &run, preparation &into)
{
	std::vector<std::string> named = what.disks;
	named.insert(named.end(), what.force_write.begin(), what.force_write.end());
	const std::vector<device> chosen = choose(find_disks(root), named, "disk");
	if (chosen.empty())
		return;
	if (run({"fio", "--version"}, std::chrono::seconds(20)).missing)
		throw cannot("fio is not installed", "apt install fio, or leave the disks out: --only network");
	for (const device &disk : chosen)
		into.disks.push_back(admit(disk, what, root, run, into.notes));
}

void take_nics(const wishes &what, const std::filesystem::path &root, const run_tool &run, const address_of &address,
	       preparation &into)
{
	const std::vector<device> chosen = choose(find_nics(root), what.nics, "NIC");
	if (what.server.empty()) {
		if (what.only == "network" || !what.nics.empty())
			throw bad_argument("a network is measured against a server, and none is named",
					   "run `iperf3 -s` on another machine and name it: --server ADDRESS");
		if (!chosen.empty())
			into.notes.emplace_back("the network is not measured: it needs `iperf3 -s` on another machine, "
						"and its address here: --server ADDRESS");
		return;
	}
	const tool_output help = run({"iperf3", "--help"}, std::chrono::seconds(20));
	if (help.missing)
		throw cannot("iperf3 is not installed", "apt install iperf3, or leave the network out: --only disk");
	into.can.bind_device = (help.out + help.err).find("--bind-dev") != std::string::npos;
	const bool six = what.server.find(':') != std::string::npos;
	for (const device &nic : chosen) {
		const std::string own = address(nic.name, six);
		if (own.empty()) {
			const std::string lacks = nic.name + " has no address";
			if (among(nic.name, what.nics))
				throw gone_wrong(lacks, "give it one in the server's network: ip address add "
							"ADDRESS/BITS dev " +
								nic.name + "; ip link set " + nic.name + " up");
			into.notes.push_back(lacks + ": it is not measured");
			continue;
		}
		into.nics.push_back(nic);
		into.ends.push_back({what.server, what.port, nic.name, own});
	}
}

void note_counters(preparation &into, const std::filesystem::path &root)
{
	const auto look = [&](const device &one) {
		if (!one.debugfs.empty() && text_of(root / std::filesystem::path(one.debugfs).relative_path()).empty())
			into.notes.push_back(
				"no counters of " + one.driver + ": " + one.debugfs +
				" cannot be read (run it as root; mount -t debugfs none /sys/kernel/debug)");
	};
	for (const disk_part &part : into.disks)
		look(part.disk);
	for (const device &nic : into.nics)
		look(nic);
}

void note_what_is_alone(preparation &into)
{
	bool emulated = false, pv = false;
	const auto look = [&](const device &one) {
		emulated = emulated || one.kind == "emulated";
		pv = pv || one.kind == "intree" || one.kind == "xenpv";
	};
	for (const disk_part &part : into.disks)
		look(part.disk);
	for (const device &nic : into.nics)
		look(nic);
	if (pv && !emulated)
		into.notes.emplace_back(
			"there is no emulated device to compare with: an HVM guest keeps its own when it "
			"boots with xen_emul_unplug=unnecessary");
	if (emulated && !pv)
		into.notes.emplace_back("there is no PV device to compare with: see `xenpv advise`");
}

} // namespace

std::string system_address(const std::string &nic, bool six)
{
	ifaddrs *all = nullptr;
	std::string found;
	if (::getifaddrs(&all) != 0)
		return found;
	for (const ifaddrs *one = all; one && found.empty(); one = one->ifa_next) {
		if (!one->ifa_addr || nic != one->ifa_name)
			continue;
		char text[INET6_ADDRSTRLEN] = "";
		if (!six && one->ifa_addr->sa_family == AF_INET)
			(void)::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in *>(one->ifa_addr)->sin_addr, text,
					  sizeof text);
		if (six && one->ifa_addr->sa_family == AF_INET6) {
			const in6_addr &address = reinterpret_cast<sockaddr_in6 *>(one->ifa_addr)->sin6_addr;
			if (!IN6_IS_ADDR_LINKLOCAL(&address))
				(void)::inet_ntop(AF_INET6, &address, text, sizeof text);
		}
		found = text;
	}
	::freeifaddrs(all);
	return found;
}

preparation prepare(const wishes &what, const std::filesystem::path &root, const run_tool &run,
		    const address_of &address)
{
	check_place(what, root);
	preparation made;
	if (what.only != "network")
		take_disks(what, root, run, made);
	if (what.only != "disk")
		take_nics(what, root, run, address, made);
	if (made.disks.empty() && made.nics.empty()) {
		std::string known;
		for (const std::string &note : made.notes)
			known += "; " + note;
		throw gone_wrong("there is nothing to measure: no emulated and no PV device was found" + known,
				 "name what to measure: --disk /dev/NAME, --nic NAME --server ADDRESS; `xenpv status` "
				 "shows what there is");
	}
	note_counters(made, root);
	note_what_is_alone(made);
	return made;
}

} // namespace xenpv::cli::bench
