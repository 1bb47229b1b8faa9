// SPDX-License-Identifier: GPL-2.0-only
// A machine for the xenpv command: a directory for /, and a xenstore in memory.
#pragma once

#include <cli/app.hpp>
#include <cli/context.hpp>
#include <cli/source/store.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace cli = xenpv::cli;

using nodes = std::map<std::string, std::string>;

// Relative paths are those of domain `home`, as for a guest's own.
class fake_store final : public cli::store {
public:
	fake_store(const nodes &all, unsigned home) : all_(all), home_("/local/domain/" + std::to_string(home) + "/") {}

	std::optional<std::string> read(const std::string &path) override
	{
		const auto found = all_.find(absolute(path));
		return found == all_.end() ? std::nullopt : std::optional(found->second);
	}

	std::vector<std::string> list(const std::string &path) override
	{
		const std::string above = absolute(path) + "/";
		std::vector<std::string> names;
		for (auto at = all_.lower_bound(above); at != all_.end() && at->first.starts_with(above); ++at) {
			const std::string name =
				at->first.substr(above.size(), at->first.find('/', above.size()) - above.size());
			if (names.empty() || names.back() != name)
				names.push_back(name);
		}
		return names;
	}

private:
	[[nodiscard]] std::string absolute(const std::string &path) const
	{
		return path.starts_with("/") ? path : home_ + path;
	}

	nodes all_;
	std::string home_;
};

// What a run printed, and how it ended.
struct outcome {
	int status = -1;
	std::string out;
	std::string err;
};

struct fake_machine {
	std::filesystem::path root;
	nodes store;
	unsigned home = 0;
	cli::context ctx;
	std::ostringstream out;
	std::ostringstream err;

	fake_machine()
	{
		std::string name = (std::filesystem::temp_directory_path() / "xenpv-cli.XXXXXX").string();
		root = mkdtemp(name.data());
		ctx.out = &out;
		ctx.err = &err;
		ctx.root = root;
		ctx.pause = std::chrono::milliseconds(0);
		ctx.open_store = [this] { return std::make_unique<fake_store>(store, home); };
		ctx.grant_frames = [](unsigned) { return std::nullopt; };
		ctx.run = [](const std::vector<std::string> &, const cli::child_options &) {
			cli::child_result none;
			none.start_error = ENOENT;
			return none;
		};
	}
	~fake_machine() { std::filesystem::remove_all(root); }
	fake_machine(const fake_machine &) = delete;
	fake_machine &operator=(const fake_machine &) = delete;

	void file(const std::string &path, const std::string &content)
	{
		const auto target = ctx.at(path);
		std::filesystem::create_directories(target.parent_path());
		std::ofstream(target, std::ios::binary) << content;
	}
	// Both seen from the machine's root.
	void link(const std::string &path, const std::string &target)
	{
		const auto from = ctx.at(path);
		std::filesystem::create_directories(from.parent_path());
		std::filesystem::create_directories(ctx.at(target));
		std::filesystem::create_symlink(std::filesystem::relative(ctx.at(target), from.parent_path()), from);
	}

	outcome run(std::vector<std::string> arguments)
	{
		out.str({});
		err.str({});
		ctx.status = cli::exit_code::ok;
		ctx.json = false;
		const int status = cli::run(arguments, ctx);
		return {status, out.str(), err.str()};
	}

	// The pieces of machines

	void xen(const std::string &type, unsigned domain)
	{
		home = domain;
		file("/sys/hypervisor/type", "xen\n");
		file("/sys/hypervisor/guest_type", type + "\n");
		file("/sys/hypervisor/version/major", "4\n");
		file("/sys/hypervisor/version/minor", "17\n");
		file("/sys/hypervisor/version/extra", ".7\n");
		file("/sys/hypervisor/uuid",
		     domain == 0 ? "00000000-0000-0000-0000-000000000000\n" : "5a0a5d9e-0000-4000-8000-000000000001\n");
		file("/sys/hypervisor/properties/capabilities", "xen-3.0-x86_64 hvm-3.0-x86_64 \n");
		file("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
		file("/sys/devices/system/cpu/online", "0-1\n");
		file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "xen\n");
		store["/local/domain/" + std::to_string(domain) + "/domid"] = std::to_string(domain);
		store["/local/domain/" + std::to_string(domain) + "/name"] = domain == 0 ? "Domain-0" : "web1";
		store["/local/domain/0/name"] = "Domain-0";
	}

