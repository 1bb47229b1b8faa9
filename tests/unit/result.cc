// SPDX-License-Identifier: GPL-2.0-only
// The one error channel (result.hpp).
#include "fixture.hpp"

#include <xenpv/result.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>

using xenpv::err;
using xenpv::result;

namespace {

result<int> half(int n)
{
	return n % 2 == 0 ? result<int>(n / 2) : result<int>(err::invalid);
}

result<int> quarter(int n)
{
	return XENPV_TRY(half(XENPV_TRY(half(n))));
}

result<void> check_quarter(int n, int &reached)
{
	XENPV_CHECK(quarter(n));
	++reached;
	return {};
}

} // namespace

BOOST_AUTO_TEST_SUITE(results)

BOOST_AUTO_TEST_CASE(errors_are_those_of_linux)
{
	using xenpv::to_errno;
	BOOST_TEST(to_errno(err::not_found) == -ENOENT);
	BOOST_TEST(to_errno(err::io) == -EIO);
	BOOST_TEST(to_errno(err::again) == -EAGAIN);
	BOOST_TEST(to_errno(err::no_memory) == -ENOMEM);
	BOOST_TEST(to_errno(err::busy) == -EBUSY);
	BOOST_TEST(to_errno(err::invalid) == -EINVAL);
	BOOST_TEST(to_errno(err::no_space) == -ENOSPC);
	BOOST_TEST(to_errno(err::range) == -ERANGE);
	BOOST_TEST(to_errno(err::protocol) == -EPROTO);
	BOOST_TEST(to_errno(err::not_supported) == -EOPNOTSUPP);
	BOOST_TEST((xenpv::from_errno(-EIO) == err::io));
	BOOST_TEST(xenpv::from_rc(0).ok());
	BOOST_TEST(xenpv::from_rc(7).ok());
	BOOST_TEST((xenpv::from_rc(-EBUSY).error() == err::busy));
}

BOOST_AUTO_TEST_CASE(try_leaves_with_the_first_error)
{
	BOOST_TEST(quarter(8).value() == 2);
	BOOST_TEST((quarter(6).error() == err::invalid));
	BOOST_TEST((quarter(7).error() == err::invalid));
	int reached = 0;
	BOOST_TEST(check_quarter(4, reached).ok());
	BOOST_TEST(!check_quarter(5, reached).ok());
	BOOST_TEST(reached == 1);
	BOOST_TEST(half(3).value_or(-1) == -1);
	BOOST_TEST(half(4).value_or(-1) == 2);
}

BOOST_AUTO_TEST_CASE(values_that_only_move)
{
	const auto make = []() -> result<std::unique_ptr<int>> { return std::make_unique<int>(5); };
	const auto pass = [&]() -> result<int> { return *XENPV_TRY(make()); };
	BOOST_TEST(pass().value() == 5);
}

// Taking the value of an error stops, it does not go on with nothing.
BOOST_AUTO_TEST_CASE(the_value_of_an_error_traps)
{
	const pid_t child = fork();
	BOOST_TEST_REQUIRE(child >= 0);
	if (child == 0) {
		for (const int s : {SIGILL, SIGTRAP, SIGABRT, SIGSEGV})
			std::signal(s, SIG_DFL);
		_exit(half(1).value());
	}
	int status = 0;
	BOOST_TEST_REQUIRE(waitpid(child, &status, 0) == child);
	BOOST_TEST(WIFSIGNALED(status));
}

BOOST_AUTO_TEST_SUITE_END()
