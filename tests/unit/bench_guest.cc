// SPDX-License-Identifier: GPL-2.0-only
// What xenpv bench finds in a guest, what it refuses, and a whole run with programs that are played.
#include <cli/bench/environment.hpp>
#include <cli/bench/failure.hpp>
#include <cli/bench/guard.hpp>
#include <cli/bench/session.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace xenpv::cli::bench;
using xenpv::cli::failure;
namespace fs = std::filesystem;

namespace {

// A guest in a directory: an emulated disk and NIC, and PV ones of either driver.
class guest {
public:
	guest()
	{
		char pattern[] = "/tmp/xenpv-bench-guest.XXXXXX";
		root = ::mkdtemp(pattern);
		put("sys/hypervisor/type", "xen\n");
		put("sys/hypervisor/guest_type", "HVM\n");
		put("proc/xen/capabilities", "");
		put("proc/self/mountinfo", "");
		put("proc/swaps", "Filename Type Size Used Priority\n");
		disk("sda", "devices/pci0/0000:00:01.1", "pci", "ata_piix", "ata1/host0/0:0:0:0");
		put("sys/block/sda/size", "16384\n"); // of the PV ones' size it might be one of them
		disk("xvdb", "devices/vbd-51728", "xen", "vbd", "");
		disk("xvdc", "devices/vbd-51744", "xen", "xenpv_blkfront", "");
		disk("loop0", "devices/virtual/block/loop", "", "", "");
		nic("lo", "", "", "");
		nic("eth0", "devices/pci0/0000:00:04.0", "pci", "e1000");
		nic("eth1", "devices/vif-0", "xen", "xenpv_netfront");
	}
	guest(const guest &) = delete;
	guest &operator=(const guest &) = delete;
	~guest() { fs::remove_all(root); }

	void put(const std::string &path, const std::string &content) const
	{
		fs::create_directories((root / path).parent_path());
		std::ofstream(root / path) << content;
	}

	void hardware(const std::string &at, const std::string &bus, const std::string &driver) const
	{
		const fs::path folder = root / "sys" / at;
		fs::create_directories(folder);
		if (bus.empty())
			return;
		fs::create_symlink(root / "sys/bus" / bus, folder / "subsystem");
		fs::create_symlink(root / "sys/bus" / bus / "drivers" / driver, folder / "driver");
		if (bus == "pci")
			put("sys/" + at + "/subsystem_vendor", "0x1af4\n");
	}

	void disk(const std::string &name, const std::string &at, const std::string &bus, const std::string &driver,
		  const std::string &below) const
	{
		hardware(at, bus, driver);
		fs::create_directories(root / "sys" / at / below);
		put("sys/block/" + name + "/size", "8192\n");
		put("sys/block/" + name + "/dev", "202:" + name.substr(3) + "\n");
		fs::create_symlink(root / "sys" / at / below, root / "sys/block" / name / "device");
		put("dev/" + name, "");
		fs::resize_file(root / "dev" / name, 4 << 20);
	}

	void nic(const std::string &name, const std::string &at, const std::string &bus,
		 const std::string &driver) const
	{
		put("sys/class/net/" + name + "/mtu", "1500\n");
		if (at.empty())
			return;
		hardware(at, bus, driver);
		fs::create_symlink(root / "sys" / at, root / "sys/class/net" / name / "device");
	}

	fs::path root;
};

// Programs as they answer; blkid tells of one disk.
struct programs {
	bool fio = true, iperf = true, blkid = true;
	std::string signed_disk, signature, blkid_says;
	mutable std::vector<std::string> called;

