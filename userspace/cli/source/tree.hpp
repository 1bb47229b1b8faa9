// SPDX-License-Identifier: GPL-2.0-only
// The machine's files: /sys, /proc, /boot and /lib, or a test's stand-in for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xenpv::cli {

class tree {
public:
	explicit tree(std::filesystem::path root) : root_(std::move(root)) {}

	// At most limit bytes of a file; nothing when it is not there or may not be read.
	std::optional<std::string> text(const std::string &path, std::size_t limit = 65536);
	// Its first line, printable; "" when there is none.
	std::string line(const std::string &path);
	std::optional<std::uint64_t> value(const std::string &path);
	// Names in a directory, sorted; at most 4096.
	std::vector<std::string> list(const std::string &path);
	bool exists(const std::string &path);
	// The last part of what a symbolic link points to; "" when it is none.
	std::string link(const std::string &path);
	// Where a path leads after all links, seen from the root; "" when nowhere.
	std::string real(const std::string &path);
	[[nodiscard]] std::filesystem::path at(const std::string &path) const
	{
		return root_ / std::filesystem::path(path).relative_path();
	}
	// What was there and might not be read.
	[[nodiscard]] const std::set<std::string> &denied() const { return denied_; }

private:
	std::filesystem::path root_;
	std::set<std::string> denied_;
};

} // namespace xenpv::cli
