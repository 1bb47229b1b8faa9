// SPDX-License-Identifier: GPL-2.0-only
// A device that others want too: what this domain uses itself is waited for, disks of ours share it, and who comes
// after a guest does not overtake that guest's writes (xen-back/blk).
#include "blkback_fixture.hpp"

#include <thread>

using xenpv::sim::granted_page;
using namespace xenpv::test;

namespace {

struct sharing : stalled {
	// Another disk on the same device.
	struct second {
		explicit second(const xenpv::sim::vbd_config &c = {.device = 51728}) : tools(c), back(tools) {}
		~second() { back.remove(); }

		xenpv::sim::vbd_toolstack tools;
		std::unique_ptr<hand_front> front;
		xenpv::sim::blkback_adapter back;
	};
	// Everything is there that it needs to be served.
	void offer(second &s)
	{
		BOOST_TEST_REQUIRE(s.back.probe() == 0);
		s.tools.hotplug();
		s.front = std::make_unique<hand_front>(s.tools);
		s.front->publish();
		s.front->set_state(3);
	}
	[[nodiscard]] bool served_soon(const second &s)
	{
		return eventually([&] { return s.tools.back_state() == 4; });
	}
	void make_claimed(const char *mode)
	{
		disk = &make_disk();
		disk->claim(true);
		make_vbd();
		tools->set_back("mode", mode);
		back = std::make_unique<xenpv::sim::blkback_adapter>(*tools);
		BOOST_TEST_REQUIRE(back->probe() == 0);
		tools->hotplug();
	}
	[[nodiscard]] bool waits(const char *device, const char *what)
	{
		const auto text = world.files().read(std::string(device) + "/blkback");
		return text && text->find(std::string("waits_for ") + what + "\n") != std::string::npos;
	}
	void has_to_wait(const second &s)
	{
		BOOST_TEST(eventually([&] { return waits("vbd-1-51728", "requests_of_another_guest"); }));
		world.clock().advance(std::chrono::seconds(2));
		BOOST_TEST(eventually([&] { return world.console().count("writes of another guest") == 1; }));
		BOOST_TEST(s.tools.back_state() == 2);
		disk->thaw();
		BOOST_TEST(served_soon(s));
		BOOST_TEST(disk->in_flight() == 0u);
		BOOST_TEST(disk->submissions(KAPI_BDEV_WRITE) == in_flight);
		BOOST_TEST(world.files().read("vbd-1-51728/blkback")->find("waits_for") == std::string::npos);
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(blkback_sharing, sharing)

BOOST_AUTO_TEST_CASE(what_this_domain_uses_is_tried_until_it_is_free)
{
	make_claimed("w");
	front = std::make_unique<hand_front>(*tools);
	front->publish();
	front->set_state(3);
	for (int i = 0; i < 20; ++i) {
		BOOST_TEST(eventually([&] { return waits("vbd-1-51712", "device_in_use"); }));
		world.clock().advance(std::chrono::seconds(1));
		world.settle();
	}
	BOOST_TEST(tools->back_state() == 2, "where any frontend waits for it");
	BOOST_TEST(world.console().count("in use here") == 1);
	BOOST_TEST(world.live().disks == 0);
	disk->claim(false);
	BOOST_TEST(eventually([&] { return tools->back_state() == 4; }));
	BOOST_TEST(world.console().count("the device is free after") == 1);
	const granted_page page(guest);
	BOOST_TEST(front->ask(read_of(page.ref())) == okay);
	leave();
}

BOOST_AUTO_TEST_CASE(a_frontend_that_leaves_ends_the_wait)
{
	make_claimed("w");
	world.clock().advance(std::chrono::seconds(3));
	BOOST_TEST(eventually([&] { return world.console().count("in use here") == 1; }));
	for (const char *state : {"5", "6"})
		tools->set_front("state", state);
	BOOST_TEST(eventually([&] { return world.console().count("waited for no more") == 1; }));
	BOOST_TEST(eventually([&] { return tools->back_state() == 6; }));
	disk->claim(false);
	works_again();
}

// It was let go for a moment, or goes away: what comes then is what it would have been.
BOOST_AUTO_TEST_CASE(the_driver_goes_while_it_waits)
{
	make_claimed("w");
	BOOST_TEST(eventually([&] { return waits("vbd-1-51712", "device_in_use"); }));
	back->remove();
	BOOST_TEST(world.live().disks == 0);
}

BOOST_AUTO_TEST_CASE(readers_and_those_who_know_better_claim_nothing)
{
	for (const char *mode : {"r", "w!"}) {
		make_claimed(mode);
		attach();
		const granted_page page(guest);
		BOOST_TEST(front->ask(read_of(page.ref())) == okay, mode);
		leave();
		back.reset();
		tools.reset();
	}
}

BOOST_AUTO_TEST_CASE(disks_of_ours_share_a_device)
{
	start();
	attach();
	second other;
	offer(other);
	BOOST_TEST(served_soon(other));
	const granted_page &page = pages.emplace_back(guest);
	BOOST_TEST(front->ask(write_of(page.ref(), 0)) == okay);
	BOOST_TEST(other.front->ask(write_of(page.ref(), 8)) == okay);
	leave();
	back->remove();
	BOOST_TEST(other.front->ask(write_of(page.ref(), 16)) == okay, "it has the device still");
}

// Migration: the guest is suspended there, and comes up here.
BOOST_AUTO_TEST_CASE(writes_of_a_suspended_guest_come_first)
{
	stall(op_write);
	second other;
	offer(other);
	has_to_wait(other);
}

// The old guest was destroyed, and a new one has its disk.
BOOST_AUTO_TEST_CASE(writes_of_a_destroyed_guest_come_first)
{
	stall(op_write);
	back->vanish();
	second other;
	offer(other);
	// Nobody else waits for the old one's end, as long as that takes.
	std::thread burial([&] { back->bury(); });
	has_to_wait(other);
	burial.join();
}

BOOST_AUTO_TEST_CASE(what_is_on_the_ring_counts_as_out)
{
	start({.async = true});
	attach();
	disk->freeze();
	second other;
	// Not told of: the backend has to look.
	front->put(write_of(pages.emplace_back(guest).ref(), 0));
	front->word(0) = 1;
	offer(other);
	BOOST_TEST(eventually([&] { return disk->in_flight() == 1; }));
	BOOST_TEST(eventually([&] { return waits("vbd-1-51728", "requests_of_another_guest"); }));
	BOOST_TEST(other.tools.back_state() == 2);
	disk->thaw();
	BOOST_TEST(served_soon(other));
}

BOOST_AUTO_TEST_CASE(a_reader_waits_for_no_writer_nor_a_writer_for_a_reader)
{
	stall(op_write);
	second reader({.device = 51728, .writable = false});
	offer(reader);
	BOOST_TEST(served_soon(reader));
	BOOST_TEST(disk->in_flight() == in_flight);
	disk->thaw();
	leave();
	back->remove();
	disk->freeze();
	reader.front->put(read_of(pages.front().ref()));
	reader.front->push();
	BOOST_TEST_REQUIRE(eventually([&] { return disk->in_flight() == 1; }));
	BOOST_TEST_REQUIRE(back->probe() == 0);
	tools->set_front("state", "1");
	world.settle();
	attach();
	disk->thaw();
}

// A cluster's file system, say.  One request of it stays out all the time.
BOOST_AUTO_TEST_CASE(a_guest_that_goes_on_is_not_waited_for)
{
	start();
	attach();
	std::atomic<void *> held{nullptr};
	disk->on_io([&](const kapi_bdev_io &) {
		if (held == nullptr) {
			held = disk->current_page();
			kapi_page_hold(held);
		}
		return 0;
	});
	front->put(write_of(pages.emplace_back(guest).ref(), 0));
	front->push();
	second other;
	offer(other);
	BOOST_TEST(eventually([&] { return waits("vbd-1-51728", "requests_of_another_guest"); }));
	// As many as may be out at a time could all be from before.
	const granted_page &page = pages.emplace_back(guest);
	const auto go_on = [&](uint32_t requests) {
		for (uint32_t i = 0; i < requests; ++i)
			BOOST_TEST(front->ask(write_of(page.ref(), 8)) == okay);
	};
	go_on(31);
	BOOST_TEST(eventually([&] { return waits("vbd-1-51728", "requests_of_another_guest"); }));
	BOOST_TEST(other.tools.back_state() == 2);
	go_on(8);
	BOOST_TEST(served_soon(other));
	kapi_page_release(held);
}

BOOST_AUTO_TEST_SUITE_END()
