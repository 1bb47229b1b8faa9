// SPDX-License-Identifier: GPL-2.0-only
// What every subcommand is given: where to print, how, and which tree is the machine.
#pragma once

#include <cli/child.hpp>
#include <cli/exit_code.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xenpv::cli {

class store;

struct context {
	std::ostream *out = nullptr;
	std::ostream *err = nullptr;
	bool terminal = false; // out is one: progress may redraw its line
	bool colour = false;
	bool json = false;
	// A test's stand-in for /: /sys, /proc, /dev, /boot and /lib are looked for under it.
	std::filesystem::path root = "/";
	// A test's xenstore; the machine's when empty.
	std::function<std::unique_ptr<store>()> open_store{};
	// Other programs, which a test plays.
	std::function<child_result(const std::vector<std::string> &, const child_options &)> run = run_child;
	// Frames of a domain's grant table, those there are and the most there may be; asked of Xen when empty.
	std::function<std::optional<std::pair<unsigned, unsigned>>(unsigned domain)> grant_frames{};
	// Between two looks at what must not stand still.
	std::chrono::milliseconds pause{1500};
	exit_code status = exit_code::ok; // what the command ends with unless it throws

	[[nodiscard]] std::filesystem::path at(std::string_view absolute) const
	{
		return root / std::filesystem::path(absolute).relative_path();
	}
};

} // namespace xenpv::cli
