// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/ratios.hpp>
#include <cli/bench/table.hpp>

#include <cli/source/text.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace xenpv::cli::bench {
namespace {

// As results call them, the likeliest base first; hvm is the mode of `make demo` that has no others.
constexpr std::array<std::string_view, 5> emulated_kinds = {"emulated", "e1000", "rtl8139", "hvm", "ide"};

std::string padded(const std::string &text, size_t width, bool left)
{
	const std::string room(width - std::min(width, text.size()), ' ');
	return left ? text + room : room + text;
}

} // namespace

std::string aligned(const std::vector<std::vector<std::string>> &given)
{
	// Names are out of files that others may have written, and go to a terminal.
	std::vector<std::vector<std::string>> lines = given;
	for (auto &line : lines)
		for (std::string &one : line)
			one = printable(one);
	std::vector<size_t> widths;
	for (const auto &line : lines)
		for (size_t i = 0; i < line.size(); ++i) {
			widths.resize(std::max(widths.size(), line.size()));
			widths[i] = std::max(widths[i], line[i].size());
		}
	std::string all;
	for (const auto &line : lines) {
		std::string made;
		for (size_t i = 0; i < line.size(); ++i)
			made += (i ? "  " : "") + padded(line[i], widths[i], i == 0);
		all += made.substr(0, made.find_last_not_of(' ') + 1) + "\n";
	}
	return all;
}

std::string with_spread(const summary &of)
{
	return figure(of.median) + " (" + figure(of.min) + "-" + figure(of.max) + ")";
}

bool is_emulated(const std::string &kind)
{
	return std::find(emulated_kinds.begin(), emulated_kinds.end(), kind) != emulated_kinds.end();
}

std::string base_of(const results &in)
{
	std::vector<std::string_view> kinds(emulated_kinds.begin(), emulated_kinds.end());
	kinds.emplace_back("intree");
	for (const std::string_view kind : kinds)
		for (const std::string &device : devices(in))
			if (kind_of(device) == kind)
				return device;
	return "";
}

namespace {

using line = std::vector<std::string>;

// Which ratios are shown: of a device to a base.
std::vector<std::pair<std::string, std::string>> ratios_of(const results &in)
{
	std::vector<std::pair<std::string, std::string>> found;
	for (const std::string &device : devices(in))
		for (const std::string &base : bases_of(in, device))
			found.emplace_back(device, base);
	return found;
}

// A column for loads only where there are any.
bool is_loaded(const results &in)
{
	return std::any_of(in.rows.begin(), in.rows.end(), [](const row &r) { return r.load != "none"; });
}

std::vector<std::string> metrics_of(const results &in, const measurement &what)
{
	std::vector<std::string> found;
	for (const row &r : in.rows)
		if (r.workload == what.workload && r.load == what.load &&
		    std::find(found.begin(), found.end(), r.metric) == found.end())
			found.push_back(r.metric);
	return found;
}

// A table of the devices that share workloads: disks have others than NICs.
std::vector<line> lines_of(const results &of)
{
	const bool loaded = is_loaded(of);
	const auto ratios = ratios_of(of);
	std::vector<line> lines{{"workload"}};
	if (loaded)
		lines[0].emplace_back("load");
	lines[0].emplace_back("unit");
	for (const std::string &device : devices(of))
		lines[0].push_back(device);
	for (const auto &[device, base] : ratios)
		lines[0].push_back(device + "/" + base);
	for (const measurement &what : measurements(of))
		for (const std::string &metric : metrics_of(of, what)) {
			if (metric == "latency p99.9" || metric == "latency p50")
				continue; // in the file and the report
			line made{metric.starts_with("latency ") ? "  " + metric : what.workload};
			if (loaded)
				made.push_back(what.load);
			const size_t unit = made.size();
			made.emplace_back("");
			for (const std::string &device : devices(of)) {
				const row *one = find(of, what.workload, device, metric, what.load);
				made.push_back(one ? with_spread(one->spread) : "-");
				if (one)
					made[unit] = one->unit;
			}
			for (const auto &[device, base] : ratios) {
				const row *one = find(of, what.workload, device, metric, what.load);
				const auto ratio = one ? compare_with(of, *one, base) : std::nullopt;
				made.push_back(ratio ? told(ratio->value, ratio->span) : "-");
			}
			lines.push_back(made);
		}
	return lines;
}

} // namespace

std::string table(const results &of)
{
	results disk, network;
	for (const row &r : of.rows)
		(r.workload.starts_with("TCP") || r.workload.starts_with("UDP") ? network : disk).rows.push_back(r);
	std::string all;
	for (const results *half : {&disk, &network})
		if (!half->rows.empty())
			all += (all.empty() ? "" : "\n") + aligned(lines_of(*half));
	return all + told(of.machine);
}

std::string told(const std::optional<calibration> &machine)
{
	if (!machine || machine->quiet)
		return "";
	std::string all = "THE MACHINE WAS NOT QUIET, and figures of such a machine do not repeat:\n";
	for (const std::string &reason : machine->why)
		all += "  " + printable(reason, 200) + "\n";
	return all;
}

} // namespace xenpv::cli::bench
