// SPDX-License-Identifier: GPL-2.0-only
// Data behind its lock (guarded.hpp).  TSan is the second judge here.
#include "fixture.hpp"

#include <xenpv/guarded.hpp>

#include <thread>
#include <type_traits>
#include <vector>

using xenpv::guarded;

BOOST_FIXTURE_TEST_SUITE(guarding, xenpv::test::machine)

template <typename Lock>
void count_together()
{
	guarded<uint64_t, Lock> value(uint64_t{5});
	std::vector<std::thread> threads;
	for (int t = 0; t < 4; ++t)
		threads.emplace_back([&value] {
			for (int i = 0; i < 5000; ++i)
				value.with([](uint64_t &v) { ++v; });
		});
	for (auto &t : threads)
		t.join();
	BOOST_TEST(value.with([](uint64_t &v) { return v; }) == 20005u);
}

BOOST_AUTO_TEST_CASE(many_threads_one_count)
{
	count_together<xenpv::spinlock>();
	count_together<xenpv::mutex>();
}

BOOST_AUTO_TEST_CASE(what_the_function_returns_comes_back)
{
	guarded<int> value(7);
	static_assert(std::is_same_v<decltype(value.with([](int &v) { return v; })), int>);
	static_assert(std::is_void_v<decltype(value.with([](int &) {}))>);
	value.with([](int &v) { v = 8; });
	BOOST_TEST(value.with([](int &v) { return v; }) == 8);
}

BOOST_AUTO_TEST_CASE(a_spinlock_forbids_sleep_and_a_mutex_does_not)
{
	guarded<int, xenpv::mutex> slow(0);
	slow.with([](int &) { BOOST_TEST(!xenpv::sim::in_atomic()); });
	guarded<int> quick(0);
	quick.with([](int &) { BOOST_TEST(xenpv::sim::in_atomic()); });
	BOOST_TEST(!xenpv::sim::in_atomic());
	quick.with([&slow](int &) { slow.with([](int &) {}); });
	expect_broken_rule("kapi_mutex_lock in atomic context");
}

BOOST_AUTO_TEST_SUITE_END()