	tool_output operator()(const std::vector<std::string> &argv) const
	{
		called.push_back(argv.front());
		const auto gone = [](const std::string &name) {
			return tool_output{true, false, -1, "", "", name + ": not installed"};
		};
		if (argv[0] == "blkid" && !blkid)
			return gone("blkid");
		if (argv[0] == "blkid")
			return signed_disk.empty() || !argv.back().ends_with(signed_disk)
				       ? tool_output{false, false, 2, "", blkid_says}
				       : tool_output{false, false, 0, signature};
		if ((argv[0] == "fio" && !fio) || (argv[0] == "iperf3" && !iperf))
			return gone(argv[0]);
		return {false, false, 0, "version 1\n --bind-dev\n"};
	}
};

struct prepared {
	preparation made;
	std::string complaint;
	int status = 0;

	[[nodiscard]] bool says(const std::string &part) const { return complaint.find(part) != std::string::npos; }
	[[nodiscard]] bool notes(const std::string &part) const
	{
		for (const std::string &note : made.notes)
			if (note.find(part) != std::string::npos)
				return true;
		return false;
	}
	[[nodiscard]] std::string labels() const
	{
		std::string all;
		for (const disk_part &part : made.disks)
			all += part.disk.label + (part.writes ? "! " : " ");
		for (const device &nic : made.nics)
			all += nic.label + " ";
		return all;
	}
};

prepared attempt(const guest &in, const wishes &what, const programs &with = {})
{
	prepared found;
	try {
		found.made = prepare(
			what, in.root, [&](const auto &argv, std::chrono::seconds) { return with(argv); },
			[](const std::string &nic, bool) { return nic == "eth9" ? "" : "10.0.0.9"; });
	} catch (const failure &error) {
		BOOST_TEST(!error.advice().empty());
		found.complaint = std::string(error.what()) + " / " + error.advice();
		found.status = static_cast<int>(error.code());
	}
	return found;
}

wishes on_disks(const std::vector<std::string> &names)
{
	wishes made;
	made.disks = names;
	return made;
}

} // namespace

BOOST_AUTO_TEST_SUITE(bench_guest)

BOOST_AUTO_TEST_CASE(devices_are_told_by_their_drivers)
{
	const guest in;
	const auto disks = find_disks(in.root);
	BOOST_TEST_REQUIRE(disks.size() == 4u);
	BOOST_TEST((disks[0].name == "loop0" && disks[0].kind == "other"));
	BOOST_TEST((disks[1].name == "sda" && disks[1].kind == "emulated" && disks[1].driver == "ata_piix"));
	BOOST_TEST((disks[2].name == "xvdb" && disks[2].kind == "intree" && disks[2].debugfs.empty()));
	BOOST_TEST((disks[3].kind == "xenpv" && disks[3].debugfs == "/sys/kernel/debug/xenpv/vbd-51744/blkfront"));
	BOOST_TEST(disks[3].bytes == 4u << 20);
	const auto nics = find_nics(in.root);
	BOOST_TEST_REQUIRE(nics.size() == 2u);
	BOOST_TEST((nics[0].name == "eth0" && nics[0].kind == "emulated" && nics[1].kind == "xenpv"));
}

BOOST_AUTO_TEST_CASE(several_of_a_kind_are_told_apart)
{
	const guest in;
	in.disk("xvdd", "devices/vbd-51760", "xen", "vbd", "");
	const auto chosen = choose(find_disks(in.root), {}, "disk");
	BOOST_TEST_REQUIRE(chosen.size() == 4u); // not the loop device
	BOOST_TEST((chosen[0].label == "emulated" && chosen[1].label == "intree xvdb" && chosen[3].label == "xenpv"));
	const auto named = choose(find_disks(in.root), {"/dev/loop0", "loop0", "sda"}, "disk");
	BOOST_TEST((named.size() == 2u && named[0].label == "other loop0"), named[0].label);
	BOOST_CHECK_EXCEPTION((void)choose(find_disks(in.root), {"/dev/xvdz"}, "disk"), failure,
			      [](const failure &error) {
				      return std::string(error.what()) == "there is no disk /dev/xvdz" &&
					     error.advice() == "name one of: loop0, sda, xvdb, xvdd, xvdc";
			      });
}