	void module(const std::string &name, const std::string &version, const std::string &taint = "OE")
	{
		if (!version.empty())
			file("/sys/module/" + name + "/version", version + "\n");
		file("/sys/module/" + name + "/taint", taint + "\n");
	}

	// A device on the xenbus with a driver, as sysfs shows it.
	void on_xenbus(const std::string &id, const std::string &driver, const std::string &module_name,
		       const std::string &nodename)
	{
		const std::string device = "/sys/devices/" + id;
		file(device + "/nodename", nodename + "\n");
		link(device + "/subsystem", "/sys/bus/xen");
		link("/sys/bus/xen/devices/" + id, device);
		if (driver.empty())
			return;
		link(device + "/driver", "/sys/bus/xen/drivers/" + driver);
		if (!module_name.empty() &&
		    !std::filesystem::exists(ctx.at("/sys/bus/xen/drivers/" + driver + "/module")))
			link("/sys/bus/xen/drivers/" + driver + "/module", "/sys/module/" + module_name);
	}

	void pv_disk(const std::string &name, unsigned number, const std::string &driver,
		     const std::string &module_name)
	{
		const std::string id = "vbd-" + std::to_string(number);
		on_xenbus(id, driver, module_name, "device/vbd/" + std::to_string(number));
		file("/sys/block/" + name + "/stat", "10 0 80 5 20 0 160 7 0 3 4\n");
		link("/sys/block/" + name + "/device", "/sys/devices/" + id);
	}

	void pv_nic(const std::string &name, unsigned number, const std::string &driver, const std::string &module_name)
	{
		const std::string id = "vif-" + std::to_string(number);
		on_xenbus(id, driver, module_name, "device/vif/" + std::to_string(number));
		file("/sys/class/net/" + name + "/statistics/rx_packets", "12\n");
		file("/sys/class/net/" + name + "/address", "00:16:3e:00:00:01\n");
		link("/sys/class/net/" + name + "/device", "/sys/devices/" + id);
	}

	void emulated_nic(const std::string &name)
	{
		const std::string device = "/sys/devices/pci0000:00/0000:00:04.0";
		file(device + "/vendor", "0x8086\n");
		file(device + "/subsystem_vendor", "0x1af4\n");
		link(device + "/subsystem", "/sys/bus/pci");
		link(device + "/driver", "/sys/bus/pci/drivers/e1000");
		link("/sys/bus/pci/devices/0000:00:04.0", device);
		file("/sys/class/net/" + name + "/address", "00:16:3e:00:00:01\n");
		link("/sys/class/net/" + name + "/device", device);
	}

	void platform_device()
	{
		file("/sys/devices/pci0000:00/0000:00:02.0/vendor", "0x5853\n");
		link("/sys/bus/pci/devices/0000:00:02.0", "/sys/devices/pci0000:00/0000:00:02.0");
	}

	// Both ends of a connected disk in xenstore.
	void disk_nodes(unsigned guest, unsigned number)
	{
		const std::string front =
			"/local/domain/" + std::to_string(guest) + "/device/vbd/" + std::to_string(number);
		const std::string back =
			"/local/domain/0/backend/vbd/" + std::to_string(guest) + "/" + std::to_string(number);
		for (const auto &[key, value] : nodes{{"backend", back},
						      {"backend-id", "0"},
						      {"state", "4"},
						      {"protocol", "x86_64-abi"},
						      {"multi-queue-num-queues", "2"},
						      {"feature-persistent", "1"},
						      {"queue-0/ring-ref", "8"}})
			store[front + "/" + key] = value;
		for (const auto &[key, value] : nodes{{"frontend", front},
						      {"state", "4"},
						      {"dev", "xvda"},
						      {"hotplug-status", "connected"},
						      {"multi-queue-max-queues", "4"},
						      {"feature-persistent", "1"},
						      {"feature-flush-cache", "1"},
						      {"max-ring-page-order", "0"},
						      {"sector-size", "512"}})
			store[back + "/" + key] = value;
	}

