// SPDX-License-Identifier: GPL-2.0-only
// Results as JSON, written by this command and by the demo of the test bed: {format, version, environment, calibration:
// {quiet, why}, rows: [{workload, device, metric, unit, load, runs, turns, median, min, max, counters, cost, causes,
// histogram}]}. Version 1 had neither load nor turns, cost and causes; the demo's report before it had no version, and
// costs as rows of their own. Both are read, with a note.
#pragma once
#include <cli/bench/results.hpp>

#include <string>

namespace xenpv::cli::bench {

inline constexpr const char *file_format = "xenpv bench results";
inline constexpr int file_version = 2;
inline constexpr int oldest_version = 1;

[[nodiscard]] std::string to_json(const results &what);

// `name` is for messages. Throws failure for what is no results file, or is of another version.
[[nodiscard]] results from_json(const std::string &text, const std::string &name);

[[nodiscard]] results read_file(const std::string &path);

// Under another name first: an interrupted write leaves what was there.
void write_file(const std::string &path, const std::string &content);

// Throws failure unless write_file() may make or replace this file: what is there and is no results file is not ours.
void check_writable(const std::string &path);

} // namespace xenpv::cli::bench