BOOST_AUTO_TEST_CASE(a_controller_that_is_not_qemus_is_not_emulated)
{
	const guest in;
	in.put("sys/devices/pci0/0000:00:01.1/subsystem_vendor", "0x8086\n");
	in.put("sys/devices/pci0/0000:00:04.0/subsystem_vendor", "0x8086\n");
	BOOST_TEST(find_disks(in.root)[1].kind == "other");
	BOOST_TEST(find_nics(in.root)[0].kind == "other");
}

BOOST_AUTO_TEST_CASE(disks_that_nobody_named_are_only_read)
{
	const guest in;
	const prepared found = attempt(in, {});
	BOOST_TEST(found.complaint == "");
	BOOST_TEST(found.labels() == "emulated intree xenpv ");
	BOOST_TEST(found.made.claims.empty());
	BOOST_TEST(found.notes("only reads are measured: a disk that is to be written to has to be named"));
	BOOST_TEST(found.notes("the network is not measured"));
	BOOST_TEST(found.notes("no counters of xenpv_blkfront"));
}

BOOST_AUTO_TEST_CASE(blank_disks_that_are_named_are_written_to)
{
	const guest in;
	const prepared found = attempt(in, on_disks({"sda", "/dev/xvdc"}));
	BOOST_TEST(found.complaint == "");
	BOOST_TEST(found.labels() == "emulated! xenpv! ");
	BOOST_TEST(found.made.claims.size() == 2u);
	BOOST_TEST(!found.notes("only reads"));
}

BOOST_AUTO_TEST_CASE(what_holds_data_is_not_written_to)
{
	const guest in;
	programs with;
	with.signed_disk = "xvdb";
	with.signature = "DEVNAME=/dev/xvdb\nTYPE=ext4\nUSAGE=filesystem\n";
	const prepared named = attempt(in, on_disks({"/dev/xvdb"}), with);
	BOOST_TEST(named.says("/dev/xvdb has a signature of ext4: it is not written to"), named.complaint);
	BOOST_TEST(named.says("--force-write /dev/xvdb"), named.complaint);
	BOOST_TEST(named.status == 1);
	wishes other = on_disks({"/dev/xvdb"});
	other.force_write = {"/dev/xvdc"};
	BOOST_TEST(attempt(in, other, with).says("not written to"));
	other.force_write = {"/dev/xvdb"};
	const prepared forced = attempt(in, other, with);
	BOOST_TEST(forced.labels() == "intree! ");
	BOOST_TEST(forced.notes("which is overwritten as you wished"));
	wishes reads = on_disks({"xvdb"});
	reads.reads_only = true;
	BOOST_TEST(attempt(in, reads, with).labels() == "intree ");
	with.signature = "PTTYPE=gpt\n";
	BOOST_TEST(attempt(in, on_disks({"xvdb"}), with).says("has a partition table (gpt)"));
	with.signed_disk = "";
	with.blkid_says = "error: /dev/xvdb: Input/output error";
	BOOST_TEST(attempt(in, on_disks({"xvdb"}), with).says("cannot be told"));
	with.blkid = false;
	BOOST_TEST(attempt(in, on_disks({"xvdb"}), with).says("cannot be told: there is no blkid"));
}

BOOST_AUTO_TEST_CASE(partitions_holders_and_what_is_not_blank)
{
	const guest in;
	in.put("sys/block/xvdb/xvdb1/partition", "1\n");
	BOOST_TEST(attempt(in, on_disks({"xvdb"})).says("has 1 partition:"));
	fs::create_directories(in.root / "sys/block/xvdc/holders/dm-0");
	BOOST_TEST(attempt(in, on_disks({"xvdc"})).says("is held by dm-0"));
	// A database on the raw disk has no signature; nor has what an earlier bench leaves.
	std::fstream(in.root / "dev/sda").seekp(3 << 20).write("data", 4);
	BOOST_TEST(attempt(in, on_disks({"sda"})).says("/dev/sda is not blank: it is not written to"));
	wishes forced;
	forced.force_write = {"/dev/sda"};
	BOOST_TEST(attempt(in, forced).labels() == "emulated! ");
}

