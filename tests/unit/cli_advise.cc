// SPDX-License-Identifier: GPL-2.0-only
// xenpv advise: which mode, why, and what to change.
#include "cli_fixture.hpp"

#include <cli/advise/advise.hpp>

#include <boost/test/unit_test.hpp>

#include <nlohmann/json.hpp>

namespace {

struct subject : fake_machine {
	nlohmann::json ask(std::size_t which = 0)
	{
		const outcome done = run({"advise", "--json"});
		const auto all = nlohmann::json::parse(done.out).at("domains");
		bool change = false;
		for (const auto &one : all)
			change = change || one.at("change").get<bool>();
		BOOST_TEST(done.status == (change ? 1 : 0));
		return all.at(which);
	}
	static std::string steps(const nlohmann::json &one)
	{
		std::string all;
		for (const auto &step : one.at("steps"))
			all += step.at("where").get<std::string>() + ": " + step.at("what").get<std::string>() + "\n";
		return all;
	}
};

bool has(const std::string &text, const std::string &part)
{
	return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(linux_should_be_pvh_where_all_can, subject)
{
	healthy_guest();
	file("/boot/config-6.1.0-56-amd64", "CONFIG_XEN=y\nCONFIG_XEN_PVH=y\n");
	const auto one = ask();
	BOOST_TEST(one.at("mode") == "PVHVM");
	BOOST_TEST(one.at("should_be") == "PVH");
	BOOST_TEST(one.at("change") == true);
	BOOST_TEST(has(steps(one), "guest configuration: type = \"pvh\""));
	BOOST_TEST(has(steps(one), "kernel command line: console=hvc0"));
	BOOST_TEST(!has(steps(one), "apt install ./xenpv-dkms")); // it is there
}

BOOST_FIXTURE_TEST_CASE(pvh_stays, subject)
{
	xen("PVH", 3);
	const auto one = ask();
	BOOST_TEST(one.at("should_be") == "PVH");
	BOOST_TEST(one.at("change") == false);
	BOOST_TEST(has(steps(one), "xenpv-dkms"));
}

BOOST_FIXTURE_TEST_CASE(each_obstacle_keeps_linux_pvhvm, subject)
{
	healthy_guest();
	file("/boot/config-6.1.0-56-amd64", "CONFIG_XEN=y\n# CONFIG_XEN_PVH is not set\n");
	auto one = ask();
	BOOST_TEST(one.at("should_be") == "PVHVM");
	BOOST_TEST(one.at("change") == false);
	BOOST_TEST(has(one.at("reason"), "CONFIG_XEN_PVH"));
	file("/boot/config-6.1.0-56-amd64", "\nCONFIG_XEN_PVH=y\n");
	file("/sys/hypervisor/version/minor", "9\n");
	BOOST_TEST(has(ask().at("reason"), "Xen 4.10"));
	file("/sys/hypervisor/version/minor", "17\n");
	store["/local/domain/3/xenserver/attr"] = "";
	BOOST_TEST(has(ask().at("reason"), "XAPI"));
	store.erase("/local/domain/3/xenserver/attr");
	file("/sys/firmware/efi/runtime", "");
	BOOST_TEST(has(ask().at("reason"), "UEFI"));
	std::filesystem::remove_all(ctx.at("/sys/firmware/efi"));
	emulated_nic("ens5");
	file("/sys/devices/pci0000:00/0000:00:04.0/subsystem_vendor", "0x8086\n"); // a real card
	BOOST_TEST(has(ask().at("reason"), "passed through"));
}

BOOST_FIXTURE_TEST_CASE(an_emulated_guest_gets_its_pv_drivers_first, subject)
{
	xen("HVM", 3);
	emulated_nic("ens4");
	file("/proc/cmdline", "xen_emul_unplug=never\n");
	const auto one = ask();
	BOOST_TEST(one.at("mode") == "HVM");
	BOOST_TEST(has(one.at("reason"), "until then PVHVM"));
	BOOST_TEST(has(steps(one), "xen_platform_pci = 1"));
	BOOST_TEST(has(steps(one), "without xen_emul_unplug=never"));
	BOOST_TEST(has(steps(one), "xenpv-dkms"));
}

BOOST_FIXTURE_TEST_CASE(pv_goes_to_pvh_unless_the_host_has_no_hardware_for_it, subject)
{
	xen("PV", 3);
	BOOST_TEST(ask().at("should_be") == "PVH");
	file("/sys/hypervisor/properties/capabilities", "xen-3.0-x86_64 \n");
	const auto one = ask();
	BOOST_TEST(one.at("should_be") == "PV");
	BOOST_TEST(one.at("change") == false);
}

BOOST_FIXTURE_TEST_CASE(dom0_advises_on_each_guest, subject)
{
	healthy_dom0("hvm");
	BOOST_TEST(ask(0).at("change") == false); // itself
	BOOST_TEST(ask(1).at("should_be") == "PVH");
	store["/local/domain/0/backend/pci/3/0/dev-0"] = "0000:03:00.0";
	BOOST_TEST(has(ask(1).at("reason"), "passed through"));
}

BOOST_FIXTURE_TEST_CASE(windows_stays_hvm_and_gets_its_drivers, subject)
{
	healthy_dom0("hvm");
	store.erase("/local/domain/3/control/feature-poweroff");
	store["/local/domain/3/data/os_name"] = "Microsoft Windows Server 2022 Standard|C:\\Windows";
	auto one = ask(1);
	BOOST_TEST(one.at("should_be") == "PVHVM");
	BOOST_TEST(one.at("change") == false);
	store["/local/domain/3/device/vif/0/state"] = "1";
	store["/local/domain/0/backend/vif/3/0/state"] = "2";
	one = ask(1);
	BOOST_TEST(one.at("change") == true);
	BOOST_TEST(has(one.at("reason"), "NICs are still emulated"));
	BOOST_TEST(has(steps(one), "windows-pv-drivers"));
}

BOOST_FIXTURE_TEST_CASE(other_systems_stay_hvm, subject)
{
	healthy_dom0("hvm");
	store.erase("/local/domain/3/control/feature-poweroff");
	store["/local/domain/3/attr/os/name"] = "FreeBSD";
	BOOST_TEST(ask(1).at("should_be") == "PVHVM");
	store["/local/domain/3/attr/os/name"] = "Plan 9";
	const auto one = ask(1);
	BOOST_TEST(one.at("change") == false);
	BOOST_TEST(has(one.at("reason"), "nothing says which system"));
	BOOST_TEST(has(steps(one), "if it is Linux: xenpv advise"));
}

BOOST_FIXTURE_TEST_CASE(text_has_the_reason_and_every_step, subject)
{
	healthy_guest();
	const outcome done = run({"advise"});
	BOOST_TEST(has(done.out, "web1 (domain 3): PVHVM, should be PVH\n  why: "));
	BOOST_TEST(has(done.out, "\n  guest configuration: type = \"pvh\""));
}
