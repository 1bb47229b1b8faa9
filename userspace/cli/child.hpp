// SPDX-License-Identifier: GPL-2.0-only
// Other programs: started without a shell, with a time limit, their output captured.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace xenpv::cli {

struct child_options {
	std::chrono::milliseconds timeout{10000};
	std::size_t limit = std::size_t{16} << 20; // bytes kept of each stream; the rest is read and dropped
	std::string input{}; // its standard input
	std::vector<std::string> environment{}; // NAME=VALUE, added to ours
	// Called at least every 5 ms while it runs; false ends it.
	std::function<bool()> tick{};
};

struct child_result {
	bool started = false;
	int start_error = 0; // errno when it could not be started: ENOENT when there is no such program
	bool timed_out = false;
	bool stopped = false; // by tick
	bool truncated = false;
	int status = -1; // exit status, or -1 when a signal ended it
	int signal = 0;
	std::string out;
	std::string err;

	[[nodiscard]] bool ok() const { return started && !timed_out && !stopped && status == 0; }
};

// argv[0] is looked for in PATH.  The child has a process group of its own, and all of it is
// killed when time is up.  C locale, so that what it prints can be read.
child_result run_child(const std::vector<std::string> &argv, const child_options &options = {});

// One line for people: "fio: not installed", "fio: exited with 1: last line it said".
std::string describe(const std::vector<std::string> &argv, const child_result &result);

} // namespace xenpv::cli