BOOST_AUTO_TEST_CASE(what_is_in_use_is_not_even_written_to_by_force)
{
	const guest in;
	in.put("proc/self/mountinfo", "22 1 202:b / /srv rw - ext4 /dev/xvdb rw\n");
	in.put("proc/swaps", "Filename Type Size Used Priority\n/dev/xvdc partition 1 0 -2\n");
	wishes forced;
	forced.force_write = {"/dev/xvdb"};
	const prepared mounted = attempt(in, forced);
	BOOST_TEST(mounted.says("/dev/xvdb is mounted at /srv: it is not written to"), mounted.complaint);
	BOOST_TEST(mounted.status == 1);
	forced.force_write = {"/dev/xvdc"};
	BOOST_TEST(attempt(in, forced).says("is swap space in use"));
	BOOST_TEST(attempt(in, {}).labels() == "emulated intree xenpv ");
}

BOOST_AUTO_TEST_CASE(one_disk_under_two_names_is_not_written_to_while_either_is_in_use)
{
	const guest in;
	in.put("sys/block/sda/size", "8192\n");
	wishes forced;
	forced.force_write = {"/dev/xvdb"};
	BOOST_TEST(attempt(in, forced).labels() == "intree! ");
	in.put("proc/self/mountinfo", "22 1 202: / / rw - ext4 /dev/sda1 rw\n");
	const prepared root = attempt(in, forced);
	BOOST_TEST(root.says("/dev/xvdb is as large as /dev/sda and may be the same disk, which is mounted at /:"),
		   root.complaint);
	in.put("proc/self/mountinfo", "");
	BOOST_TEST(attempt(in, on_disks({"sda", "xvdb"})).says("which is to be written to as well / name one"));
	// Only the first four have twins.
	in.disk("xvde", "devices/vbd-51776", "xen", "vbd", "");
	BOOST_TEST(attempt(in, on_disks({"sda", "xvde"})).labels() == "emulated! intree! ");
}

BOOST_AUTO_TEST_CASE(in_dom0_only_what_is_named_is_touched)
{
	const guest in;
	in.put("proc/xen/capabilities", "control_d\n");
	wishes what;
	what.nics = {"eth0"};
	what.server = "10.0.0.1";
	BOOST_TEST(attempt(in, what).labels() == "emulated ");
	what.nics.clear();
	what.disks = {"xvdb"};
	what.reads_only = true;
	BOOST_TEST(attempt(in, what).says("no NIC is named / name one: --nic NAME"));
	what.server = "";
	BOOST_TEST(attempt(in, what).labels() == "intree ");
	// Not every backend holds the disks that it serves.
	what.reads_only = false;
	BOOST_TEST(attempt(in, what).says("may be a guest's disk"));
	what.force_write = {"/dev/xvdb"};
	BOOST_TEST(attempt(in, what).labels() == "intree! ");
	in.put("sys/block/xvdb/dev", "253:17\n");
	in.put("sys/bus/xen-backend/devices/vbd-3-51712/physical_device", "fd:11\n");
	const prepared served = attempt(in, what);
	BOOST_TEST(served.says("/dev/xvdb is a guest's disk, vbd-3-51712: it is not written to"), served.complaint);
}

