// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace xenpv::cli::report {

// The style sheet of the page: light and dark, and on paper.
[[nodiscard]] const char *style_sheet();

} // namespace xenpv::cli::report
