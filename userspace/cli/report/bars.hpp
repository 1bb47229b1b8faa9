// SPDX-License-Identifier: GPL-2.0-only
// Horizontal bars from zero, with the spread of the runs.
#pragma once
#include <string>
#include <vector>

namespace xenpv::cli::report {

struct bar {
	std::string label;
	std::string colour;
	double value;
	std::vector<double> runs; // one or none: no spread is drawn
	std::string text; // what stands behind the bar
	bool apart = false; // a gap above: another group begins
};

// `label_width` in the picture's own units, of which it is 480 wide.
[[nodiscard]] std::string bar_chart(const std::string &title, const std::vector<bar> &bars, double label_width);

} // namespace xenpv::cli::report
