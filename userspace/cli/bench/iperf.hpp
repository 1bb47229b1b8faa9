// SPDX-License-Identifier: GPL-2.0-only
// What iperf3's JSON says of one job.
#pragma once
#include <cli/bench/jobs.hpp>

#include <string>

namespace xenpv::cli::bench {

struct net_sample {
	double value; // in the job's unit: what arrived
	double seconds;
	double sent_packets; // of UDP
};

// Whether the server has another client; with a slow link it still has when the client has gone.
[[nodiscard]] bool server_is_busy(const std::string &output);

// Throws failure with what iperf3 says is wrong. Before 3.11 the JSON of UDP has one sum in place of two.
[[nodiscard]] net_sample read_iperf(const net_job &job, const std::string &output);

} // namespace xenpv::cli::bench
