// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/devices.hpp>
#include <cli/bench/failure.hpp>
#include <cli/bench/files.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace xenpv::cli::bench {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t sector = 512; // of sysfs, whatever the disk's own is

// What QEMU emulates for guests of Xen. A passed-through or a real controller may have the same driver, but not the
// subsystem vendor.
constexpr std::array<std::string_view, 13> emulated = {"ata_piix", "pata_acpi",    "ata_generic", "ahci",   "sym53c8xx",
						       "mptspi",   "megaraid_sas", "e1000",       "e1000e", "8139cp",
						       "8139too",  "pcnet32",      "ne2k-pci"};

struct xenbus_driver {
	std::string_view name; // as the bus knows it
	std::string_view kind;
	std::string_view shown;
	std::string_view debugfs;
};

constexpr std::array<xenbus_driver, 4> frontends = {{{"vbd", "intree", "xen-blkfront", ""},
						     {"vif", "intree", "xen-netfront", ""},
						     {"xenpv_blkfront", "xenpv", "xenpv_blkfront", "blkfront"},
						     {"xenpv_netfront", "xenpv", "xenpv_netfront", "netfront"}}};

// The driver of the device itself or of the nearest PCI device that it hangs from.
void tell_driver(const fs::path &device_dir, device &of)
{
	std::error_code none;
	for (fs::path at = device_dir; at.has_relative_path() && at.filename() != "devices"; at = at.parent_path()) {
		const std::string bus = link_name(at / "subsystem");
		if (bus != "xen" && bus != "pci" && bus != "virtio")
			continue;
		const std::string driver = link_name(at / "driver");
		const auto front = std::find_if(frontends.begin(), frontends.end(),
						[&](const xenbus_driver &one) { return one.name == driver; });
		if (bus == "xen" && front != frontends.end()) {
			of.kind = front->kind;
			of.driver = front->shown;
			if (!front->debugfs.empty())
				of.debugfs = "/sys/kernel/debug/xenpv/" + at.filename().string() + "/" +
					     std::string(front->debugfs);
			return;
		}
		of.driver = driver;
		const bool known = std::find(emulated.begin(), emulated.end(), driver) != emulated.end();
		const std::string vendor = line_of(at / "subsystem_vendor");
		if (bus == "pci" && known && (vendor == "0x1af4" || vendor == "0x5853" || vendor == "0x0000"))
			of.kind = "emulated";
		return;
	}
	of.driver = link_name(device_dir / "driver");
}

device make(const fs::path &folder)
{
	device made{folder.filename().string(), "other", "", "", "", 0, false};
	std::error_code none;
	const fs::path real = fs::canonical(folder / "device", none);
	if (!none)
		tell_driver(real, made);
	if (made.driver.empty())
		made.driver = "no driver that is known";
	return made;
}

std::vector<device> sorted(std::vector<device> found)
{
	const auto rank = [](const device &d) {
		constexpr std::array<std::string_view, 4> order = {"other", "emulated", "intree", "xenpv"};
		return std::find(order.begin(), order.end(), d.kind) - order.begin();
	};
	std::sort(found.begin(), found.end(), [&](const device &a, const device &b) {
		return std::pair(rank(a), a.name) < std::pair(rank(b), b.name);
	});
	return found;
}

std::vector<fs::path> entries(const fs::path &folder)
{
	std::vector<fs::path> found;
	std::error_code none;
	for (const auto &one : fs::directory_iterator(folder, none))
		found.push_back(one.path());
	return found;
}

} // namespace

std::vector<device> find_disks(const fs::path &root)
{
	std::vector<device> found;
	for (const fs::path &folder : entries(root / "sys/block")) {
		device one = make(folder);
		one.bytes = number_in(folder / "size") * sector;
		one.read_only = number_in(folder / "ro") != 0;
		if (one.bytes != 0 && number_in(folder / "removable") == 0)
			found.push_back(one);
	}
	return sorted(found);
}

std::vector<device> find_nics(const fs::path &root)
{
	std::vector<device> found;
	for (const fs::path &folder : entries(root / "sys/class/net"))
		if (folder.filename() != "lo")
			found.push_back(make(folder));
	return sorted(found);
}

std::vector<device> choose(const std::vector<device> &found, const std::vector<std::string> &named,
			   const std::string &what)
{
	std::vector<device> chosen;
	for (const device &one : found)
		if (named.empty() && one.kind != "other")
			chosen.push_back(one);
	for (const std::string &name : named) {
		const auto is = [&](const device &one) { return one.name == bare(name); };
		const auto match = std::find_if(found.begin(), found.end(), is);
		if (match == found.end()) {
			std::string there;
			for (const device &one : found)
				there += (there.empty() ? "" : ", ") + one.name;
			throw bad_argument("there is no " + what + " " + name,
					   there.empty() ? "leave it out: there is none at all"
							 : "name one of: " + there);
		}
		if (std::none_of(chosen.begin(), chosen.end(), is))
			chosen.push_back(*match);
	}
	chosen = sorted(std::move(chosen));
	for (device &one : chosen) {
		const std::string kind =
			one.kind == "other" ? one.driver.starts_with("no ") ? "other" : one.driver : one.kind;
		const auto alike = std::count_if(chosen.begin(), chosen.end(),
						 [&](const device &other) { return other.kind == one.kind; });
		one.label = alike > 1 || one.kind == "other" ? kind + " " + one.name : kind;
	}
	return chosen;
}

std::string bare(const std::string &name)
{
	return name.starts_with("/dev/") ? name.substr(5) : name;
}

} // namespace xenpv::cli::bench
