// SPDX-License-Identifier: GPL-2.0-only
// What is measured. The list is fixed, so that results of different machines and days are of the same thing. It is
// jobs.json, compiled in; the test bed's demo reads the same file.
#pragma once
#include <string>
#include <vector>

namespace xenpv::cli::bench {

struct disk_job {
	std::string workload;
	std::string rw; // fio's word
	unsigned block_kib;
	unsigned depth;
	std::string metric; // "bandwidth" or "iops"
	std::string unit;

	[[nodiscard]] bool writes() const { return rw.ends_with("write"); }
};

struct net_job {
	std::string workload;
	bool reverse; // the server sends
	bool datagrams; // UDP; else TCP
	std::vector<std::string> options; // of iperf3
	std::string metric; // "bandwidth" or "packets"
	std::string unit;
};

[[nodiscard]] const std::vector<disk_job> &disk_jobs();

// Without those for which somebody has to be at both ends of the link, as the test bed is.
[[nodiscard]] const std::vector<net_job> &net_jobs();

// Direct and asynchronous, each request submitted as soon as there is room: nothing helps batching along.
[[nodiscard]] std::vector<std::string> fio_command(const disk_job &job, const std::string &disk, unsigned seconds);

// What this machine's iperf3 knows.
struct iperf_abilities {
	bool bind_device = false; // --bind-dev, since 3.10
};

struct net_end {
	std::string server;
	unsigned port;
	std::string nic;
	std::string address; // of the NIC
};

[[nodiscard]] std::vector<std::string> iperf_command(const net_job &job, const net_end &end, unsigned seconds,
						     const iperf_abilities &can);

} // namespace xenpv::cli::bench
