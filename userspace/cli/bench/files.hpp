// SPDX-License-Identifier: GPL-2.0-only
// Small files of /sys and /proc; what cannot be read is empty or 0.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace xenpv::cli::bench {

[[nodiscard]] std::string text_of(const std::filesystem::path &path);

// Without spaces and line ends around it.
[[nodiscard]] std::string line_of(const std::filesystem::path &path);
[[nodiscard]] uint64_t number_in(const std::filesystem::path &path);

// The last part of what a symbolic link names.
[[nodiscard]] std::string link_name(const std::filesystem::path &path);

} // namespace xenpv::cli::bench
