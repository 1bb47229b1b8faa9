// SPDX-License-Identifier: GPL-2.0-only
// What can be seen of this machine: plain facts, from which status, advise and doctor speak.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xenpv::cli {

enum class mode { none, pv, hvm, pvhvm, pvh, unknown };
// As users write it: "PVHVM".
const char *name_of(mode m);

enum class access { paravirtual, emulated, virtio, passthrough, physical, unused };
const char *name_of(access a);

enum class kind { disk, nic };
const char *name_of(kind k);

using counters = std::vector<std::pair<std::string, std::uint64_t>>;

// A feature of the protocol: what each end wrote, and what follows.
struct feature {
	std::string name;
	std::string front{}; // "" when that end says nothing of it
	std::string back{};
	std::string outcome{}; // "yes", "no", a number
};

// One event channel of one of our devices.
struct event_line {
	std::string name;
	counters values{};
};

// What our own modules say of a device in debugfs.
struct insight {
	std::string state{};
	std::string waits_for{}; // of a backend's disk that cannot be served yet
	counters facts{}; // the numbers of the device as a whole
	std::vector<counters> queues{};
	counters grants{};
	std::vector<event_line> events{};
};

struct device {
	kind what = kind::disk;
	std::string name{}; // xvda, eth0, vif3.0; of a guest's device seen from dom0 what the guest calls it
	std::string id{}; // on the xenbus: vbd-51712, vif-3-0
	access how = access::unused;
	std::string driver{};
	std::string module{};
	std::string version{};
	bool ours = false;
	std::optional<unsigned> peer{};
	std::string peer_name{};
	std::string front_path{};
	std::string back_path{};
	std::optional<unsigned> front_state{};
	std::optional<unsigned> back_state{};
	std::string hotplug_status{};
	std::string hotplug_error{};
	std::string mac{};
	std::string error{}; // what either end left in xenstore
	std::vector<feature> features{};
	std::optional<unsigned> queues{};
	std::optional<unsigned> max_queues{}; // offered by the backend
	std::optional<unsigned> ring_pages{};
	std::string rings{}; // "32 requests", "256 + 256 slots"
	std::optional<insight> inside{};
	counters totals{}; // requests, sectors, packets, bytes: of the block layer or the interface
	std::string alias_of{}; // emulated: the paravirtual device that is the same one
};

struct domain {
	unsigned id = 0;
	std::string name{};
	mode in = mode::unknown;
	std::string os{}; // "linux", "windows", "freebsd", ...: "" when nothing tells
	std::string os_evidence{};
	unsigned vcpus = 0;
	bool passthrough = false;
	bool toolstack_xl = false;
	std::vector<device> devices{};
};

// Something that could not be seen.
struct blind_spot {
	std::string what;
	std::string why;
	std::string advice;
	bool serious = false; // ends the command with exit_code::blind
};

struct emulation {
	std::string requested{}; // xen_emul_unplug= of the kernel's command line
	std::string disks{}; // "unplugged", "still there", "unknown"
	std::string nics{};
};

struct machine {
	mode in = mode::none;
	bool dom0 = false;
	bool serves = false; // has backends: dom0 or a driver domain
	std::string hypervisor{};
	std::string version{};
	std::string capabilities{};
	std::string kernel{};
	unsigned vcpus = 0;
	std::optional<unsigned> id{};
	std::string name{};
	emulation unplug{};
	std::map<std::string, std::string> modules{}; // ours that are loaded, with their versions
	std::vector<device> devices{};
	std::vector<domain> guests{};
	std::vector<blind_spot> unseen{};
	bool store_silent = false; // xenstore was not heard of, or not to the end
};

const char *state_name(unsigned state);

} // namespace xenpv::cli
