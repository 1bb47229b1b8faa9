// SPDX-License-Identifier: GPL-2.0-only
// Programs that the xenpv command starts, and a xenstore that is slow or hostile.
#include <cli/child.hpp>
#include <cli/exit_code.hpp>
#include <cli/source/store.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace cli = xenpv::cli;

namespace {

using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point then)
{
	return std::chrono::duration<double>(clock_type::now() - then).count();
}

// xenstored's protocol, as far as libxenstore speaks it: xen/include/public/io/xs_wire.h.
struct wire_header {
	std::uint32_t type;
	std::uint32_t request;
	std::uint32_t transaction;
	std::uint32_t length;
};

// A daemon on a socket of its own that answers each request with `answer`, or never.
class fake_daemon {
public:
	explicit fake_daemon(std::string answer, bool silent = false) : answer_(std::move(answer)), silent_(silent)
	{
		std::string folder = (std::filesystem::temp_directory_path() / "xenpv-xs.XXXXXX").string();
		folder_ = mkdtemp(folder.data());
		const std::string path = folder_ / "socket";
		listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		sockaddr_un address{};
		address.sun_family = AF_UNIX;
		std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
		BOOST_REQUIRE(bind(listener_, reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0);
		BOOST_REQUIRE(listen(listener_, 4) == 0);
		setenv("XENSTORED_PATH", path.c_str(), 1);
		thread_ = std::thread([this] { serve(); });
	}

	~fake_daemon()
	{
		shutdown(listener_, SHUT_RDWR);
		if (const int fd = connection_.load(); fd >= 0)
			shutdown(fd, SHUT_RDWR);
		thread_.join();
		close(listener_);
		unsetenv("XENSTORED_PATH");
		std::filesystem::remove_all(folder_);
	}
	fake_daemon(const fake_daemon &) = delete;
	fake_daemon &operator=(const fake_daemon &) = delete;

private:
	void serve()
	{
		const int fd = accept(listener_, nullptr, nullptr);
		if (fd < 0)
			return;
		connection_ = fd;
		wire_header header{};
		while (recv(fd, &header, sizeof(header), MSG_WAITALL) == static_cast<ssize_t>(sizeof(header))) {
			std::string body(header.length, '\0');
			if (header.length != 0 && recv(fd, body.data(), body.size(), MSG_WAITALL) <= 0)
				break;
			if (silent_)
				continue;
			header.length = static_cast<std::uint32_t>(answer_.size());
			send(fd, &header, sizeof(header), MSG_NOSIGNAL);
			send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
		}
		connection_ = -1;
		close(fd);
	}

	std::string answer_;
	bool silent_;
	std::filesystem::path folder_;
	int listener_ = -1;
	std::atomic<int> connection_{-1};
	std::thread thread_;
};

} // namespace

BOOST_AUTO_TEST_CASE(output_and_status_are_told_apart)
{
	const auto done = cli::run_child({"sh", "-c", "echo out; echo err >&2; exit 7"});
	BOOST_TEST(done.started);
	BOOST_TEST(done.status == 7);
	BOOST_TEST(done.out == "out\n");
	BOOST_TEST(done.err == "err\n");
	BOOST_TEST(!done.ok());
	BOOST_TEST(cli::describe({"sh"}, done) == "sh: exited with 7: err");
}

BOOST_AUTO_TEST_CASE(a_program_that_is_not_there_is_no_crash)
{
	const auto done = cli::run_child({"xenpv-no-such-program"});
	BOOST_TEST(!done.started);
	BOOST_TEST(done.start_error == ENOENT);
	BOOST_TEST(cli::describe({"fio"}, done) == "fio: not installed");
	BOOST_TEST(!cli::run_child({}).started);
}

BOOST_AUTO_TEST_CASE(time_is_up_for_the_child_and_its_children)
{
	cli::child_options options;
	options.timeout = std::chrono::milliseconds(100);
	const auto then = clock_type::now();
	const auto done = cli::run_child({"sh", "-c", "echo begun; sleep 60 & sleep 60; wait"}, options);
	BOOST_TEST(done.timed_out);
	BOOST_TEST(done.out == "begun\n");
	BOOST_TEST(seconds_since(then) < 20.0);
}

BOOST_AUTO_TEST_CASE(a_flood_is_cut_at_the_limit)
{
	cli::child_options options;
	options.limit = 1000;
	const auto done = cli::run_child({"head", "-c", "3000000", "/dev/zero"}, options);
	BOOST_TEST(done.ok());
	BOOST_TEST(done.out.size() == 1000U);
	BOOST_TEST(done.truncated);
}

BOOST_AUTO_TEST_CASE(input_reaches_it_even_when_it_is_large)
{
	cli::child_options options;
	options.input = std::string(300000, 'x');
	BOOST_TEST(cli::run_child({"wc", "-c"}, options).out == "300000\n");
	BOOST_TEST(cli::run_child({"true"}, options).status == 0); // which reads none of it
}

BOOST_AUTO_TEST_CASE(tick_can_stop_it)
{
	cli::child_options options;
	unsigned ticks = 0;
	options.tick = [&ticks] { return ++ticks < 3; };
	const auto done = cli::run_child({"sleep", "60"}, options);
	BOOST_TEST(done.stopped);
	BOOST_TEST(ticks == 3U);
}

BOOST_AUTO_TEST_CASE(xenstore_is_read_through_the_library)
{
	const fake_daemon daemon("web1");
	const auto store = cli::open_xenstore();
	BOOST_TEST(*store->read("/local/domain/3/name") == "web1");
}

BOOST_AUTO_TEST_CASE(a_xenstore_that_does_not_answer_is_given_up)
{
	const fake_daemon daemon("", true);
	const auto store = cli::open_xenstore();
	const auto then = clock_type::now();
	BOOST_CHECK_EXCEPTION(store->read("/local/domain/3/name"), cli::failure, [](const cli::failure &error) {
		return error.code() == cli::exit_code::blind &&
		       std::string(error.what()).starts_with("xenstore does not answer");
	});
	BOOST_TEST(seconds_since(then) < 30.0);
}

BOOST_AUTO_TEST_CASE(no_xenstore_at_all_is_told_with_what_to_do)
{
	setenv("XENSTORED_PATH", "/nonexistent/xenpv", 1);
	BOOST_CHECK_EXCEPTION(cli::open_xenstore(), cli::failure, [](const cli::failure &error) {
		return error.code() == cli::exit_code::blind && !error.advice().empty();
	});
	unsetenv("XENSTORED_PATH");
}
