// SPDX-License-Identifier: GPL-2.0-only
// Whether a disk may be written to.
#pragma once
#include <cli/bench/tool.hpp>

#include <filesystem>
#include <string>

namespace xenpv::cli::bench {

enum class content {
	blank, // nothing but zeros where it was looked
	unsigned_data, // no signature, but not blank: an earlier bench leaves that, a database on the raw disk does too
	data, // a partition table or a signature of a file system, a volume group, an array
	in_use, // mounted, swapped to, held by another device, or opened by somebody for himself
};

struct finding {
	content what;
	std::string why; // "is mounted at /srv"
};

// Looks at the disk without changing anything. Throws failure when it cannot tell.
[[nodiscard]] finding inspect_disk(const std::string &name, const std::filesystem::path &root, const run_tool &run);

// Throws failure with what to do when the user may not read it.
void check_access(const std::string &name, const std::filesystem::path &root);

// For no one else to begin to use the disk while it is being written to: mounts, swapon and others of its kind fail.
class reserved {
public:
	explicit reserved(const std::string &path);
	reserved(reserved &&other) noexcept;
	reserved(const reserved &) = delete;
	reserved &operator=(const reserved &) = delete;
	reserved &operator=(reserved &&) = delete;
	~reserved();

private:
	int fd_;
};

} // namespace xenpv::cli::bench
