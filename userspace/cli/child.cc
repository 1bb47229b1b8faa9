// SPDX-License-Identifier: GPL-2.0-only
#include <cli/child.hpp>

#include <cli/source/text.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace xenpv::cli {
namespace {

using clock = std::chrono::steady_clock;
constexpr int poll_ms = 5;

class pipe_pair {
public:
	pipe_pair()
	{
		if (pipe2(ends_.data(), O_CLOEXEC) != 0)
			ends_ = {-1, -1};
	}
	~pipe_pair()
	{
		close_end(0);
		close_end(1);
	}
	pipe_pair(const pipe_pair &) = delete;
	pipe_pair &operator=(const pipe_pair &) = delete;

	[[nodiscard]] int reader() const { return ends_[0]; }
	[[nodiscard]] int writer() const { return ends_[1]; }
	void close_end(std::size_t which)
	{
		if (ends_[which] >= 0)
			close(ends_[which]);
		ends_[which] = -1;
	}

private:
	std::array<int, 2> ends_{-1, -1};
};

std::vector<std::string> environment_of(const child_options &options)
{
	std::vector<std::string> all{"LC_ALL=C"};
	all.insert(all.end(), options.environment.begin(), options.environment.end());
	for (char **e = environ; *e != nullptr; ++e) {
		const std::string_view inherited = *e;
		const auto name = inherited.substr(0, inherited.find('=') + 1);
		bool replaced = false;
		for (const std::string &mine : all)
			replaced = replaced || mine.starts_with(name);
		if (!replaced)
			all.emplace_back(inherited);
	}
	return all;
}

std::vector<char *> pointers(const std::vector<std::string> &strings)
{
	std::vector<char *> out;
	out.reserve(strings.size() + 1);
	for (const std::string &s : strings)
		out.push_back(const_cast<char *>(s.c_str())); // posix_spawn's signature is older than const
	out.push_back(nullptr);
	return out;
}

// Reads what there is; false at the end of the stream.
bool drain(int fd, std::string &into, std::size_t limit, bool &truncated)
{
	std::array<char, 65536> buffer;
	for (;;) {
		const ssize_t got = read(fd, buffer.data(), buffer.size());
		if (got > 0) {
			const std::size_t room = limit > into.size() ? limit - into.size() : 0;
			const auto n = static_cast<std::size_t>(got);
			into.append(buffer.data(), n < room ? n : room);
			truncated = truncated || n > room;
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		return got < 0 && errno == EAGAIN;
	}
}

int start(const std::vector<std::string> &argv, const child_options &options, pipe_pair &in, pipe_pair &out,
	  pipe_pair &err, pid_t &pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, in.reader(), 0);
	posix_spawn_file_actions_adddup2(&actions, out.writer(), 1);
	posix_spawn_file_actions_adddup2(&actions, err.writer(), 2);
	sigset_t none;
	sigset_t pipe_signal;
	sigemptyset(&none);
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	const std::vector<std::string> environment = environment_of(options);
	const int error = posix_spawnp(&pid, argv[0].c_str(), &actions, &attributes, pointers(argv).data(),
				       pointers(environment).data());
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return error;
}

// What still fits of the input; closes the pipe when all is written or nobody reads.
void feed(pipe_pair &in, const std::string &input, std::size_t &written)
{
	while (in.writer() >= 0 && written < input.size()) {
		const ssize_t n = write(in.writer(), input.data() + written, input.size() - written);
		if (n > 0)
			written += static_cast<std::size_t>(n);
		else if (n < 0 && errno == EAGAIN)
			return;
		else if (n >= 0 || errno != EINTR)
			break;
	}
	in.close_end(1);
}

// False when it has not ended after a few seconds: a program that waits for a disk that does not answer cannot be killed.
bool await_end(pid_t pid, int &status)
{
	const auto deadline = clock::now() + std::chrono::seconds(5);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (clock::now() >= deadline)
			return false;
		poll(nullptr, 0, poll_ms);
	}
	return true;
}

} // namespace

child_result run_child(const std::vector<std::string> &argv, const child_options &options)
{
	child_result result;
	pipe_pair in;
	pipe_pair out;
	pipe_pair err;
	if (argv.empty() || in.reader() < 0 || out.reader() < 0 || err.reader() < 0) {
		result.start_error = argv.empty() ? EINVAL : errno;
		return result;
	}
	pid_t pid = -1;
	result.start_error = start(argv, options, in, out, err, pid);
	if (result.start_error != 0)
		return result;
	result.started = true;
	in.close_end(0);
	out.close_end(1);
	err.close_end(1);
	for (const int fd : {in.writer(), out.reader(), err.reader()})
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);

	// A child that closes its input early would end us by SIGPIPE.
	struct sigaction ignore {};
	struct sigaction before {};
	ignore.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &ignore, &before);

	const auto deadline = clock::now() + options.timeout;
	std::size_t written = 0;
	bool ended = false;
	int status = 0;
	while (!ended) {
		feed(in, options.input, written);
		std::array<pollfd, 2> fds{pollfd{out.reader(), POLLIN, 0}, pollfd{err.reader(), POLLIN, 0}};
		poll(fds.data(), fds.size(), poll_ms); // a closed one is -1, which poll skips
		if (fds[0].revents != 0 && !drain(out.reader(), result.out, options.limit, result.truncated))
			out.close_end(0);
		if (fds[1].revents != 0 && !drain(err.reader(), result.err, options.limit, result.truncated))
			err.close_end(0);
		ended = waitpid(pid, &status, WNOHANG) == pid;
		if (ended)
			break;
		result.timed_out = clock::now() >= deadline;
		result.stopped = !result.timed_out && options.tick && !options.tick();
		if (result.timed_out || result.stopped) {
			kill(-pid, SIGKILL);
			if (!await_end(pid, status))
				status = SIGKILL; // it hangs in the kernel, and ends when that lets it go
			ended = true;
		}
	}
	// What it wrote last; grandchildren may hold the pipe open, so no waiting for the end.
	if (out.reader() >= 0)
		drain(out.reader(), result.out, options.limit, result.truncated);
	if (err.reader() >= 0)
		drain(err.reader(), result.err, options.limit, result.truncated);
	sigaction(SIGPIPE, &before, nullptr);
	if (WIFEXITED(status))
		result.status = WEXITSTATUS(status);
	else if (WIFSIGNALED(status))
		result.signal = WTERMSIG(status);
	return result;
}

std::string describe(const std::vector<std::string> &argv, const child_result &result)
{
	const std::string name = argv.empty() ? "(no program)" : argv[0];
	if (!result.started)
		return result.start_error == ENOENT
			       ? fmt::format("{}: not installed", name)
			       : fmt::format("{}: cannot be started: {}", name, strerror(result.start_error));
	if (result.timed_out)
		return fmt::format("{}: did not end in time", name);
	if (result.stopped)
		return fmt::format("{}: stopped", name);
	std::string said = result.err.empty() ? result.out : result.err;
	while (!said.empty() && (said.back() == '\n' || said.back() == ' '))
		said.pop_back();
	if (const auto line = said.rfind('\n'); line != std::string::npos)
		said.erase(0, line + 1);
	if (said.size() > 200)
		said.resize(200);
	const std::string how = result.signal != 0 ? fmt::format("ended by signal {}", result.signal)
						   : fmt::format("exited with {}", result.status);
	return said.empty() ? fmt::format("{}: {}", name, how) : fmt::format("{}: {}: {}", name, how, printable(said));
}

} // namespace xenpv::cli
