// SPDX-License-Identifier: GPL-2.0-only
// A value that is read whole while it is written (latched.hpp).
#include <xenpv/latched.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <thread>
#include <vector>

using xenpv::latched;

namespace {

// So large that who reads it meets who writes it.
struct many {
	uint32_t words[2048];
};

many filled(uint32_t with)
{
	many m;
	std::fill(std::begin(m.words), std::end(m.words), with);
	return m;
}

} // namespace

BOOST_AUTO_TEST_SUITE(latched_values)

BOOST_AUTO_TEST_CASE(what_was_written_is_read)
{
	struct pair {
		uint32_t a = 5;
		uint32_t b = 6;
	};
	latched<pair> l;
	BOOST_TEST(l.read().a == 5u);
	BOOST_TEST(l.read().b == 6u);
	for (uint32_t i = 0; i < 5; ++i) {
		l.write({i, ~i});
		for (int again = 0; again < 3; ++again) {
			BOOST_TEST(l.read().a == i);
			BOOST_TEST(l.read().b == ~i);
		}
	}
}

BOOST_AUTO_TEST_CASE(readers_see_one_value_and_no_older_one_later)
{
	latched<many> l;
	l.write(filled(1));
	std::atomic<uint64_t> torn{0};
	std::atomic<uint64_t> older{0};
	std::atomic<uint64_t> reads{0};
	{
		std::vector<std::jthread> readers;
		for (int i = 0; i < 3; ++i)
			readers.emplace_back([&](const std::stop_token &stop) {
				for (uint32_t last = 1; !stop.stop_requested(); ++reads) {
					const many m = l.read();
					for (const uint32_t w : m.words)
						torn += w != m.words[0];
					older += m.words[0] < last;
					last = m.words[0];
				}
			});
		// Now and then a pause, or a reader of a slow machine would never be done.
		for (uint32_t i = 2; i < 20000 || reads < 100; ++i) {
			l.write(filled(i));
			if (i % 8 == 0)
				std::this_thread::yield();
		}
	}
	BOOST_TEST(torn == 0u);
	BOOST_TEST(older == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