BOOST_AUTO_TEST_CASE(missing_programs_and_places_are_named)
{
	const guest in;
	programs none;
	none.fio = none.iperf = false;
	const prepared fio = attempt(in, {}, none);
	BOOST_TEST(fio.says("fio is not installed / apt install fio"), fio.complaint);
	BOOST_TEST(fio.status == 3);
	wishes network;
	network.only = "network";
	BOOST_TEST(attempt(in, network).says("--server ADDRESS"));
	network.server = "10.0.0.1";
	BOOST_TEST(attempt(in, network, none).says("iperf3 is not installed / apt install iperf3"));
	BOOST_TEST(attempt(in, network).labels() == "emulated xenpv ");
	in.nic("eth9", "devices/vif-9", "xen", "vif");
	BOOST_TEST(attempt(in, network).notes("eth9 has no address"));
	network.nics = {"eth9"};
	BOOST_TEST(attempt(in, network).says("eth9 has no address / give it one"));

	in.put("proc/xen/capabilities", "control_d\n");
	const prepared dom0 = attempt(in, {});
	BOOST_TEST((dom0.says("this is dom0") && dom0.status == 4));
	in.put("sys/hypervisor/type", "none\n");
	const prepared bare_metal = attempt(in, {});
	BOOST_TEST((bare_metal.says("this is no guest of Xen") && bare_metal.status == 4));
	BOOST_TEST(attempt(in, on_disks({"loop0"})).labels() == "other loop0! ");
	BOOST_TEST(attempt(in, on_disks({"loop0"})).made.nics.empty());
}

BOOST_AUTO_TEST_CASE(a_guest_with_nothing_says_so)
{
	const guest in;
	fs::remove_all(in.root / "sys/block");
	fs::remove_all(in.root / "sys/class/net");
	BOOST_TEST(attempt(in, {}).says("there is nothing to measure"));
	BOOST_TEST(attempt(in, on_disks({"xvdb"})).says("leave it out: there is none at all"));
}

BOOST_AUTO_TEST_CASE(the_environment_is_recorded)
{
	const guest in;
	in.put("sys/hypervisor/version/major", "4\n");
	in.put("sys/hypervisor/version/minor", "17\n");
	in.put("sys/hypervisor/version/extra", ".4\n");
	in.put("proc/cpuinfo", "processor\t: 0\nmodel name\t: A CPU\nprocessor\t: 1\n");
	BOOST_TEST(xen_mode(in.root) == "HVM");
	fs::create_directories(in.root / "sys/bus/xen/devices/vbd-51728/driver");
	BOOST_TEST(xen_mode(in.root) == "PVHVM");
	const prepared ready = attempt(in, {});
	const facts found = environment(in.root, ready.made.disks, ready.made.nics, "", {}, [](const auto &, auto) {
		return tool_output{false, false, 0, "fio-3.33\n"};
	});
	std::string all;
	for (const auto &[key, value] : found)
		all += key + "=" + value + "\n";
	for (const char *line :
	     {"mode=PVHVM\n", "xen=4.17.4\n", "vcpus=2\n", "cpu=A CPU\n", "fio=fio-3.33\n", "disk xvdb=intree,"})
		BOOST_TEST(all.find(line) != std::string::npos, all);
}

namespace {

// Counters go up while a program runs.
struct played {
	const guest &in;
	int calls = 0;
	int stop_at = -1;

	tool_output operator()(const std::vector<std::string> &argv)
	{
		if (++calls == stop_at)
			return {false, true, -1};
		const std::string n = std::to_string(calls * 100);
		in.put("sys/kernel/debug/xenpv/vbd-51744/blkfront",
		       "queue 0\n  requests " + n + "\n  pushes " + n + "\n");
		for (const char *nic : {"eth0", "eth1"})
			for (const char *name : {"rx_bytes", "tx_bytes", "rx_packets", "tx_packets"})
				in.put(std::string("sys/class/net/") + nic + "/statistics/" + name, n + "000\n");
		if (argv[0] == "iperf3")
			return {false, false, 0,
				R"({"end": {"sum": {"seconds": 1, "packets": 9, "lost_packets": 1},
				    "sum_received": {"bits_per_second": 1000, "seconds": 1, "packets": 9, "lost_packets": 1},
				    "sum_sent": {"packets": 9, "seconds": 1}}})"};
		return {false, false, 0,
			R"({"jobs": [{"error": 0, "read": {"bw_bytes": 1, "iops": 2, "total_ios": 3},
			    "write": {"bw_bytes": 1, "iops": 2, "total_ios": 3}}]})"};
	}
};

} // namespace

