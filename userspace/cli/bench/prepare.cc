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

// What is found by itself has to be a guest's: of dom0 it would be the machine's own devices.
bool is_guest(const std::string &mode)
{
	return mode != "none" && mode != "dom0";
}

void check_place(const wishes &what, const std::string &mode)
{
	const bool named = !what.disks.empty() || !what.nics.empty() || !what.force_write.empty();
	if (named || is_guest(mode))
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

bool is_pv(const device &disk)
{
	return disk.kind == "intree" || disk.kind == "xenpv";
}

// Of the first four disks of an HVM guest there are an emulated and a PV one, if it has unplugged neither: one volume
// under two names, of which the kernel does not know. The order of names says little, the size does.
const device *twin_of(const device &disk, const std::vector<device> &all)
{
	const auto first_four = [](const device &pv) {
		return pv.name.size() == 4 && pv.name.starts_with("xvd") && pv.name[3] <= 'd';
	};
	const auto is = [&](const device &other) {
		const bool pair = (disk.kind == "emulated" && is_pv(other) && first_four(other)) ||
				  (other.kind == "emulated" && is_pv(disk) && first_four(disk));
		return pair && disk.bytes == other.bytes;
	};
	const auto found = std::find_if(all.begin(), all.end(), is);
	return found == all.end() ? nullptr : &*found;
}

void check_twin(const device &disk, const std::vector<device> &all, const preparation &so_far,
		const std::filesystem::path &root)
{
	const device *twin = twin_of(disk, all);
	if (!twin)
		return;
	const std::string same =
		path_of(disk) + " is as large as " + path_of(*twin) + " and may be the same disk, which ";
	if (const std::string user = user_of(twin->name, root); !user.empty())
		throw gone_wrong(same + user + ": it is not written to",
				 "measure without writing (--reads-only), or a disk of another size");
	for (const disk_part &part : so_far.disks)
		if (part.writes && part.disk.name == twin->name)
			throw gone_wrong(same + "is to be written to as well", "name one of them only");
}

// A disk that somebody wants written to.
void admit_writes(const device &disk, const wishes &what, const std::string &mode, const std::filesystem::path &root,
		  const run_tool &run, preparation &into)
{
	const bool forced = among(disk.name, what.force_write);
	const std::string instead = "measure without writing (--reads-only), or have all that is on it overwritten: "
				    "--force-write " +
				    path_of(disk);
	check_twin(disk, find_disks(root), into, root);
	claim held(disk.name, root);
	if (mode == "dom0" && !forced)
		throw gone_wrong(path_of(disk) +
					 " may be a guest's disk, which not every backend lets dom0 know: it is "
					 "not written to",
				 instead);
	if (const std::string content = held.content(run); !content.empty()) {
		if (!forced)
			throw gone_wrong(path_of(disk) + " " + content + ": it is not written to", instead);
		into.notes.push_back(path_of(disk) + " " + content + ", which is overwritten as you wished");
	}
	into.claims.push_back(std::move(held));
}

void take_disks(const wishes &what, const std::string &mode, const std::filesystem::path &root, const run_tool &run,
		preparation &into)
{
	std::vector<std::string> named = what.disks;
	named.insert(named.end(), what.force_write.begin(), what.force_write.end());
	if (named.empty() && !is_guest(mode))
		return;
	const std::vector<device> chosen = choose(find_disks(root), named, "disk");
	if (chosen.empty())
		return;
	if (run({"fio", "--version"}, std::chrono::seconds(20)).missing)
		throw cannot("fio is not installed", "apt install fio, or leave the disks out: --only network");
	for (const device &disk : chosen) {
		check_access(disk.name, root);
		const bool writes = !named.empty() && !what.reads_only && !disk.read_only;
		if (writes)
			admit_writes(disk, what, mode, root, run, into);
		else if (disk.read_only && !what.reads_only)
			into.notes.push_back(path_of(disk) + " is read-only: only reads are measured on it");
		into.disks.push_back({disk, writes});
	}
	if (named.empty() && !what.reads_only)
		into.notes.emplace_back("only reads are measured: a disk that is to be written to has to be named, "
					"--disk /dev/NAME");
}

void take_nics(const wishes &what, const std::string &mode, const std::filesystem::path &root, const run_tool &run,
	       const address_of &address, preparation &into)
{
	if (what.nics.empty() && what.server.empty() && !is_guest(mode))
		return;
	if (what.nics.empty() && !is_guest(mode))
		throw bad_argument("there is a server, but no NIC is named", "name one: --nic NAME");
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
	const std::string mode = xen_mode(root);
	check_place(what, mode);
	preparation made;
	if (what.only != "network")
		take_disks(what, mode, root, run, made);
	if (what.only != "disk")
		take_nics(what, mode, root, run, address, made);
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
