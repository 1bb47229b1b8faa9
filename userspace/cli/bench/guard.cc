// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/failure.hpp>
#include <cli/bench/files.hpp>
#include <cli/bench/guard.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sstream>
#include <unistd.h>
#include <utility>

namespace xenpv::cli::bench {
namespace {

namespace fs = std::filesystem;

// A disk and its partitions as sysfs has them.
std::vector<fs::path> with_partitions(const fs::path &disk)
{
	std::vector<fs::path> found{disk};
	std::error_code none;
	for (const auto &one : fs::directory_iterator(disk, none))
		if (fs::exists(one.path() / "partition", none))
			found.push_back(one.path());
	return found;
}

std::string mounted_at(const std::string &number, const fs::path &root)
{
	std::istringstream lines(text_of(root / "proc/self/mountinfo"));
	for (std::string line; std::getline(lines, line);) {
		std::istringstream words(line);
		std::string id, parent, device, inside, point;
		if (words >> id >> parent >> device >> inside >> point && device == number)
			return point;
	}
	return "";
}

bool swapped_to(const std::string &name, const fs::path &root)
{
	std::istringstream lines(text_of(root / "proc/swaps"));
	for (std::string line; std::getline(lines, line);)
		if (line.starts_with("/dev/" + name + " ") || line.starts_with("/dev/" + name + "\t"))
			return true;
	return false;
}

// Empty when the kernel knows of no user.
std::string user_of(const fs::path &disk, const fs::path &root)
{
	for (const fs::path &part : with_partitions(disk)) {
		const std::string name = part.filename().string();
		const std::string of = part == disk ? "" : " (" + name + ")";
		if (const std::string point = mounted_at(line_of(part / "dev"), root); !point.empty())
			return "is mounted at " + point + of;
		if (swapped_to(name, root))
			return "is swap space in use" + of;
		std::error_code none;
		for (const auto &holder : fs::directory_iterator(part / "holders", none))
			return "is held by " + holder.path().filename().string() + of;
	}
	return "";
}

// What blkid says is there, for people; empty for nothing.
std::string signature(const std::string &path, const run_tool &run)
{
	constexpr int nothing_found = 2;
	constexpr int ambivalent = 8;
	const tool_output said = run({"blkid", "-p", "-o", "export", path}, std::chrono::seconds(30));
	if (said.missing)
		throw cannot("whether " + path + " holds data cannot be told: there is no blkid",
			     "apt install util-linux");
	if (said.status == nothing_found)
		return "";
	if (said.status == ambivalent)
		return "has signatures of several kinds";
	if (said.status != 0)
		throw cannot("whether " + path + " holds data cannot be told: " + said.trouble,
			     "see what `blkid -p " + path + "` says");
	std::istringstream lines(said.out);
	std::string found = "has a signature that blkid knows";
	for (std::string line; std::getline(lines, line);) {
		if (line.starts_with("PTTYPE="))
			found = "has a partition table (" + line.substr(7) + ")";
		if (line.starts_with("TYPE="))
			return "has a signature of " + line.substr(5);
	}
	return found;
}

// The first MiB, the last one, and places between them.
bool is_blank(int fd)
{
	constexpr off_t piece = 1 << 20;
	constexpr off_t spots = 64;
	constexpr size_t spot = 64 << 10;
	std::vector<char> buffer(static_cast<size_t>(piece));
	const auto zero = [&](off_t at, size_t size) {
		const ssize_t got = ::pread(fd, buffer.data(), size, at);
		return got >= 0 && std::all_of(buffer.begin(), buffer.begin() + got, [](char c) { return c == 0; });
	};
	const off_t end = ::lseek(fd, 0, SEEK_END);
	if (!zero(0, buffer.size()) || (end > piece && !zero(end - piece, buffer.size())))
		return false;
	for (off_t i = 1; i < spots && end > 2 * piece; ++i)
		if (!zero(end / spots * i / 4096 * 4096, spot))
			return false;
	return true;
}

int open_alone(const std::string &path, int how)
{
	return ::open(path.c_str(), how | O_EXCL | O_CLOEXEC | O_NONBLOCK);
}

[[noreturn]] void cannot_open(const std::string &path, int error)
{
	const std::string what = "cannot open " + path + ": " + std::strerror(error);
	if (error == EACCES || error == EPERM)
		throw cannot(what, "run it as root: sudo xenpv bench ...");
	throw gone_wrong(what, "see the kernel's log (dmesg)");
}

} // namespace

finding inspect_disk(const std::string &name, const fs::path &root, const run_tool &run)
{
	const fs::path disk = root / "sys/block" / name;
	const std::string path = (root / "dev" / name).string();
	if (const std::string user = user_of(disk, root); !user.empty())
		return {content::in_use, user};
	const int fd = open_alone(path, O_RDONLY);
	if (fd < 0 && errno == EBUSY)
		return {content::in_use, "is in use by another program or the kernel"};
	if (fd < 0)
		cannot_open(path, errno);
	const bool blank = is_blank(fd);
	(void)::close(fd);
	if (const size_t parts = with_partitions(disk).size() - 1; parts != 0)
		return {content::data, "has " + std::to_string(parts) + (parts == 1 ? " partition" : " partitions")};
	if (const std::string found = signature(path, run); !found.empty())
		return {content::data, found};
	if (!blank)
		return {content::unsigned_data, "is not blank"};
	return {content::blank, ""};
}

void check_access(const std::string &name, const fs::path &root)
{
	const std::string path = (root / "dev" / name).string();
	if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0)
		cannot_open(path, errno);
}

reserved::reserved(const std::string &path) : fd_(open_alone(path, O_RDWR))
{
	if (fd_ < 0 && errno == EBUSY)
		throw gone_wrong(path + " is in use by another program or the kernel",
				 "end its use (umount, swapoff), or measure another disk");
	if (fd_ < 0)
		cannot_open(path, errno);
}

reserved::reserved(reserved &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

reserved::~reserved()
{
	if (fd_ >= 0)
		(void)::close(fd_);
}

} // namespace xenpv::cli::bench
