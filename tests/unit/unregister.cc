// SPDX-License-Identifier: GPL-2.0-only
// A device is taken off the bus once and without a deadlock, whoever else wants it
// (kernel/unregister.c, on a bus in this process).
#include "fake_bus/fake_bus.hpp"
#include "fixture.hpp"

#include <future>
#include <optional>
#include <thread>

using namespace xenpv::test;
using namespace std::chrono_literals;
namespace bus = xenpv::fake_bus;

namespace {

struct one_device {
	one_device() { BOOST_TEST_REQUIRE(device->bind()); }
	one_device(const one_device &) = delete;
	one_device &operator=(const one_device &) = delete;
	~one_device()
	{
		device.reset();
		xenpv_unregister_exit();
		BOOST_TEST(bus::watches() == 0);
		BOOST_TEST(bus::deadlocks() == deadlocks_before);
	}
	[[nodiscard]] bool goes_once()
	{
		const bool gone = eventually([&] { return device->unregistered() != 0; }, 5s);
		// A second time would come soon.
		std::this_thread::sleep_for(50ms);
		bus::settle();
		return gone && device->unregistered() == 1 && !device->bound();
	}

	const int deadlocks_before = bus::deadlocks();
	std::optional<bus::backend> device{std::in_place};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(unregister, one_device)

BOOST_AUTO_TEST_CASE(it_goes_once)
{
	std::promise<void> go;
	bus::in_xenwatch([done = go.get_future().share()] { done.wait(); });
	for (int i = 0; i < 3; ++i)
		device->want_gone();
	go.set_value();
	BOOST_TEST(goes_once());
}

// The lock is another's for a while: it is tried again.
BOOST_AUTO_TEST_CASE(a_locked_device_goes_later)
{
	device->lock();
	device->want_gone();
	std::this_thread::sleep_for(100ms);
	BOOST_TEST(device->on_bus());
	device->unlock();
	BOOST_TEST(goes_once());
}

// The directory goes before and after: the bus and the driver want the same.
BOOST_AUTO_TEST_CASE(a_directory_that_vanishes)
{
	std::promise<void> go;
	bus::in_xenwatch([done = go.get_future().share()] { done.wait(); });
	device->vanish();
	device->want_gone();
	device->vanish();
	go.set_value();
	device->vanish();
	BOOST_TEST(goes_once());
}

// An unbinding holds the lock and waits for the thread of the watches, in which we are.
BOOST_AUTO_TEST_CASE(an_unbinding_that_was_first)
{
	std::promise<void> go;
	bus::in_xenwatch([done = go.get_future().share()] { done.wait(); });
	device->want_gone();
	std::thread unbind([&] { device->unbind(); });
	std::this_thread::sleep_for(200ms);
	go.set_value();
	unbind.join();
	std::this_thread::sleep_for(100ms);
	// It is the next driver's now.
	BOOST_TEST(device->on_bus());
	BOOST_TEST(device->unregistered() == 0);
	BOOST_TEST_REQUIRE(device->bind());
	std::this_thread::sleep_for(50ms);
	BOOST_TEST(device->bound());
	device->want_gone();
	BOOST_TEST(goes_once());
}

// The same, and the directory goes in the meantime.
BOOST_AUTO_TEST_CASE(an_unbinding_that_was_first_of_three)
{
	std::promise<void> go;
	bus::in_xenwatch([done = go.get_future().share()] { done.wait(); });
	device->want_gone();
	device->vanish();
	std::thread unbind([&] { device->unbind(); });
	std::this_thread::sleep_for(200ms);
	go.set_value();
	unbind.join();
	BOOST_TEST(goes_once());
}

// The wish was another driver's, and has gone with it.
BOOST_AUTO_TEST_CASE(another_driver_when_its_turn_comes)
{
	std::atomic<bool> changed{false};
	bus::before_next_trylock([&] {
		device->unbind();
		changed = device->bind();
	});
	device->want_gone();
	BOOST_TEST(eventually([&] { return changed.load(); }));
	std::this_thread::sleep_for(50ms);
	BOOST_TEST(device->bound());
	BOOST_TEST(device->on_bus());
}

// It comes between our look at the lock and device_unregister, which takes it again.
BOOST_AUTO_TEST_CASE(an_unbinding_in_between)
{
	std::thread unbind;
	bus::after_next_unlock([&] {
		unbind = std::thread([&] { device->unbind(); });
		std::this_thread::sleep_for(50ms);
	});
	device->want_gone();
	BOOST_TEST(goes_once());
	unbind.join();
}

// And the driver comes back, or would.
BOOST_AUTO_TEST_CASE(a_binding_in_between)
{
	std::thread others;
	std::atomic<bool> came_back{false};
	bus::after_next_unlock([&] {
		others = std::thread([&] {
			device->unbind();
			came_back = device->bind();
			device->unbind();
		});
		std::this_thread::sleep_for(50ms);
	});
	device->want_gone();
	BOOST_TEST(goes_once());
	others.join();
	BOOST_TEST(!came_back, "a driver for a device that goes");
}

BOOST_AUTO_TEST_CASE(everybody_at_once)
{
	for (int round = 0; round < 50; ++round) {
		device.emplace();
		BOOST_TEST_REQUIRE(device->bind());
		device->want_gone();
		if (round % 2 != 0)
			device->vanish();
		std::thread unbind([&] {
			std::this_thread::sleep_for(std::chrono::microseconds(20 * round));
			device->unbind();
			static_cast<void>(device->bind());
		});
		unbind.join();
		bus::settle();
		BOOST_TEST(device->unregistered() <= 1);
	}
}

BOOST_AUTO_TEST_SUITE_END()
