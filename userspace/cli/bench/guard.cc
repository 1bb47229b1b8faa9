// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/failure.hpp>
#include <cli/bench/files.hpp>
#include <cli/bench/guard.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
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

// In-tree blkback does not hold the disk that it serves, but says which it is, in hexadecimal.
std::string served_as(const std::string &number, const fs::path &root)
{
	const size_t colon = number.find(':');
	if (colon == std::string::npos)
		return "";
	std::ostringstream hex;
	hex << std::hex << std::strtoul(number.c_str(), nullptr, 10) << ':'
	    << std::strtoul(number.c_str() + colon + 1, nullptr, 10);
	std::error_code none;
	for (const auto &backend : fs::directory_iterator(root / "sys/bus/xen-backend/devices", none))
		if (line_of(backend.path() / "physical_device") == hex.str())
			return backend.path().filename().string();
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
	// It says the same by this status when it could not look, but then not in silence.
	if (said.status == nothing_found && said.err.empty())
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
bool is_blank(int fd, const std::string &path)
{
	constexpr off_t piece = 1 << 20;
	constexpr off_t spots = 64;
	constexpr size_t spot = 64 << 10;
	std::vector<char> buffer(static_cast<size_t>(piece));
	const auto zero = [&](off_t at, size_t size) {
		const ssize_t got = ::pread(fd, buffer.data(), size, at);
		if (got < 0)
			throw gone_wrong("cannot read " + path + ": " + std::strerror(errno),
					 "see the kernel's log (dmesg)");
		return std::all_of(buffer.begin(), buffer.begin() + got, [](char c) { return c == 0; });
	};
	const off_t end = ::lseek(fd, 0, SEEK_END);
	if (!zero(0, buffer.size()) || (end > piece && !zero(end - piece, buffer.size())))
		return false;
	for (off_t i = 1; i < spots && end > 2 * piece; ++i)
		if (!zero(end / spots * i / 4096 * 4096, spot))
			return false;
	return true;
}

[[noreturn]] void cannot_open(const std::string &path, int error)
{
	const std::string what = "cannot open " + path + ": " + std::strerror(error);
	if (error == EACCES || error == EPERM)
		throw cannot(what, "run it as root: sudo xenpv bench ...");
	throw gone_wrong(what, "see the kernel's log (dmesg)");
}

} // namespace

std::string user_of(const std::string &name, const fs::path &root)
{
	const fs::path disk = root / "sys/block" / name;
	for (const fs::path &part : with_partitions(disk)) {
		const std::string own = part.filename().string();
		const std::string of = part == disk ? "" : " (" + own + ")";
		const std::string number = line_of(part / "dev");
		if (const std::string point = mounted_at(number, root); !point.empty())
			return "is mounted at " + point + of;
		if (swapped_to(own, root))
			return "is swap space in use" + of;
		if (const std::string backend = served_as(number, root); !backend.empty())
			return "is a guest's disk, " + backend + of;
		std::error_code none;
		for (const auto &holder : fs::directory_iterator(part / "holders", none))
			return "is held by " + holder.path().filename().string() + of;
	}
	return "";
}

void check_access(const std::string &name, const fs::path &root)
{
	const std::string path = (root / "dev" / name).string();
	if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0)
		cannot_open(path, errno);
}

claim::claim(const std::string &name, const fs::path &root)
	: disk_(root / "sys/block" / name), path_((root / "dev" / name).string()),
	  fd_(::open(path_.c_str(), O_RDWR | O_EXCL | O_NONBLOCK)) // no O_CLOEXEC: see above
{
	const int error = errno;
	const bool busy = fd_ < 0 && error == EBUSY;
	if (fd_ < 0 && !busy)
		cannot_open(path_, error);
	std::string user = user_of(name, root);
	if (user.empty() && busy)
		user = "is in use by another program or the kernel";
	if (user.empty())
		return;
	if (fd_ >= 0)
		(void)::close(fd_);
	throw gone_wrong("/dev/" + name + " " + user + ": it is not written to",
			 "end its use first, or measure without writing: --reads-only");
}

claim::claim(claim &&other) noexcept
	: disk_(std::move(other.disk_)), path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1))
{
}

claim::~claim()
{
	if (fd_ >= 0)
		(void)::close(fd_);
}

std::string claim::content(const run_tool &run) const
{
	if (const size_t parts = with_partitions(disk_).size() - 1; parts != 0)
		return "has " + std::to_string(parts) + (parts == 1 ? " partition" : " partitions");
	if (std::string found = signature(path_, run); !found.empty())
		return found;
	return is_blank(fd_, path_) ? "" : "is not blank";
}

} // namespace xenpv::cli::bench
