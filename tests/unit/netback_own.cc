// SPDX-License-Identifier: GPL-2.0-only
// What the backend makes of its own directory, and of guests that come again and again
// (xen-back/net; XSA-43).
#include "netback_fixture.hpp"

using namespace xenpv::test;
namespace netif = xenpv::netif;

namespace {

struct owned_vif : vif {
	// A guest that has sent more than its rate allows, with packets of its waiting.
	uint16_t throttle(const char *rate)
	{
		start();
		tools->set_back("rate", rate);
		world.settle();
		attach();
		uint16_t last = 0;
		for (int i = 0; i < 4; ++i)
			last = front->put_packet(pattern(60000, 1), 16);
		front->tx().push();
		// What was saved up lets some of them pass.
		BOOST_TEST(front->take_answers(48).came);
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
		BOOST_TEST_REQUIRE(front->tx().available() == 0u);
		return last;
	}
	void expect_served_soon(uint16_t last)
	{
		BOOST_TEST(front->take_answers(16).all(last, 16, netif::status::okay));
		BOOST_TEST(eventually([&] { return back->arrived() == 4; }));
		static_cast<void>(back->take_arrived());
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(netback_own, owned_vif)

// It waits by the clock for what it has no credit for; an administrator ends that.
BOOST_AUTO_TEST_CASE(a_higher_rate_counts_at_once)
{
	// 1 kB/s: a minute for the next packet.  Then as fast as any.
	const auto last = throttle("1000,1000000");
	tools->set_back("rate", "1000000000,1000000");
	expect_served_soon(last);
	still_works();
	const auto again = throttle("1000,1000000");
	tools->remove_back("rate");
	expect_served_soon(again);
}

// An event for what has no credit is not the guest's fault; one for nothing is, still.
BOOST_AUTO_TEST_CASE(events_without_credit)
{
	throttle("1000,1000000");
	leave();
	const uint64_t earlier = back->stats(0).events_received;
	attach();
	static_cast<void>(back->take_arrived());
	world.settle();
	// Xen's own.
	BOOST_REQUIRE(eventually([&] { return back->stats(0).events_received == earlier + 1; }));
	// The ring was empty when it was armed, and there is no credit.
	const auto before = back->stats(0);
	const uint16_t first = front->put_packet(pattern(1000, 1));
	front->tx().push();
	BOOST_TEST(eventually([&] { return back->stats(0).events_received == before.events_received + 1; }));
	std::this_thread::sleep_for(std::chrono::milliseconds(20));
	BOOST_TEST(back->stats(0).tx_slots == before.tx_slots);
	BOOST_TEST(back->stats(0).events_spurious == before.events_spurious);
	// An event is received when the one before it is judged.  What was found may excuse one more.
	for (uint32_t i = 1; i <= 8; ++i) {
		const uint64_t received = back->stats(0).events_received;
		front->tx().notify();
		BOOST_TEST_REQUIRE(eventually([&] { return back->stats(0).events_received == received + 1; }));
	}
	BOOST_TEST(eventually([&] { return back->stats(0).events_spurious >= before.events_spurious + 7; }));
	tools->remove_back("rate");
	BOOST_TEST(front->take_answers(1).all(first, 1, netif::status::okay));
	static_cast<void>(arrival());
	still_works();
}

// One that still makes the guest wait, but not as long as the last one did.
BOOST_AUTO_TEST_CASE(a_rate_that_is_a_little_higher)
{
	const auto last = throttle("1000,1000000");
	tools->set_back("rate", "200000,1000000");
	expect_served_soon(last);
	// More than its burst: what follows is waited for by the new rate.
	for (int i = 0; i < 4; ++i)
		front->put_packet(pattern(60000, 1), 16);
	front->tx().push();
	BOOST_TEST(front->take_answers(64).came);
	BOOST_TEST(eventually([&] { return back->arrived() == 4; }));
	static_cast<void>(back->take_arrived());
}

// The toolstack touches other keys too.
BOOST_AUTO_TEST_CASE(the_same_rate_gives_no_new_credit)
{
	const auto last = throttle("1000,1000000");
	for (int i = 0; i < 5; ++i) {
		tools->hotplug();
		tools->set_back("rate", "1000,1000000");
		world.settle();
	}
	std::this_thread::sleep_for(std::chrono::milliseconds(20));
	BOOST_TEST(front->tx().available() == 0u);
	tools->set_back("rate", "");
	expect_served_soon(last);
}

// The in-tree backend takes hotplug-status away when it goes; its frontend is still there.
BOOST_AUTO_TEST_CASE(taking_over_from_a_backend_that_removed_the_key)
{
	start();
	attach();
	for (int round = 0; round < 2; ++round) {
		back->remove();
		tools->remove_back("hotplug-status");
		BOOST_TEST_REQUIRE(back->probe() == 0);
		BOOST_TEST(eventually([&] { return back->seen().carrier; }));
		still_works();
	}
	// It stays where it was put, also for the next frontend.
	leave();
	attach();
	still_works();
}

// Without a frontend that was there before, no key means that the script has not run.
BOOST_AUTO_TEST_CASE(no_key_and_no_frontend_from_before)
{
	make_vif();
	tools->remove_back("hotplug-status");
	back = std::make_unique<kapi_netback>(*tools);
	BOOST_TEST_REQUIRE(back->probe() == 0);
	world.settle();
	front = std::make_unique<hand_netfront>(*tools);
	front->publish();
	front->set_state(4);
	world.settle();
	BOOST_TEST(tools->back_state() == 2);
	BOOST_TEST(!back->seen().carrier);
	// Nor does a key that says something else, whoever was there before.
	back->remove();
	tools->set_back("hotplug-status", "error");
	BOOST_TEST_REQUIRE(back->probe() == 0);
	world.settle();
	BOOST_TEST(!back->seen().carrier);
	tools->hotplug();
	world.settle();
	BOOST_TEST(back->seen().carrier);
	still_works();
}

// It was connected when the driver came, and starts over before it is served: of all that
// only Initialising is seen, and it hears that the backend waits.
BOOST_AUTO_TEST_CASE(starting_over_before_a_takeover)
{
	start();
	attach();
	back->remove();
	tools->set_back("hotplug-status", "");
	BOOST_TEST_REQUIRE(back->probe() == 0);
	world.settle();
	BOOST_TEST(tools->back_state() == 4, "the earlier driver's word");
	tools->set_front("state", "1");
	world.settle();
	BOOST_TEST(tools->back_state() == 2);
	front.reset();
	tools->hotplug();
	attach();
	still_works();
}

// Rings that cannot be mapped, as often as a guest likes: ten lines, and the reason where
// administrators look.
BOOST_AUTO_TEST_CASE(a_guest_that_comes_again_and_again)
{
	world.clock().stop();
	start();
	for (int round = 0; round < 200; ++round) {
		front = std::make_unique<hand_netfront>(*tools);
		front->publish();
		tools->set_front("rx-ring-ref", "8");
		front->set_state(4);
		world.settle();
		BOOST_TEST_REQUIRE(tools->back_state() == 5);
		BOOST_TEST_REQUIRE(world.store().read("error/" + tools->back.own + "/error").has_value());
		world.store().remove("error/" + tools->back.own);
		leave();
	}
	BOOST_TEST(world.console().lines().size() <= 11u);
	BOOST_TEST(world.console().count("cannot connect to the frontend's rings") >= 10u);
	attach();
	still_works();
}

BOOST_AUTO_TEST_SUITE_END()
