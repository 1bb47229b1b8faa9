// SPDX-License-Identifier: GPL-2.0-only
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

// A table of the devices that share workloads: disks have others than NICs.
std::vector<std::vector<std::string>> lines_of(const results &of, const std::string &base)
{
	const std::vector<std::string> columns = devices(of);
	std::vector<std::vector<std::string>> lines{{"workload", "unit"}};
	for (const std::string &device : columns)
		lines[0].push_back(device);
	for (const std::string &device : columns)
		if (!base.empty() && device != base)
			lines[0].push_back(device + "/" + base);
	for (const std::string &workload : workloads(of)) {
		std::vector<std::string> metrics;
		for (const row &r : of.rows)
			if (r.workload == workload &&
			    std::find(metrics.begin(), metrics.end(), r.metric) == metrics.end())
				metrics.push_back(r.metric);
		for (const std::string &metric : metrics) {
			if (metric == "latency p99.9" || metric == "latency p50")
				continue; // in the file and the report
			std::vector<std::string> line{metric.starts_with("latency ") ? "  " + metric : workload, ""};
			std::vector<std::string> ratios;
			const row *bottom = find(of, workload, base, metric);
			for (const std::string &device : columns) {
				const row *one = find(of, workload, device, metric);
				line.push_back(one ? with_spread(one->spread) : "-");
				if (one)
					line[1] = one->unit;
				if (!base.empty() && device != base)
					ratios.push_back(one && bottom ? times(times_better(metric, one->spread.median,
											    bottom->spread.median))
								       : "-");
			}
			line.insert(line.end(), ratios.begin(), ratios.end());
			lines.push_back(line);
		}
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
			all += (all.empty() ? "" : "\n") + aligned(lines_of(*half, base_of(*half)));
	return all;
}

} // namespace xenpv::cli::bench
