// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/environment.hpp>

#include <cli/app.hpp>
#include <cli/bench/files.hpp>
#include <cli/source/text.hpp>

#include <algorithm>
#include <ctime>
#include <sstream>
#include <sys/utsname.h>

namespace xenpv::cli::bench {
namespace {

namespace fs = std::filesystem;

// The value of the first "key : value" line.
std::string value_in(const fs::path &path, const std::string &key)
{
	std::istringstream lines(text_of(path));
	for (std::string line; std::getline(lines, line);)
		if (line.starts_with(key) && line.find(':') != std::string::npos)
			return std::string(trimmed(line.substr(line.find(':') + 1)));
	return "";
}

unsigned cpus(const fs::path &root)
{
	std::istringstream lines(text_of(root / "proc/cpuinfo"));
	unsigned found = 0;
	for (std::string line; std::getline(lines, line);)
		found += line.starts_with("processor") ? 1 : 0;
	return found;
}

std::string now()
{
	const std::time_t seconds = std::time(nullptr);
	std::tm parts{};
	char text[32] = "";
	if (gmtime_r(&seconds, &parts))
		(void)std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
	return text;
}

std::string size_text(uint64_t bytes)
{
	constexpr uint64_t gib = 1ull << 30;
	return bytes >= 10 * gib ? std::to_string(bytes / gib) + " GiB" : std::to_string(bytes >> 20) + " MiB";
}

std::string first_line(const tool_output &said)
{
	return said.out.substr(0, said.out.find('\n'));
}

std::string version_of(const std::string &module, const fs::path &root)
{
	const std::string version = line_of(root / "sys/module" / module / "version");
	return version.empty() ? "" : " " + version;
}

// By any of three signs: the first wants xenfs, the second the start flags of newer kernels.
bool is_dom0(const fs::path &root)
{
	const std::string uuid = line_of(root / "sys/hypervisor/uuid");
	return contains(text_of(root / "proc/xen/capabilities"), "control_d") ||
	       number_in(root / "sys/hypervisor/start_flags/initdomain") == 1 ||
	       (!uuid.empty() && uuid.find_first_not_of("0-") == std::string::npos);
}

} // namespace

std::string xen_mode(const fs::path &root)
{
	if (line_of(root / "sys/hypervisor/type") != "xen")
		return "none";
	if (is_dom0(root))
		return "dom0";
	const std::string type = line_of(root / "sys/hypervisor/guest_type");
	if (type != "HVM")
		return type.empty() ? "a guest of unknown type" : type;
	std::error_code none;
	const auto on_bus = fs::directory_iterator(root / "sys/bus/xen/devices", none);
	const bool pv = std::any_of(begin(on_bus), end(on_bus), [](const auto &one) {
		const std::string name = one.path().filename().string();
		std::error_code absent;
		return (name.starts_with("vbd-") || name.starts_with("vif-")) &&
		       fs::exists(one.path() / "driver", absent);
	});
	return pv ? "PVHVM" : "HVM";
}

facts environment(const fs::path &root, const std::vector<disk_part> &disks, const std::vector<device> &nics,
		  const std::string &server, const durations &take, const run_tool &run)
{
	facts all;
	const auto say = [&](const std::string &key, const std::string &value) {
		if (!value.empty())
			all.emplace_back(key, value);
	};
	say("measured", now());
	say("xenpv", version());
	say("mode", xen_mode(root));
	const fs::path xen = root / "sys/hypervisor/version";
	if (const std::string major = line_of(xen / "major"); !major.empty())
		say("xen", major + "." + line_of(xen / "minor") + line_of(xen / "extra"));
	utsname system{};
	if (::uname(&system) == 0)
		say("kernel", system.release);
	say("kernel_command_line", line_of(root / "proc/cmdline"));
	say("vcpus", std::to_string(cpus(root)));
	say("memory", value_in(root / "proc/meminfo", "MemTotal"));
	say("cpu", value_in(root / "proc/cpuinfo", "model name"));
	say("clocksource", line_of(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"));
	say("load", line_of(root / "proc/loadavg"));
	for (const disk_part &part : disks)
		say("disk " + part.disk.name, part.disk.label + ", " + part.disk.driver +
						      version_of(part.disk.driver, root) + ", " +
						      size_text(part.disk.bytes) + ", scheduler " +
						      line_of(root / "sys/block" / part.disk.name / "queue/scheduler") +
						      (part.writes ? "" : ", only read"));
	for (const device &nic : nics)
		say("nic " + nic.name, nic.label + ", " + nic.driver + version_of(nic.driver, root) + ", MTU " +
					       line_of(root / "sys/class/net" / nic.name / "mtu"));
	if (!disks.empty())
		say("fio", first_line(run({"fio", "--version"}, std::chrono::seconds(20))));
	if (!nics.empty()) {
		say("iperf3", first_line(run({"iperf3", "--version"}, std::chrono::seconds(20))));
		say("server", server);
	}
	say("runs", std::to_string(take.repeats) + " of " + std::to_string(take.runtime) +
			    " s, in turns, after a warm-up of " + std::to_string(take.warmup) + " s");
	return all;
}

} // namespace xenpv::cli::bench
