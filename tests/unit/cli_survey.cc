// SPDX-License-Identifier: GPL-2.0-only
// What the xenpv command sees of a machine, in words and as JSON.
#include "cli_fixture.hpp"

#include <cli/source/text.hpp>
#include <cli/survey/survey.hpp>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

namespace {

const cli::device &device_of(const std::vector<cli::device> &all, const std::string &name)
{
	for (const cli::device &d : all)
		if (d.name == name)
			return d;
	BOOST_FAIL("no device " + name);
	abort();
}

std::string outcome_of(const cli::device &d, const std::string &name)
{
	for (const cli::feature &f : d.features)
		if (f.name == name)
			return f.outcome;
	return "(none)";
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_pvhvm_guest_is_seen_whole, fake_machine)
{
	healthy_guest();
	const cli::machine m = cli::survey(ctx);
	BOOST_TEST(cli::name_of(m.in) == "PVHVM");
	BOOST_TEST(m.version == "4.17.7");
	BOOST_TEST(m.vcpus == 2U);
	BOOST_TEST(*m.id == 3U);
	BOOST_TEST(m.name == "web1");
	BOOST_TEST(!m.dom0);
	BOOST_TEST(m.unplug.nics == "unplugged");
	const cli::device &disk = device_of(m.devices, "xvda");
	BOOST_TEST(cli::name_of(disk.how) == "PV");
	BOOST_TEST(disk.ours);
	BOOST_TEST(disk.module == "xenpv_blkfront");
	BOOST_TEST(disk.version == "0.3");
	BOOST_TEST(*disk.peer == 0U);
	BOOST_TEST(disk.peer_name == "Domain-0");
	BOOST_TEST(*disk.front_state == 4U);
	BOOST_TEST(*disk.queues == 2U);
	BOOST_TEST(*disk.max_queues == 4U);
	BOOST_TEST(disk.rings == "32 requests");
	BOOST_TEST(outcome_of(disk, "persistent grants") == "yes");
	BOOST_TEST(outcome_of(disk, "indirect segments") == "no");
	BOOST_REQUIRE(disk.inside);
	BOOST_TEST(disk.inside->state == "connected");
	BOOST_TEST(disk.inside->queues.size() == 2U);
	BOOST_TEST(disk.inside->grants.size() == 7U);
	BOOST_TEST(disk.inside->events.size() == 1U);
	const cli::device &nic = device_of(m.devices, "eth0");
	BOOST_TEST(nic.rings == "256 + 256 slots");
	BOOST_TEST(outcome_of(nic, "split event channels") == "yes");
	BOOST_TEST(outcome_of(nic, "TSO over IPv4") == "no");
	BOOST_TEST(m.unseen.empty());
}

BOOST_FIXTURE_TEST_CASE(an_emulated_nic_beside_its_twin_is_told, fake_machine)
{
	healthy_guest();
	emulated_nic("ens4");
	const cli::machine m = cli::survey(ctx);
	const cli::device &nic = device_of(m.devices, "ens4");
	BOOST_TEST(cli::name_of(nic.how) == "emulated");
	BOOST_TEST(nic.driver == "e1000");
	BOOST_TEST(nic.alias_of == "vif-0");
	BOOST_TEST(m.unplug.nics == "still there");
	BOOST_TEST(m.unplug.disks == "unplugged");
}

BOOST_FIXTURE_TEST_CASE(modes_follow_from_the_kernel_and_the_devices, fake_machine)
{
	BOOST_TEST(cli::name_of(cli::survey(ctx).in) == "none");
	file("/sys/bus/xen/drivers_autoprobe", "1\n"); // as on any machine with a distribution's kernel
	std::filesystem::create_directories(ctx.at("/sys/bus/xen/devices"));
	BOOST_TEST(cli::name_of(cli::survey(ctx).in) == "none");
	xen("PVH", 3);
	BOOST_TEST(cli::name_of(cli::survey(ctx).in) == "PVH");
	file("/sys/hypervisor/guest_type", "HVM\n");
	BOOST_TEST(cli::name_of(cli::survey(ctx).in) == "HVM");
	emulated_nic("ens4");
	BOOST_TEST(cli::name_of(cli::survey(ctx).in) == "HVM");
	pv_disk("xvda", 51712, "vbd", "xen_blkfront");
	BOOST_TEST(cli::name_of(cli::survey(ctx).in) == "PVHVM");
	file("/sys/hypervisor/guest_type", "PV\n");
	BOOST_TEST(cli::name_of(cli::survey(ctx).in) == "PV");
}

BOOST_FIXTURE_TEST_CASE(in_tree_drivers_are_shown_with_the_kernels_version, fake_machine)
{
	xen("PVH", 3);
	module("xen_blkfront", "", "");
	pv_disk("xvda", 51712, "vbd", "xen_blkfront");
	disk_nodes(3, 51712);
	const cli::machine m = cli::survey(ctx);
	const cli::device &disk = device_of(m.devices, "xvda");
	BOOST_TEST(!disk.ours);
	BOOST_TEST(disk.version == "6.1.0-56-amd64");
	BOOST_REQUIRE(m.unseen.size() == 1U);
	BOOST_TEST(m.unseen[0].why == "only xenpv's own modules count them");
	BOOST_TEST(!m.unseen[0].serious);
}

BOOST_FIXTURE_TEST_CASE(a_device_without_driver_is_listed_by_its_disks_name, fake_machine)
{
	xen("PVH", 3);
	on_xenbus("vbd-51776", "", "", "device/vbd/51776");
	const cli::machine m = cli::survey(ctx);
	BOOST_TEST(cli::name_of(device_of(m.devices, "xvde").how) == "not in use");
}

BOOST_FIXTURE_TEST_CASE(dom0_sees_each_guest_from_the_backends_side, fake_machine)
{
	healthy_dom0("hvm");
	// A guest writes what it likes: here that its backend is another guest's.
	store["/local/domain/3/device/vbd/51712/backend"] = "/local/domain/0/backend/vbd/7/51712";
	store["/local/domain/0/backend/vbd/7/51712/dev"] = "stolen";
	const cli::machine m = cli::survey(ctx);
	BOOST_TEST(m.dom0);
	BOOST_REQUIRE(m.guests.size() == 1U);
	const cli::domain &g = m.guests[0];
	BOOST_TEST(cli::name_of(g.in) == "PVHVM");
	BOOST_TEST(g.os == "linux");
	BOOST_TEST(g.vcpus == 2U);
	BOOST_TEST(g.devices.size() == 2U);
	const cli::device &disk = device_of(g.devices, "xvda");
	BOOST_TEST(disk.module == "xenpv_blkback");
	BOOST_TEST(disk.back_path == "/local/domain/0/backend/vbd/3/51712");
	BOOST_TEST(disk.totals[0].second == 100U);
	BOOST_TEST(disk.inside->state == "connected");
}

BOOST_FIXTURE_TEST_CASE(an_hvm_guest_that_leaves_its_pv_devices_alone_is_emulated, fake_machine)
{
	healthy_dom0("hvm");
	store["/local/domain/3/device/vbd/51712/state"] = "1";
	store["/local/domain/0/backend/vbd/3/51712/state"] = "2";
	store["/local/domain/3/device/vif/0/state"] = "1";
	store["/local/domain/0/backend/vif/3/0/state"] = "2";
	store["/local/domain/0/backend/vif/3/0/type"] = "vif_ioemu";
	const cli::machine m = cli::survey(ctx);
	BOOST_TEST(cli::name_of(m.guests.at(0).in) == "HVM");
	for (const cli::device &d : m.guests[0].devices)
		BOOST_TEST(cli::name_of(d.how) == "emulated");
}

BOOST_FIXTURE_TEST_CASE(what_a_guest_writes_reaches_no_terminal_raw, fake_machine)
{
	healthy_dom0("hvm");
	store["/local/domain/3/name"] = "\033[2Jweb\nguest root (domain 0): PV";
	store["/local/domain/3/error/device/vbd/51712/error"] = std::string(100000, '\a');
	store["/local/domain/3/data/os_name"] = "\033]0;Linux\a";
	store["/local/domain/3/device/vbd/51712/state"] = "4\033[31m";
	store["/local/domain/3/device/vbd/51712/multi-queue-num-queues"] = "99999999999999999999999";
	store["/local/domain/3/device/vbd/51712/ring-page-order"] = "4294967295";
	store["/local/domain/3/device/vif/0/multi-queue-num-queues"] = "-1";
	const outcome text = run({"status"});
	BOOST_TEST(text.status == 0);
	BOOST_TEST(text.out.size() < 10000U);
	for (const char c : text.out)
		BOOST_REQUIRE((c == '\n' || (c >= 0x20 && c < 0x7f)));
	BOOST_TEST(text.out.find("\nguest root") == std::string::npos);
	const auto json = nlohmann::json::parse(run({"status", "--json"}).out);
	const auto &disk = json.at("guests").at(0).at("devices").at(0);
	BOOST_TEST(!disk.contains("frontend_state"));
	BOOST_TEST(!disk.contains("queues"));
}

BOOST_FIXTURE_TEST_CASE(a_store_full_of_names_is_cut_short, fake_machine)
{
	healthy_dom0("hvm");
	for (unsigned i = 0; i < 5000; ++i)
		store["/local/domain/0/backend/vbd/3/" + std::to_string(100000 + i) + "/state"] = "4";
	const cli::machine m = cli::survey(ctx);
	BOOST_TEST(m.guests.at(0).devices.size() <= 512U);
}

BOOST_FIXTURE_TEST_CASE(json_says_what_the_text_says, fake_machine)
{
	healthy_guest();
	const outcome done = run({"status", "--json"});
	BOOST_TEST(done.status == 0);
	const auto json = nlohmann::json::parse(done.out);
	BOOST_TEST(json.at("xenpv_status") == 1);
	BOOST_TEST(json.at("mode") == "PVHVM");
	BOOST_TEST(json.at("role") == "guest");
	BOOST_TEST(json.at("hypervisor").at("version") == "4.17.7");
	const auto &disk = json.at("devices").at(0);
	BOOST_TEST(disk.at("name") == "xvda");
	BOOST_TEST(disk.at("access") == "PV");
	BOOST_TEST(disk.at("xenpv") == true);
	BOOST_TEST(disk.at("inside").at("grants").at("in_use") == 40);
	BOOST_TEST(disk.at("inside").at("events").at("q0").at("received") == 3);
	BOOST_TEST(disk.at("features").at("flush").at("outcome") == "yes");
}

BOOST_FIXTURE_TEST_CASE(watch_prints_rates_between_two_looks, fake_machine)
{
	healthy_guest();
	const outcome text = run({"status", "--watch=0.01", "--count=2"});
	BOOST_TEST(text.status == 0);
	BOOST_TEST(text.out.find("xvda") != std::string::npos);
	BOOST_TEST(text.out.find('\033') == std::string::npos);
	const outcome lines = run({"status", "--json", "--watch", "0.01", "--count", "1"});
	const auto json = nlohmann::json::parse(lines.out);
	BOOST_TEST(json.at("devices").at(0).at("per_second").at("reads") == 0.0);
}

BOOST_AUTO_TEST_CASE(numbers_are_whole_or_nothing)
{
	BOOST_TEST(*cli::number("0") == 0U);
	BOOST_TEST(*cli::number("18446744073709551615") == UINT64_MAX);
	for (const char *bad : {"", " 1", "1 ", "+1", "-1", "0x1", "18446744073709551616", "1\n", "one"})
		BOOST_TEST(!cli::number(bad));
	BOOST_TEST(!cli::number("9", 8));
}
