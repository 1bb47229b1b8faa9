// SPDX-License-Identifier: GPL-2.0-only
#include <cli/source/tree.hpp>

#include <cli/source/text.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xenpv::cli {
namespace {

constexpr std::size_t most_entries = 4096;

} // namespace

std::optional<std::string> tree::text(const std::string &path, std::size_t limit)
{
	// O_NONBLOCK: a fifo or a terminal in the way is not waited for.
	const int fd = open(at(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		if (errno == EACCES || errno == EPERM)
			denied_.insert(path);
		return std::nullopt;
	}
	std::string out(limit, '\0');
	std::size_t have = 0;
	ssize_t got = 0;
	while (have < limit && (got = read(fd, out.data() + have, limit - have)) > 0)
		have += static_cast<std::size_t>(got);
	const int error = errno;
	close(fd);
	if (got < 0 && have == 0) {
		if (error == EACCES || error == EPERM)
			denied_.insert(path);
		return std::nullopt;
	}
	out.resize(have);
	return out;
}

std::string tree::line(const std::string &path)
{
	const auto all = text(path, 4096);
	return all ? printable(trimmed(std::string_view(*all).substr(0, all->find('\n'))), 1024) : std::string();
}

std::optional<std::uint64_t> tree::value(const std::string &path)
{
	return number(line(path));
}

std::vector<std::string> tree::list(const std::string &path)
{
	std::vector<std::string> names;
	std::error_code error;
	std::filesystem::directory_iterator entries(at(path), error);
	if (error == std::errc::permission_denied)
		denied_.insert(path);
	for (; !error && entries != std::filesystem::directory_iterator() && names.size() < most_entries;
	     entries.increment(error))
		names.push_back(entries->path().filename().string());
	std::sort(names.begin(), names.end());
	return names;
}

bool tree::exists(const std::string &path)
{
	std::error_code error;
	const bool there = std::filesystem::exists(at(path), error);
	if (error == std::errc::permission_denied)
		denied_.insert(path);
	return there;
}

std::string tree::link(const std::string &path)
{
	std::error_code error;
	const auto target = std::filesystem::read_symlink(at(path), error);
	return error ? std::string() : target.filename().string();
}

std::string tree::real(const std::string &path)
{
	std::error_code error;
	const auto target = std::filesystem::canonical(at(path), error);
	const auto top = std::filesystem::canonical(root_, error);
	if (error)
		return {};
	const auto within = target.lexically_relative(top).string();
	return within.starts_with("..") ? target.string() : "/" + within;
}

} // namespace xenpv::cli
