// SPDX-License-Identifier: GPL-2.0-only
// What fio's JSON says of one job.
#pragma once
#include <cli/bench/jobs.hpp>
#include <cli/bench/results.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace xenpv::cli::bench {

// Requests by how long they took, in bars of equal width on a logarithmic axis.
using latency_bins = std::map<int, uint64_t>;

struct disk_sample {
	double value; // in the job's unit
	uint64_t requests;
	std::map<std::string, double> latency; // "p50", "p99", "p99.9" in us; what fio does not tell is absent
	latency_bins bins;
};

// Throws failure when fio reports an error or says something else than it should.
[[nodiscard]] disk_sample read_fio(const disk_job &job, const std::string &output);

[[nodiscard]] int bin_of(double us);
[[nodiscard]] double upper_of(int bin);

// Without gaps between its first and its last bar.
[[nodiscard]] histogram to_histogram(const latency_bins &bins);

} // namespace xenpv::cli::bench
