// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/job_list.hpp>
#include <cli/bench/jobs.hpp>

#include <map>
#include <nlohmann/json.hpp>

namespace xenpv::cli::bench {
namespace {

using fillings = std::map<std::string, std::string>;

const nlohmann::json &list()
{
	static const nlohmann::json parsed = nlohmann::json::parse(job_list);
	return parsed;
}

// The words of a command, "{name}" in them filled in.
std::vector<std::string> filled(const char *command, const fillings &with)
{
	std::vector<std::string> words = list().at(command).get<std::vector<std::string>>();
	for (std::string &word : words)
		for (const auto &[name, value] : with)
			if (const size_t at = word.find("{" + name + "}"); at != std::string::npos)
				word.replace(at, name.size() + 2, value);
	return words;
}

} // namespace

const std::vector<disk_job> &disk_jobs()
{
	static const std::vector<disk_job> jobs = [] {
		std::vector<disk_job> made;
		for (const auto &one : list().at("disk"))
			made.push_back({one.at("workload"), one.at("rw"), one.at("block_kib"), one.at("depth"),
					one.at("metric"), one.at("unit")});
		return made;
	}();
	return jobs;
}

const std::vector<net_job> &net_jobs()
{
	static const std::vector<net_job> jobs = [] {
		std::vector<net_job> made;
		for (const auto &one : list().at("network"))
			if (!one.contains("where"))
				made.push_back({one.at("workload"), one.at("way") == "down",
						one.at("protocol") == "udp", one.at("options"), one.at("metric"),
						one.at("unit")});
		return made;
	}();
	return jobs;
}

std::vector<std::string> fio_command(const disk_job &job, const std::string &disk, unsigned seconds)
{
	std::vector<std::string> command = filled("fio", {{"rw", job.rw},
							  {"disk", disk},
							  {"block_kib", std::to_string(job.block_kib)},
							  {"depth", std::to_string(job.depth)},
							  {"seconds", std::to_string(seconds)}});
	// A second lock beside the check that the disk is empty: fio itself then refuses to write.
	if (!job.writes())
		command.emplace_back("--readonly");
	return command;
}

std::vector<std::string> iperf_command(const net_job &job, const net_end &end, unsigned seconds,
				       const iperf_abilities &can)
{
	std::vector<std::string> command = filled(
		"iperf3",
		{{"server", end.server}, {"port", std::to_string(end.port)}, {"seconds", std::to_string(seconds)}});
	if (can.bind_device)
		command.insert(command.end(), {"--bind-dev", end.nic});
	else
		command.insert(command.end(), {"-B", end.address});
	command.insert(command.end(), job.options.begin(), job.options.end());
	return command;
}

} // namespace xenpv::cli::bench
