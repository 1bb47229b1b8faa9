// SPDX-License-Identifier: GPL-2.0-only
// Text that others wrote: sysfs, other programs, and xenstore, where a guest writes what it likes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xenpv::cli {

// What may go to a terminal: anything but printable ASCII as \xNN, and no longer than limit.
std::string printable(std::string_view raw, std::size_t limit = 128);

// A whole decimal number, or nothing: no sign, no space, none above max.
std::optional<std::uint64_t> number(std::string_view raw,
				    std::uint64_t max = std::numeric_limits<std::uint64_t>::max());

// Views into raw, which has to outlive them.
std::string_view trimmed(std::string_view raw);
std::vector<std::string_view> split(std::string_view raw, char separator);
// By white space, none empty.
std::vector<std::string_view> words(std::string_view raw);
bool contains(std::string_view text, std::string_view part);

} // namespace xenpv::cli
