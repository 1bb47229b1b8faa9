// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/failure.hpp>
#include <cli/bench/results_file.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace xenpv::cli::bench {
namespace {

// The largest that was ever seen has a tenth of a megabyte; this keeps /dev/zero out.
constexpr size_t most_bytes = 64u << 20;

std::string folder_of(const std::string &path)
{
	const auto parent = std::filesystem::path(path).parent_path();
	return parent.empty() ? "." : parent.string();
}

std::string why()
{
	return std::strerror(errno);
}

} // namespace

results read_file(const std::string &path)
{
	std::error_code ignored;
	if (std::filesystem::is_directory(path, ignored))
		throw bad_argument(path + " is a directory", "name the results file in it");
	errno = 0;
	std::ifstream file(path, std::ios::binary);
	if (!file)
		throw bad_argument("cannot read " + path + ": " + why(), "name a file that `xenpv bench` has written");
	std::string text(most_bytes + 1, '\0');
	file.read(text.data(), static_cast<std::streamsize>(text.size()));
	text.resize(static_cast<size_t>(file.gcount()));
	if (text.size() > most_bytes)
		throw bad_argument(path + " is too large for a results file",
				   "name a file that `xenpv bench` has written");
	return from_json(text, path);
}

void write_file(const std::string &path, const std::string &content)
{
	const std::string scratch = path + ".new";
	errno = 0;
	{
		std::ofstream file(scratch, std::ios::binary | std::ios::trunc);
		file << content;
		file.flush();
		if (!file) {
			const std::string reason = why();
			(void)::unlink(scratch.c_str());
			throw bad_argument("cannot write " + path + ": " + reason,
					   "make room there, or name another file with -o");
		}
	}
	if (std::rename(scratch.c_str(), path.c_str()) != 0) {
		const std::string reason = why();
		(void)::unlink(scratch.c_str());
		throw bad_argument("cannot write " + path + ": " + reason, "name another file with -o");
	}
}

void check_writable(const std::string &path)
{
	std::error_code ignored;
	if (std::filesystem::exists(path, ignored)) {
		if (!std::filesystem::is_regular_file(path, ignored))
			throw bad_argument(path + " is no file that results could be written to",
					   "name another file with -o");
		try {
			(void)read_file(path);
		} catch (const failure &) {
			throw bad_argument(path + " is there already and holds no results of this version",
					   "name another file with -o, or remove that one");
		}
	}
	const std::string folder = folder_of(path);
	if (::access(folder.c_str(), W_OK | X_OK) != 0)
		throw bad_argument("cannot write to " + folder + ": " + why(), "name a file somewhere else with -o");
}

} // namespace xenpv::cli::bench
