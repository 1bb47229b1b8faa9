// SPDX-License-Identifier: GPL-2.0-only
// Results as one HTML page, with nothing outside of it: no script, no font, no picture that a server would be asked for.
#pragma once
#include <cli/report/series.hpp>

#include <string>
#include <vector>

namespace xenpv::cli::report {

[[nodiscard]] std::string page(const std::vector<source> &sources);

} // namespace xenpv::cli::report