	void nic_nodes(unsigned guest, unsigned number)
	{
		const std::string front =
			"/local/domain/" + std::to_string(guest) + "/device/vif/" + std::to_string(number);
		const std::string back =
			"/local/domain/0/backend/vif/" + std::to_string(guest) + "/" + std::to_string(number);
		for (const auto &[key, value] : nodes{{"backend", back},
						      {"backend-id", "0"},
						      {"state", "4"},
						      {"multi-queue-num-queues", "2"},
						      {"request-rx-copy", "1"},
						      {"feature-sg", "1"},
						      {"queue-0/tx-ring-ref", "9"},
						      {"queue-0/event-channel-tx", "5"}})
			store[front + "/" + key] = value;
		for (const auto &[key, value] : nodes{{"frontend", front},
						      {"state", "4"},
						      {"hotplug-status", "connected"},
						      {"multi-queue-max-queues", "2"},
						      {"feature-rx-copy", "1"},
						      {"feature-sg", "1"},
						      {"feature-split-event-channels", "1"}})
			store[back + "/" + key] = value;
	}

	// A PVHVM guest, number 3, with our drivers and all in order.
	void healthy_guest()
	{
		xen("HVM", 3);
		platform_device();
		module("xenpv_kapi", "0.3");
		module("xenpv_blkfront", "0.3");
		module("xenpv_netfront", "0.3");
		pv_disk("xvda", 51712, "xenpv_blkfront", "xenpv_blkfront");
		pv_nic("eth0", 0, "xenpv_netfront", "xenpv_netfront");
		disk_nodes(3, 51712);
		nic_nodes(3, 0);
		const std::string folder = "/sys/kernel/debug/xenpv/vbd-51712/";
		file(folder + "blkfront",
		     "state connected\nqueues 2\nsectors 2048\nqueue 0\n  requests 7\n  responses 7\n"
		     "  events_received 3\n  notifications_sent 4\nqueue 1\n  requests 1\n  responses 1\n");
		file(folder + "grants",
		     "in_use 40\npeak 50\ncached 8\nparked 0\nparked_total 0\nexhausted 0\nmapped 0\n");
		file(folder + "event-q0", "cpu 0\nreceived 3\nspurious 1\nsent 4\nsuppressed 0\n");
	}

	// Dom0 with one guest, number 3, of the given kind.
	void healthy_dom0(const std::string &type)
	{
		xen("PV", 0);
		store["/local/domain/3/name"] = "web1";
		store["/libxl/3/type"] = type;
		store["/local/domain/3/cpu/0/availability"] = "online";
		store["/local/domain/3/cpu/1/availability"] = "online";
		store["/local/domain/3/control/feature-poweroff"] = "1";
		disk_nodes(3, 51712);
		nic_nodes(3, 0);
		module("xenpv_blkback", "0.3");
		link("/sys/bus/xen-backend/devices/vbd-3-51712/driver", "/sys/bus/xen-backend/drivers/xenpv_blkback");
		link("/sys/bus/xen-backend/drivers/xenpv_blkback/module", "/sys/module/xenpv_blkback");
		file("/sys/bus/xen-backend/devices/vbd-3-51712/statistics/rd_req", "100\n");
		file("/sys/kernel/debug/xenpv/vbd-3-51712/blkback",
		     "state connected\nqueues 2\nqueue 0\n  requests 7\n");
	}
};
