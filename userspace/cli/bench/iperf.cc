// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/failure.hpp>
#include <cli/bench/iperf.hpp>

#include <cli/source/text.hpp>

#include <nlohmann/json.hpp>

namespace xenpv::cli::bench {
namespace {

using json = nlohmann::ordered_json;

std::string advice_for(const std::string &error)
{
	if (error.find("refused") != std::string::npos)
		return "start `iperf3 -s` on the server, and open its port";
	if (error.find("busy") != std::string::npos)
		return "wait until the other client has ended, or start a second server on another --port";
	if (error.find("oute") != std::string::npos || error.find("imed out") != std::string::npos ||
	    error.find("nreachable") != std::string::npos)
		return "see whether `ping` reaches the server, and the NIC has an address in its network";
	return "see whether iperf3 works by hand: iperf3 -c SERVER";
}

double received_packets(const json &end)
{
	// Of a sum of both ways iperf3 fills in what the receiver told.
	const json &sum = end.contains("sum_received") ? end.at("sum_received") : end.at("sum");
	return sum.at("packets").get<double>() - sum.at("lost_packets").get<double>();
}

} // namespace

bool server_is_busy(const std::string &output)
{
	return output.find("the server is busy") != std::string::npos;
}

net_sample read_iperf(const net_job &job, const std::string &output)
{
	const size_t start = output.find('{');
	try {
		const json all = json::parse(start == std::string::npos ? "" : output.substr(start));
		if (const auto error = all.find("error"); error != all.end())
			throw gone_wrong("iperf3 says in " + job.workload + ": " + printable(error->get<std::string>()),
					 advice_for(error->get<std::string>()));
		const json &end = all.at("end");
		if (!job.datagrams) {
			const json &sum = end.at("sum_received");
			return {sum.at("bits_per_second").get<double>() / 1e6, sum.at("seconds").get<double>(), 0};
		}
		const json &sent = end.contains("sum_sent") ? end.at("sum_sent") : end.at("sum");
		const auto seconds = sent.at("seconds").get<double>();
		if (seconds <= 0)
			throw gone_wrong("iperf3 measured no time in " + job.workload,
					 "measure again, with more --runtime");
		return {received_packets(end) / seconds, seconds, sent.at("packets").get<double>()};
	} catch (const json::exception &) {
		throw gone_wrong("what iperf3 said of " + job.workload + " cannot be read",
				 "iperf3 3.1 or later is needed: see `iperf3 --version`");
	}
}

} // namespace xenpv::cli::bench
