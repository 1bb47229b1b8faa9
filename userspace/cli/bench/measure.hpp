// SPDX-License-Identifier: GPL-2.0-only
// One turn of one device, by fio or iperf3, with the counters read before and after.
#pragma once
#include <cli/bench/counters.hpp>
#include <cli/bench/plan.hpp>
#include <cli/bench/samples.hpp>
#include <cli/bench/tool.hpp>

#include <filesystem>
#include <functional>
#include <string>

namespace xenpv::cli::bench {

// Thrown out of a turn that the user ended.
struct interrupted {};

class measurer {
public:
	measurer(std::filesystem::path root, run_tool run);

	// Into `to`, if that is not null; a warm-up has none.
	void disk(const disk_job &job, const device &on, unsigned seconds, samples *to);
	void network(const net_job &job, const device &on, const net_end &end, unsigned seconds, samples *to);

	void iperf_can(const iperf_abilities &what) { can_ = what; }

private:
	[[nodiscard]] readings own(const device &on) const;
	[[nodiscard]] readings guest() const;
	[[nodiscard]] uint64_t statistic(const device &nic, const std::string &name) const;
	[[nodiscard]] std::string call(const std::vector<std::string> &command, unsigned seconds, bool may_fail) const;
	[[nodiscard]] std::string call_iperf(const std::vector<std::string> &command, unsigned seconds) const;

	std::filesystem::path root_;
	run_tool run_;
	iperf_abilities can_;
};

} // namespace xenpv::cli::bench
