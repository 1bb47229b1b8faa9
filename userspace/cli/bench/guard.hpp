// SPDX-License-Identifier: GPL-2.0-only
// Whether a disk may be written to.
#pragma once
#include <cli/bench/tool.hpp>

#include <filesystem>
#include <string>

namespace xenpv::cli::bench {

// Throws failure with what to do when the user may not read it.
void check_access(const std::string &name, const std::filesystem::path &root);

// How a disk is used, for people: "is mounted at /srv"; empty when the kernel knows of no user.
[[nodiscard]] std::string user_of(const std::string &name, const std::filesystem::path &root);

// A disk that is to be written to, held so that nobody else begins to use it: mounts, swapon and others of their kind
// fail. The programs that write inherit the hold: it lasts for as long as any of them does, whatever becomes of us.
class claim {
public:
	// Throws failure when it is in use.
	claim(const std::string &name, const std::filesystem::path &root);
	claim(claim &&other) noexcept;
	claim(const claim &) = delete;
	claim &operator=(const claim &) = delete;
	claim &operator=(claim &&) = delete;
	~claim();

	// What is on it, for people: "has a signature of ext4"; empty when it is blank. Throws failure when it cannot
	// tell.
	[[nodiscard]] std::string content(const run_tool &run) const;

private:
	std::filesystem::path disk_; // as sysfs has it
	std::string path_;
	int fd_;
};

} // namespace xenpv::cli::bench
