// SPDX-License-Identifier: GPL-2.0-only
// Pictures of a page, by a Chromium without a window.
#pragma once
#include <string>

namespace xenpv::cli::report {

// The first browser in PATH that can. Throws failure when there is none.
[[nodiscard]] std::string find_browser();

// The whole page, however long, as a PNG at `png`. Throws failure with what the browser said.
void take_picture(const std::string &browser, const std::string &html, const std::string &png);

} // namespace xenpv::cli::report
