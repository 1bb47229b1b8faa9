// SPDX-License-Identifier: GPL-2.0-only
// xenpv doctor: each fault is found in a machine that has it, and none in one that has not.
#include "cli_fixture.hpp"

#include <cli/doctor/doctor.hpp>
#include <cli/survey/survey.hpp>

#include <boost/test/unit_test.hpp>

#include <nlohmann/json.hpp>

namespace {

std::vector<cli::finding> wrong(const fake_machine &machine, const cli::machine &before)
{
	auto found = cli::examine(machine.ctx, before, cli::survey(machine.ctx));
	std::erase_if(found, [](const cli::finding &f) { return f.is == cli::verdict::fine; });
	return found;
}

std::vector<cli::finding> wrong(const fake_machine &machine)
{
	return wrong(machine, cli::survey(machine.ctx));
}

// Exactly this is wrong, its text has `words`, and there is a fix.
void expect(const std::vector<cli::finding> &found, const std::string &check, cli::verdict is, const std::string &words,
	    const std::string &fix)
{
	BOOST_REQUIRE_MESSAGE(found.size() == 1, check << ": " << found.size() << " findings");
	const cli::finding &f = found[0];
	BOOST_TEST(f.check == check);
	BOOST_TEST(cli::name_of(f.is) == cli::name_of(is));
	BOOST_TEST_CONTEXT(f.what << " / " << f.fix)
	{
		BOOST_TEST((f.where + " " + f.what).find(words) != std::string::npos);
		BOOST_TEST(f.fix.find(fix) != std::string::npos);
	}
}

struct healthy : fake_machine {
	healthy() { healthy_guest(); }
	std::string &front(const std::string &key) { return store["/local/domain/3/device/vbd/51712/" + key]; }
	std::string &back(const std::string &key) { return store["/local/domain/0/backend/vbd/3/51712/" + key]; }
	std::string &nic_front(const std::string &key) { return store["/local/domain/3/device/vif/0/" + key]; }
	std::string &nic_back(const std::string &key) { return store["/local/domain/0/backend/vif/3/0/" + key]; }
	void inside(const std::string &name, const std::string &text)
	{
		file("/sys/kernel/debug/xenpv/vbd-51712/" + name, text);
	}
};

} // namespace

BOOST_FIXTURE_TEST_CASE(nothing_is_wrong_with_the_healthy, healthy)
{
	for (const cli::finding &f : wrong(*this))
		BOOST_ERROR(f.check + ": " + f.what);
	const auto all = cli::examine(ctx, cli::survey(ctx), cli::survey(ctx));
	BOOST_TEST(all.size() == 10U); // one for each check
	BOOST_TEST(run({"doctor"}).status == 0);
	const auto json = nlohmann::json::parse(run({"doctor", "--json"}).out);
	BOOST_TEST(json.at("findings").size() == 10U);
	BOOST_TEST(json.at("findings").at(0).at("verdict") == "fine");
}

BOOST_FIXTURE_TEST_CASE(nothing_is_wrong_with_a_healthy_dom0, fake_machine)
{
	healthy_dom0("pvh");
	for (const cli::finding &f : wrong(*this))
		BOOST_ERROR(f.check + ": " + f.what);
}

BOOST_FIXTURE_TEST_CASE(the_in_tree_driver_has_the_disk, fake_machine)
{
	xen("PVH", 3);
	pv_disk("xvda", 51712, "vbd", "xen_blkfront");
	module("xen_blkfront", "", "");
	disk_nodes(3, 51712);
	BOOST_TEST(wrong(*this).empty()); // ours is not installed
	file("/lib/modules/5.10.0/modules.dep", "updates/dkms/xenpv_blkfront.ko: updates/dkms/xenpv_kapi.ko\n");
	expect(wrong(*this), "in-tree module", cli::verdict::fault, "installed for kernel 5.10.0",
	       "linux-headers-6.1.0-56-amd64");
	file("/lib/modules/6.1.0-56-amd64/modules.dep", "updates/dkms/xenpv_blkfront.ko: updates/dkms/xenpv_kapi.ko\n");
	expect(wrong(*this), "in-tree module", cli::verdict::fault, "xen_blkfront serves it",
	       "reboot: it takes over at boot");
}

BOOST_FIXTURE_TEST_CASE(the_module_is_not_in_the_initramfs, healthy)
{
	file("/lib/modules/6.1.0-56-amd64/modules.dep", "updates/xenpv_blkfront.ko:\n");
	file("/boot/initrd.img-6.1.0-56-amd64", "");
	std::string listing;
	ctx.run = [&](const std::vector<std::string> &argv, const cli::child_options &) {
		BOOST_TEST(argv.at(0) == "lsinitramfs");
		cli::child_result done;
		done.started = true;
		done.status = 0;
		done.out = listing;
		return done;
	};
	listing = "usr/lib/modules/6.1.0-56-amd64/updates/xenpv_blkfront.ko\n";
	BOOST_TEST(wrong(*this).empty());
	listing = "usr/lib/modules/6.1.0-56-amd64/kernel/drivers/block/xen-blkfront.ko\n";
	expect(wrong(*this), "initramfs", cli::verdict::warning, "in-tree xen-blkfront",
	       "update-initramfs -u -k 6.1.0-56-amd64");
	listing = "bin/sh\n";
	expect(wrong(*this), "initramfs", cli::verdict::fault, "not found at the next boot", "update-initramfs");
	ctx.run = [](const std::vector<std::string> &, const cli::child_options &) {
		cli::child_result none;
		none.start_error = ENOENT;
		return none;
	};
	expect(wrong(*this), "initramfs", cli::verdict::unseen, "not installed", "initramfs-tools");
}

