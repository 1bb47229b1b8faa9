// SPDX-License-Identifier: GPL-2.0-only
// Pieces of SVG and HTML.
#pragma once
#include <string>

namespace xenpv::cli::report {

// For text and for attributes in double quotes.
[[nodiscard]] std::string escaped(const std::string &text);

// A coordinate, with one decimal.
[[nodiscard]] std::string at(double value);

enum class anchor { start, middle, end };
[[nodiscard]] std::string text_at(double x, double y, const std::string &text, const std::string &style,
				  anchor where = anchor::start);

// A duration in us with the unit that suits it: "250 us", "4 ms", "1.2 s".
[[nodiscard]] std::string duration(double us);

// At most so many characters, an ellipsis for the rest.
[[nodiscard]] std::string fitted(const std::string &text, size_t characters);

// All pictures are as wide, in CSS pixels.
constexpr double width = 480;

// The picture itself, described for those who do not see it.
[[nodiscard]] std::string picture(double height, const std::string &title, const std::string &content);

} // namespace xenpv::cli::report
