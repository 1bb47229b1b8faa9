// SPDX-License-Identifier: GPL-2.0-only
// How long requests took: what share of them, on a logarithmic axis.
#pragma once
#include <cli/bench/results.hpp>

#include <string>
#include <vector>

namespace xenpv::cli::report {

struct curve {
	std::string colour;
	const bench::histogram *of;
};

// Empty when no curve has anything.
[[nodiscard]] std::string latency_chart(const std::string &title, const std::vector<curve> &curves);

} // namespace xenpv::cli::report