BOOST_AUTO_TEST_CASE(a_whole_run_saves_after_each_round)
{
	const guest in;
	wishes what = on_disks({"sda", "xvdb", "xvdc"});
	what.server = "10.0.0.1";
	const prepared ready = attempt(in, what);
	const auto plan = make_plan(ready.made.disks, ready.made.nics.size(), {1, 2, 1});
	played by{in};
	const run_tool run = [&](const auto &argv, std::chrono::seconds) { return by(argv); };
	measurer measures(in.root, run);
	std::ostringstream shown;
	progress bar(shown, false, 80, plan);
	std::vector<std::vector<row>> saved;
	measure_all(ready.made, plan, measures, bar, [&](const samples &all) { saved.push_back(all.rows()); });
	BOOST_TEST_REQUIRE(saved.size() == 2u);
	BOOST_TEST(saved[1].size() == 3u * 6 + 2 * 6);
	for (const row &one : saved[1])
		BOOST_TEST(one.runs.size() == 2u); // the warm-up does not count
	const results all{{}, saved[1]};
	const row *ours = find(all, "random read 4 KiB QD1", "xenpv", "iops");
	BOOST_TEST_REQUIRE(ours);
	BOOST_TEST(ours->counters.front().name == "ring pushes of the front");
	BOOST_TEST(ours->counters.front().value == 1);
	BOOST_TEST(find(all, "UDP 64 B server to guest", "emulated", "packets")->spread.median == 100000);
	BOOST_TEST(shown.str().find("run 2 of 2: random write 4 KiB QD1, xenpv xvdc") != std::string::npos,
		   shown.str());
}

BOOST_AUTO_TEST_CASE(an_interrupted_run_keeps_what_there_is)
{
	const guest in;
	const prepared ready = attempt(in, on_disks({"sda", "xvdb", "xvdc"}));
	const auto plan = make_plan(ready.made.disks, 0, {1, 2, 0});
	played by{in, 0, 4};
	const run_tool run = [&](const auto &argv, std::chrono::seconds) { return by(argv); };
	measurer measures(in.root, run);
	std::ostringstream shown;
	progress bar(shown, false, 80, plan);
	size_t kept = 0;
	const auto save = [&](const samples &all) { kept = all.rows().size(); };
	BOOST_CHECK_THROW(measure_all(ready.made, plan, measures, bar, save), interrupted);
	BOOST_TEST(kept == 3u);
}

BOOST_AUTO_TEST_CASE(traffic_that_went_another_way_is_noticed)
{
	const guest in;
	const run_tool run = [](const auto &, std::chrono::seconds) {
		return tool_output{false, false, 0,
				   R"({"end": {"sum_received": {"bits_per_second": 1e9, "seconds": 1}}})"};
	};
	measurer measures(in.root, run);
	const device nic = find_nics(in.root)[0];
	BOOST_CHECK_EXCEPTION(measures.network(net_jobs()[0], nic, {"s", 1, "eth0", "a"}, 1, nullptr), failure,
			      [](const failure &error) {
				      return std::string(error.what()) == "the traffic of iperf3 did not go over eth0";
			      });
}

BOOST_AUTO_TEST_CASE(a_program_that_fails_is_named_with_its_command)
{
	const guest in;
	const device disk = find_disks(in.root)[1];
	const auto trying = [&](tool_output said) {
		measurer measures(in.root, [said](const auto &, std::chrono::seconds) { return said; });
		try {
			measures.disk(disk_jobs()[0], disk, 1, nullptr);
		} catch (const failure &error) {
			return std::string(error.what()) + " / " + error.advice();
		}
		return std::string();
	};
	const std::string failed = trying({false, false, 1, "", "", "fio: exited with 1: no such engine"});
	BOOST_TEST(
		failed.starts_with("fio: exited with 1: no such engine / see whether this works by hand: fio --name"),
		failed);
	BOOST_TEST(trying({true, false, -1}).starts_with("fio is not installed / apt install fio"));
}

BOOST_AUTO_TEST_SUITE_END()
