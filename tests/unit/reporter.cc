// SPDX-License-Identifier: GPL-2.0-only
// Messages a peer can provoke are few (reporter.hpp, XSA-43).
#include "fixture.hpp"

#include <xenpv/reporter.hpp>

using xenpv::reporter;

BOOST_FIXTURE_TEST_SUITE(reporting, xenpv::test::machine)

BOOST_AUTO_TEST_CASE(a_flood_of_provocations_is_ten_lines)
{
	world.clock().stop();
	reporter r("vbd-51712");
	for (int i = 0; i < 100'000; ++i)
		r.say(KAPI_WARN, "bad request %d", i);
	BOOST_TEST(world.console().count("bad request") == reporter::burst);
	BOOST_TEST(world.console().lines().size() == reporter::burst);
}

BOOST_AUTO_TEST_CASE(later_it_says_how_many_were_left_out)
{
	reporter r("vbd-51712");
	for (int i = 0; i < 25; ++i)
		r.say(KAPI_WARN, "bad request %d", i);
	world.clock().advance(std::chrono::nanoseconds(reporter::interval_ns));
	r.say(KAPI_ERROR, "bad request %d", 25);
	const auto lines = world.console().lines();
	BOOST_TEST_REQUIRE(lines.size() == 12u);
	BOOST_TEST(lines[9].text == "bad request 9");
	BOOST_TEST(lines[10].text == "15 messages left out");
	BOOST_TEST(lines[11].text == "bad request 25");
	BOOST_TEST(lines[11].who == "vbd-51712");
	BOOST_TEST(lines[11].level == KAPI_ERROR);
}

BOOST_AUTO_TEST_CASE(a_quiet_device_is_never_cut)
{
	reporter r("vbd-51712");
	for (int i = 0; i < 30; ++i) {
		r.say(KAPI_INFO, "now and then");
		world.clock().advance(std::chrono::seconds(1));
	}
	BOOST_TEST(world.console().count("now and then") == 30u);
	BOOST_TEST(world.console().count("left out") == 0u);
}

BOOST_AUTO_TEST_CASE(devices_do_not_silence_each_other)
{
	reporter noisy("vbd-1");
	reporter other("vbd-2");
	for (int i = 0; i < 100; ++i)
		noisy.say(KAPI_WARN, "noise");
	other.say(KAPI_WARN, "important");
	BOOST_TEST(world.console().count("important") == 1u);
}

// Text of a peer's makes no line of its own, and moves no cursor.
BOOST_AUTO_TEST_CASE(what_is_not_printable_is_spelt_out)
{
	reporter r("vbd-51712");
	r.say(KAPI_ERROR, "key mac: \"%s\"", "1\n[0.0] BUG\x1b[2J\x7f\xc3\xa9~");
	BOOST_TEST(world.console().lines().at(0).text == R"(key mac: "1\x0a[0.0] BUG\x1b[2J\x7f\xc3\xa9~")");
	const std::string many(200, '\n');
	r.say(KAPI_ERROR, "%s", many.c_str());
	const std::string cut = world.console().lines().at(1).text;
	BOOST_TEST(cut.size() == 156u);
	BOOST_TEST(cut.substr(cut.size() - 8) == R"(\x0a\x0a)", "never half of one");
}

BOOST_AUTO_TEST_CASE(a_long_message_is_cut_not_overrun)
{
	reporter r("vbd-51712");
	r.say(KAPI_WARN, "%s", std::string(1000, 'x').c_str());
	BOOST_TEST(world.console().lines().at(0).text == std::string(159, 'x'));
}

BOOST_AUTO_TEST_CASE(threads_share_one_budget)
{
	world.clock().stop();
	reporter r("vbd-51712");
	std::vector<std::thread> threads;
	for (int t = 0; t < 4; ++t)
		threads.emplace_back([&r] {
			for (int i = 0; i < 1000; ++i)
				r.say(KAPI_WARN, "bad request");
		});
	for (auto &t : threads)
		t.join();
	BOOST_TEST(world.console().lines().size() == reporter::burst);
}

BOOST_AUTO_TEST_SUITE_END()
