// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/failure.hpp>
#include <cli/bench/fio.hpp>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

namespace xenpv::cli::bench {
namespace {

using json = nlohmann::ordered_json;

constexpr int bins_per_octave = 4;
constexpr double ns_per_us = 1000;

constexpr struct {
	const char *name;
	const char *key;
} percentiles[] = {{"p50", "50.000000"}, {"p99", "99.000000"}, {"p99.9", "99.900000"}};

void read_latencies(const json &of, disk_sample &into)
{
	const auto latency = of.find("clat_ns");
	if (latency == of.end())
		return;
	if (const auto found = latency->find("percentile"); found != latency->end())
		for (const auto &[name, key] : percentiles)
			if (found->contains(key))
				into.latency[name] = found->at(key).get<double>() / ns_per_us;
	if (const auto found = latency->find("bins"); found != latency->end())
		for (const auto &[ns, count] : found->items())
			into.bins[bin_of(std::strtod(ns.c_str(), nullptr) / ns_per_us)] += count.get<uint64_t>();
}

} // namespace

int bin_of(double us)
{
	// Whatever is quicker than a quarter of a microsecond is no request of a disk.
	return us <= 0.25 ? -2 * bins_per_octave : static_cast<int>(std::floor(std::log2(us) * bins_per_octave));
}

double upper_of(int bin)
{
	return rounded(std::exp2(static_cast<double>(bin + 1) / bins_per_octave));
}

disk_sample read_fio(const disk_job &job, const std::string &output)
{
	const size_t start = output.find('{'); // notes may come before it
	try {
		const json all = json::parse(start == std::string::npos ? "" : output.substr(start));
		const json &only = all.at("jobs").at(0);
		if (const int error = only.value("error", 0))
			throw gone_wrong("fio reports error " + std::to_string(error) + " (" + std::strerror(error) +
						 ") in " + job.workload,
					 "see the kernel's log (dmesg) for what the disk had");
		const json &side = only.at(job.writes() ? "write" : "read");
		disk_sample found{};
		found.value = job.metric == "bandwidth" ? side.at("bw_bytes").get<double>() / 1e6
							: side.at("iops").get<double>();
		found.requests = side.at("total_ios").get<uint64_t>();
		read_latencies(side, found);
		return found;
	} catch (const json::exception &) {
		throw gone_wrong("what fio said of " + job.workload + " cannot be read",
				 "fio 3.0 or later is needed: see `fio --version`");
	}
}

histogram to_histogram(const latency_bins &bins)
{
	histogram made;
	if (bins.empty())
		return made;
	uint64_t total = 0;
	for (const auto &[bin, count] : bins)
		total += count;
	for (int bin = bins.begin()->first; bin <= bins.rbegin()->first; ++bin) {
		const auto found = bins.find(bin);
		made.upper.push_back(upper_of(bin));
		made.share.push_back(found == bins.end() || total == 0
					     ? 0.0
					     : static_cast<double>(found->second) / static_cast<double>(total));
	}
	return made;
}

} // namespace xenpv::cli::bench