BOOST_FIXTURE_TEST_CASE(the_module_is_not_signed, fake_machine)
{
	xen("PVH", 3);
	const std::string module = "/lib/modules/6.1.0-56-amd64/updates/xenpv_netfront.ko";
	file("/lib/modules/6.1.0-56-amd64/modules.dep", "updates/xenpv_netfront.ko:\n");
	file(module, "code");
	file("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	BOOST_TEST(wrong(*this).empty());
	file("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	expect(wrong(*this), "lockdown", cli::verdict::unseen, "cannot be read",
	       "modinfo"); // shorter than a signature's mark
	file(module, std::string(100, 'x'));
	expect(wrong(*this), "lockdown", cli::verdict::fault, "is not signed", "mokutil");
	file(module, std::string(100, 'x') + "~Module signature appended~\n");
	BOOST_TEST(wrong(*this).empty());
	file(module, std::string(100, 'x'));
	file("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	file("/sys/module/module/parameters/sig_enforce", "Y\n");
	expect(wrong(*this), "lockdown", cli::verdict::fault, "module.sig_enforce", "mokutil");
}

BOOST_FIXTURE_TEST_CASE(unplug_left_an_emulated_device, healthy)
{
	emulated_nic("ens4");
	expect(wrong(*this), "unplug", cli::verdict::fault, "vif-0 is the same device", "CONFIG_XEN_PVHVM");
	file("/proc/cmdline", "root=/dev/xvda xen_emul_unplug=unnecessary quiet\n");
	expect(wrong(*this), "unplug", cli::verdict::fault, "ens4", "take xen_emul_unplug=unnecessary");
}

BOOST_FIXTURE_TEST_CASE(states_are_stuck, healthy)
{
	front("state") = "3";
	back("state") = "2";
	expect(wrong(*this), "xenstore states", cli::verdict::fault,
	       "frontend 3 Initialised, backend 2 InitWait: the backend has not opened", "physical-device");
	const cli::machine before = cli::survey(ctx);
	front("state") = "4";
	BOOST_TEST(wrong(*this, before).empty()); // it moves
	back("state") = "7";
	expect(wrong(*this), "xenstore states", cli::verdict::fault, "backend 7 Reconfiguring", "detach");
	back("state") = "77";
	expect(wrong(*this), "xenstore states", cli::verdict::fault, "backend none", "detach");
}

BOOST_FIXTURE_TEST_CASE(a_disk_waits_for_its_device, fake_machine)
{
	healthy_dom0("pvh");
	store["/local/domain/3/device/vbd/51712/state"] = "3";
	store["/local/domain/0/backend/vbd/3/51712/state"] = "2";
	const std::string name = "/sys/kernel/debug/xenpv/vbd-3-51712/blkback";
	file(name, "state waiting\nqueues 0\nwaits_for device_in_use\n");
	expect(wrong(*this), "xenstore states", cli::verdict::fault, "dom0 uses the device itself", "unmount");
	file(name, "state waiting\nqueues 0\nwaits_for requests_of_another_guest\n");
	expect(wrong(*this), "xenstore states", cli::verdict::fault, "writes of the guest that had", "inflight");
	file(name, "state waiting\nqueues 0\n");
	expect(wrong(*this), "xenstore states", cli::verdict::fault, "has not opened", "physical-device");
}

BOOST_FIXTURE_TEST_CASE(the_driver_gave_up, healthy)
{
	inside("blkfront", "state broken\nqueues 2\n");
	expect(wrong(*this), "xenstore states", cli::verdict::fault, "reads broken", "dmesg");
	inside("blkfront", "state connected\n");
	store["/local/domain/3/error/device/vbd/51712/error"] = "22 bad ring-ref";
	expect(wrong(*this), "xenstore states", cli::verdict::fault, "22 bad ring-ref", "detach");
}

BOOST_FIXTURE_TEST_CASE(a_hotplug_script_failed, healthy)
{
	nic_back("hotplug-status") = "error";
	expect(wrong(*this), "hotplug scripts", cli::verdict::fault, "vif-0", "/var/log/xen");
	nic_back("hotplug-error") = "Could not find bridge device br7";
	expect(wrong(*this), "hotplug scripts", cli::verdict::fault, "br7", "/var/log/xen");
}

BOOST_FIXTURE_TEST_CASE(grants_run_out, healthy)
{
	inside("grants", "in_use 40\nparked 0\nexhausted 3\n");
	expect(wrong(*this), "grant table", cli::verdict::fault, "3 times", "max_grant_frames");
	inside("grants", "in_use 40\nparked 5\nexhausted 0\n");
	expect(wrong(*this), "grant table", cli::verdict::warning, "keeps 5", "detach");
	inside("grants", "in_use 40\nparked 0\nexhausted 0\n");
	ctx.grant_frames = [](unsigned) { return std::optional(std::pair(55U, 64U)); };
	BOOST_TEST(wrong(*this).empty());
	ctx.grant_frames = [](unsigned) { return std::optional(std::pair(56U, 64U)); };
	expect(wrong(*this), "grant table", cli::verdict::warning, "56 of 64", "max_grant_frames=128");
	ctx.grant_frames = [](unsigned) { return std::optional(std::pair(64U, 64U)); };
	expect(wrong(*this), "grant table", cli::verdict::fault, "64 of 64", "max_grant_frames=128");
}

BOOST_FIXTURE_TEST_CASE(queues_are_fewer_than_cpus, healthy)
{
	front("multi-queue-num-queues") = "1";
	expect(wrong(*this), "queues", cli::verdict::warning, "1 queue for 2 vCPUs, though the backend offers 4",
	       "max_queues");
	front("multi-queue-num-queues") = "2";
	nic_front("multi-queue-num-queues") = "1";
	expect(wrong(*this), "queues", cli::verdict::warning, "offers 2", "ethtool -L eth0 combined 2");
	nic_back("multi-queue-max-queues") = "1";
	expect(wrong(*this), "queues", cli::verdict::warning, "the backend offers 1",
	       "echo 2 >/sys/module/xenpv_netback");
	file("/sys/devices/system/cpu/online", "0\n");
	BOOST_TEST(wrong(*this).empty());
}

BOOST_FIXTURE_TEST_CASE(interrupts_are_lost, healthy)
{
	inside("blkfront", "state connected\nqueue 0\n  requests 9\n  responses 7\n  events_received 3\n");
	const cli::machine before = cli::survey(ctx);
	expect(wrong(*this, before), "lost interrupts", cli::verdict::fault, "2 requests wait", "inflight");
	inside("blkfront", "state connected\nqueue 0\n  requests 9\n  responses 8\n  events_received 4\n");
	BOOST_TEST(wrong(*this, before).empty()); // it moves
	file("/sys/devices/vif-0/xenbus/jiffies_eoi_delayed", "12\n");
	expect(wrong(*this, before), "lost interrupts", cli::verdict::warning, "12 jiffies", "events_spurious");
	file("/sys/devices/vif-0/xenbus/jiffies_eoi_delayed", "0\n");
	file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "acpi_pm\n");
	expect(wrong(*this, before), "lost interrupts", cli::verdict::warning, "acpi_pm", "clocksource=xen");
	file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	inside("blkfront", "state connected\n");
	file("/sys/kernel/debug/xenpv/vif-0/netfront", "state connected\nlink 0\nstalled 1\n");
	expect(wrong(*this, cli::survey(ctx)), "lost interrupts", cli::verdict::fault, "link is down", "xenpv-");
}

BOOST_FIXTURE_TEST_CASE(features_do_not_match, healthy)
{
	back("feature-persistent") = "0";
	expect(wrong(*this), "features", cli::verdict::warning, "by the frontend only", "xenpv_blkback");
	back("feature-persistent") = "1";
	front("protocol").clear();
	expect(wrong(*this), "features", cli::verdict::warning, "layout", "update");
	front("protocol") = "x86_64-abi";
	front("ring-page-order") = "2";
	expect(wrong(*this), "features", cli::verdict::fault, "order 2", "update");
	front("ring-page-order") = "0";
	front("multi-queue-num-queues") = "8";
	expect(wrong(*this), "features", cli::verdict::fault, "uses 8 queues, the backend offers 4", "update");
	front("multi-queue-num-queues") = "2";
	nic_back("feature-rx-copy") = "0";
	expect(wrong(*this), "features", cli::verdict::fault, "copy packets", "old");
	nic_back("feature-rx-copy") = "1";
	nic_front("feature-sg") = "0";
	expect(wrong(*this), "features", cli::verdict::warning, "by the backend only", "ethtool -K");
}

BOOST_FIXTURE_TEST_CASE(what_is_wrong_ends_with_1_and_is_said_with_its_fix, healthy)
{
	nic_back("hotplug-error") = "no bridge";
	const outcome done = run({"doctor"});
	BOOST_TEST(done.status == 1);
	BOOST_TEST(done.out.find("fault: hotplug scripts: vif-0") != std::string::npos);
	BOOST_TEST(done.out.find("    fix: in dom0") != std::string::npos);
	BOOST_TEST(done.out.find("fine:") == std::string::npos);
	BOOST_TEST(done.out.ends_with("1 thing wrong\n"));
	BOOST_TEST(run({"doctor", "--all"}).out.find("fine: queues") != std::string::npos);
}
