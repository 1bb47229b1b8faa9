// SPDX-License-Identifier: GPL-2.0-only
// How the benchmark starts other programs; a test has its own way.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace xenpv::cli::bench {

struct tool_output {
	bool missing = false; // there is no such program
	bool stopped = false; // the user wants to end
	int status = -1;
	std::string out{};
	std::string err{};
	std::string trouble{}; // one line for people when it did not end with 0
};

using run_tool = std::function<tool_output(const std::vector<std::string> &argv, std::chrono::seconds limit)>;

} // namespace xenpv::cli::bench
