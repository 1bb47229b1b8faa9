// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/jobs.hpp>

namespace xenpv::cli::bench {

const std::vector<disk_job> &disk_jobs()
{
	static const std::vector<disk_job> jobs{
		{"sequential read 128 KiB QD8", "read", 128, 8, "bandwidth", "MB/s"},
		{"sequential write 128 KiB QD8", "write", 128, 8, "bandwidth", "MB/s"},
		{"random read 4 KiB QD32", "randread", 4, 32, "iops", "IOPS"},
		{"random write 4 KiB QD32", "randwrite", 4, 32, "iops", "IOPS"},
		{"random read 4 KiB QD1", "randread", 4, 1, "iops", "IOPS"},
		{"random write 4 KiB QD1", "randwrite", 4, 1, "iops", "IOPS"},
	};
	return jobs;
}

const std::vector<net_job> &net_jobs()
{
	static const std::vector<net_job> jobs{
		{"TCP 1 stream guest to server", false, 1, 0, "bandwidth", "Mbit/s"},
		{"TCP 1 stream server to guest", true, 1, 0, "bandwidth", "Mbit/s"},
		{"TCP 4 streams guest to server", false, 4, 0, "bandwidth", "Mbit/s"},
		{"TCP 4 streams server to guest", true, 4, 0, "bandwidth", "Mbit/s"},
		{"UDP 64 B guest to server", false, 1, 64, "packets", "packets/s"},
		{"UDP 64 B server to guest", true, 1, 64, "packets", "packets/s"},
	};
	return jobs;
}

std::vector<std::string> fio_command(const disk_job &job, const std::string &disk, unsigned seconds)
{
	std::vector<std::string> command{"fio",
					 "--name=" + job.rw,
					 "--filename=" + disk,
					 "--rw=" + job.rw,
					 "--bs=" + std::to_string(job.block_kib) + "k",
					 "--iodepth=" + std::to_string(job.depth),
					 "--ioengine=libaio",
					 "--direct=1",
					 "--time_based",
					 "--runtime=" + std::to_string(seconds),
					 "--norandommap",
					 "--randrepeat=0",
					 "--group_reporting",
					 "--eta=never",
					 "--output-format=json+"};
	// A second lock beside the check that the disk is empty: fio itself then refuses to write.
	if (!job.writes())
		command.emplace_back("--readonly");
	return command;
}

std::vector<std::string> iperf_command(const net_job &job, const net_end &end, unsigned seconds,
				       const iperf_abilities &can)
{
	std::vector<std::string> command{
		"iperf3", "-J", "-c", end.server, "-p", std::to_string(end.port), "-t", std::to_string(seconds)};
	if (can.bind_device)
		command.insert(command.end(), {"--bind-dev", end.nic});
	else
		command.insert(command.end(), {"-B", end.address});
	if (job.datagram)
		command.insert(command.end(), {"-u", "-b", "0", "-l", std::to_string(job.datagram)});
	else
		command.insert(command.end(), {"-P", std::to_string(job.streams)});
	if (job.reverse)
		command.emplace_back("-R");
	return command;
}

} // namespace xenpv::cli::bench
