// SPDX-License-Identifier: GPL-2.0-only
// How a connection ends while the disk or the frontend does not (xen-back/blk;
// XSA-332): nobody else waits for them, and nothing that was taken is lost.
#include "blkback_fixture.hpp"

#include <thread>

using xenpv::sim::granted_page;
using namespace xenpv::test;

namespace {

struct ending : stalled {
	// The thread that serves the watches of all devices gets to the next thing.
	[[nodiscard]] bool watches_are_served()
	{
		auto ran = std::make_shared<std::atomic<bool>>(false);
		dom0.post([ran] { *ran = true; });
		return eventually([&] { return ran->load(); }, std::chrono::seconds(3));
	}
	void tell_frontend_state(int state)
	{
		front->set_state(state);
		BOOST_TEST(watches_are_served(), state);
	}
	[[nodiscard]] bool shows(const char *line)
	{
		const auto text = world.files().read("vbd-1-51712/blkback");
		return text && text->find(line) != std::string::npos;
	}
	void all_are_answered()
	{
		for (uint32_t i = 0; i < in_flight; ++i) {
			hand_front::response a{};
			BOOST_TEST_REQUIRE(front->take(&a));
			BOOST_TEST(a.status == okay);
		}
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(blkback_end, ending)

BOOST_AUTO_TEST_CASE(a_stalled_disk_does_not_stall_the_watches)
{
	stall();
	for (const int state : {5, 5, 6, 5}) {
		tell_frontend_state(state);
		tools->hotplug();
		BOOST_TEST(watches_are_served());
		BOOST_TEST(eventually([&] { return shows("state closing\n"); }));
		BOOST_TEST(tools->back_state() == 4, "it is not closed yet");
		BOOST_TEST(back->stats().read_requests == in_flight, "who asks gets an answer");
	}
	disk->thaw();
	BOOST_TEST(eventually([&] { return tools->back_state() == 5; }));
	all_are_answered();
	BOOST_TEST(world.live().mappings == 0);
	BOOST_TEST(world.live().workers == 0);
	works_again();
}

// One answer that is late does not keep the others from being heard of.
BOOST_AUTO_TEST_CASE(what_is_done_is_told_while_the_rest_stalls)
{
	start({.async = true});
	attach();
	// Many at once, until its responses are gathered.
	const granted_page page(guest);
	BOOST_TEST_REQUIRE(eventually([&] {
		for (int i = 0; i < 16; ++i)
			front->put(read_of(page.ref()));
		front->word(3) = front->word(2) + 1;
		front->push();
		hand_front::response a{};
		for (int i = 0; i < 16; ++i)
			BOOST_TEST_REQUIRE(front->take(&a));
		return !shows("gather_target 0\n") && !shows("gather_target 1\n");
	}));
	const uint32_t answered = front->word(2);
	std::atomic<void *> held{nullptr};
	disk->on_io([&](const kapi_bdev_io &) {
		if (held == nullptr) {
			held = disk->current_page();
			kapi_page_hold(held);
		}
		return 0;
	});
	disk->freeze();
	for (int i = 0; i < 2; ++i)
		front->put(read_of(pages.emplace_back(guest).ref()));
	front->word(3) = answered + 1; // rsp_event: tell of the first response
	front->push();
	BOOST_TEST_REQUIRE(eventually([&] { return disk->in_flight() == 2; }));
	tell_frontend_state(5);
	BOOST_TEST(eventually([&] { return shows("state closing\n"); }));
	const uint64_t before = front->events();
	disk->thaw();
	BOOST_TEST(eventually([&] { return front->word(2) == answered + 1 && front->events() > before; }));
	BOOST_TEST(tools->back_state() == 4);
	kapi_page_release(held);
	BOOST_TEST(eventually([&] { return front->word(2) == answered + 2 && tools->back_state() == 5; }));
}

// Pages that stay mapped from request to request, one of which network storage holds.
BOOST_AUTO_TEST_CASE(a_kept_page_in_use_does_not_stall_the_watches)
{
	start();
	tools->set_front("feature-persistent", "1");
	attach();
	void *held = nullptr;
	disk->on_io([&](const kapi_bdev_io &) {
		if (held == nullptr) {
			held = disk->current_page();
			kapi_page_hold(held);
		}
		return 0;
	});
	// The others of the table go, whatever lies between them.
	for (int i = 0; i < 40; ++i)
		BOOST_TEST(front->ask(read_of(pages.emplace_back(guest).ref())) == okay);
	BOOST_TEST(world.live().mappings == 41);
	tell_frontend_state(5);
	BOOST_TEST(eventually([&] { return world.live().mappings == 2; }), "the ring, and that page");
	BOOST_TEST(tools->back_state() == 4);
	kapi_page_release(held);
	BOOST_TEST(eventually([&] { return tools->back_state() == 5; }));
	BOOST_TEST(world.live().mappings == 0);
	pages.clear();
	tools->set_front("feature-persistent", "0");
	works_again();
}

BOOST_AUTO_TEST_CASE(a_frontend_that_starts_over_meanwhile)
{
	stall();
	for (const int state : {5, 6, 1})
		tell_frontend_state(state);
	BOOST_TEST(tools->back_state() == 4);
	disk->thaw();
	BOOST_TEST(eventually([&] { return tools->back_state() == 2; }));
	all_are_answered();
	front.reset();
	attach();
	BOOST_TEST(front->ask(read_of(pages[0].ref())) == okay);
	leave();
}

// It did not wait for InitWait: its new ring is there when the old one has gone.
BOOST_AUTO_TEST_CASE(a_frontend_that_is_back_meanwhile)
{
	stall();
	tell_frontend_state(6);
	BOOST_TEST(eventually([&] { return shows("state closing\n"); }));
	const auto old = std::move(front);
	front = std::make_unique<hand_front>(*tools);
	front->publish();
	for (const int state : {1, 3})
		tell_frontend_state(state);
	disk->thaw();
	BOOST_TEST(front->ask(read_of(pages[0].ref())) == okay);
	front->set_state(4);
	leave();
}

BOOST_AUTO_TEST_CASE(a_frontend_that_is_gone_meanwhile)
{
	stall();
	tell_frontend_state(5);
	world.store().remove(tools->front.own);
	BOOST_TEST(watches_are_served());
	std::this_thread::sleep_for(std::chrono::milliseconds(20));
	BOOST_TEST(watches_are_served(), "whoever takes the device away would wait for the disk");
	BOOST_TEST(!back->unregistered());
	disk->thaw();
	BOOST_TEST(eventually([&] { return back->unregistered(); }));
	BOOST_TEST(world.live().mappings == 0);
	BOOST_TEST(!disk->is_open());
}

BOOST_AUTO_TEST_CASE(a_device_that_is_detached_meanwhile)
{
	stall();
	tools->detach();
	tell_frontend_state(6);
	std::this_thread::sleep_for(std::chrono::milliseconds(20));
	BOOST_TEST(watches_are_served());
	BOOST_TEST(!back->unregistered());
	std::atomic<int> state_at_close{0};
	disk->on_close([&] { state_at_close = tools->back_state(); });
	disk->thaw();
	BOOST_TEST(eventually([&] { return tools->back_state() == 6; }));
	BOOST_TEST(state_at_close == 5, "what is behind it may go, once it says Closed");
	BOOST_TEST(eventually([&] { return back->unregistered(); }));
	all_are_answered();
}

BOOST_AUTO_TEST_CASE(a_frontend_that_broke_off_meanwhile)
{
	stall();
	front->word(0) = 100;
	front->notify();
	BOOST_TEST(eventually([&] { return shows("state closing\n"); }));
	BOOST_TEST(watches_are_served());
	BOOST_TEST(tools->back_state() == 4);
	disk->thaw();
	BOOST_TEST(eventually([&] { return tools->back_state() == 5 && shows("state broken\n"); }));
	works_again();
}

// The toolstack lost patience, and removes the directory: the bus takes the device away
// in the thread of the watches.
BOOST_AUTO_TEST_CASE(a_device_that_vanishes_does_not_stall_the_watches)
{
	for (const bool closing : {false, true}) {
		stall();
		if (closing)
			tell_frontend_state(5);
		std::thread bus([&] { back->vanish(); });
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
		BOOST_TEST(watches_are_served());
		disk->thaw();
		bus.join();
		back->bury();
		all_are_answered();
		BOOST_TEST(world.live().mappings == 0);
		BOOST_TEST(!disk->is_open());
		front.reset();
	}
}

// The driver goes and comes while a barrier it took waits for what came before it.
BOOST_AUTO_TEST_CASE(a_barrier_is_not_lost_in_a_takeover)
{
	for (const bool with_data : {false, true}) {
		start({.async = true});
		attach();
		disk->freeze();
		auto write = read_of(pages.emplace_back(guest).ref());
		write.operation = op_write;
		front->put(write);
		hand_front::request barrier{.operation = op_barrier};
		if (with_data) {
			barrier = read_of(pages.emplace_back(guest).ref(), 64);
			barrier.operation = op_barrier;
		}
		barrier.id = 43;
		front->put(barrier);
		front->push();
		BOOST_TEST_REQUIRE(eventually([&] { return disk->in_flight() == 1; }));
		std::thread unbind([&] { back->remove(); });
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
		BOOST_TEST(disk->is_open(), "unbinding waits");
		disk->thaw();
		unbind.join();
		BOOST_TEST_REQUIRE(back->probe() == 0);
		for (const uint64_t id : {42u, 43u}) {
			hand_front::response a{};
			BOOST_TEST_REQUIRE(front->take(&a));
			BOOST_TEST(a.id == id);
			BOOST_TEST(a.status == okay);
		}
		BOOST_TEST(front->ask(read_of(pages[0].ref())) == okay);
		leave();
		back.reset();
		pages.clear();
	}
}

// XSA-332: each request that is carried out brings another one, so that a look at the
// ring always finds something.
BOOST_AUTO_TEST_CASE(work_without_end_can_be_ended)
{
	for (const bool unbind : {false, true}) {
		start();
		attach();
		const granted_page page(guest);
		std::atomic<bool> more{true};
		std::atomic<uint64_t> served{0};
		disk->on_io([&](const kapi_bdev_io &) {
			++served;
			if (more) {
				front->put(read_of(page.ref()));
				front->push();
			}
			return 0;
		});
		for (uint32_t i = 0; i < in_flight; ++i)
			front->put(read_of(page.ref()));
		front->push();
		BOOST_TEST_REQUIRE(eventually([&] { return served > 10 * in_flight; }));
		std::atomic<bool> ended{false};
		std::thread end([&] {
			if (unbind)
				back->remove();
			else
				front->set_state(5);
			ended = eventually([&] { return world.live().workers == 0; }, std::chrono::seconds(3));
		});
		BOOST_TEST(eventually([&] { return ended.load(); }, std::chrono::seconds(3)));
		more = false;
		end.join();
		BOOST_TEST(world.live().workers == 0);
		back->remove();
		disk->on_io(nullptr);
		front.reset();
	}
}

BOOST_AUTO_TEST_SUITE_END()
