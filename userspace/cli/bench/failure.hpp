// SPDX-License-Identifier: GPL-2.0-only
// How a benchmark or a report ends when it cannot go on: what is wrong, what to do, and the exit status.
#pragma once
#include <cli/exit_code.hpp>

namespace xenpv::cli::bench {

// A file or an argument that is of no use.
[[nodiscard]] inline failure bad_argument(const std::string &what, std::string advice)
{
	return {exit_code::usage, what, std::move(advice)};
}

// A program or a privilege is missing.
[[nodiscard]] inline failure cannot(const std::string &what, std::string advice)
{
	return {exit_code::blind, what, std::move(advice)};
}

// It was tried, and did not go well.
[[nodiscard]] inline failure gone_wrong(const std::string &what, std::string advice)
{
	return {exit_code::wrong, what, std::move(advice)};
}

} // namespace xenpv::cli::bench
