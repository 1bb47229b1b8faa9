// SPDX-License-Identifier: GPL-2.0-only
// The control ring and its messages (xen-back/net/control; io/netif.h, "Control ring",
// "Control messages"; XSA-270).
#include "netback_wish_fixture.hpp"

#include <thread>

using namespace xenpv::test;
using xenpv::sim::granted_page;
namespace netif = xenpv::netif;

BOOST_FIXTURE_TEST_SUITE(netback_control, wishing)

BOOST_AUTO_TEST_CASE(every_message_once)
{
	serve(2);
	BOOST_TEST(world.store().read(tools->back.own + "/feature-ctrl-ring").value_or("") == "1");
	BOOST_TEST(tell(wish::set_hash_algorithm, toeplitz) == status::success);
	const auto flags = front->ask(wish::get_hash_flags);
	BOOST_TEST(flags.status == status::success);
	BOOST_TEST(flags.data == 0xfu);
	BOOST_TEST(tell(wish::set_hash_flags, 0x5) == status::success);
	const auto size = front->ask(wish::get_hash_mapping_size);
	BOOST_TEST(size.status == status::success);
	BOOST_TEST(size.data == 128u);
	BOOST_TEST(tell(wish::set_hash_mapping_size, 3) == status::success);
	BOOST_TEST(set_mapping({1, 0, 1}) == status::success);
	BOOST_TEST(set_key() == status::success);
	BOOST_TEST(shown("hash_algorithm") == "toeplitz");
	BOOST_TEST(shown("hash_flags") == "5");
	BOOST_TEST(shown("hash_key_bytes") == "40");
	BOOST_TEST(shown("hash_mapping_size") == "3");
	BOOST_TEST(shown("hash_mapping") == "1 0 1");
	BOOST_TEST(count("requests") == 7u);
	BOOST_TEST(count("refused") == 0u);
	BOOST_TEST(count("copy_hypercalls") == 2u);
	BOOST_TEST(count("copy_operations") == 2u);
	// The limits themselves.
	BOOST_TEST(tell(wish::set_hash_mapping_size, 128) == status::success);
	BOOST_TEST(set_mapping(std::vector<uint32_t>(128, 1)) == status::success);
	BOOST_TEST(set_mapping({0}, 127) == status::success);
	BOOST_TEST(tell(wish::set_hash_mapping_size, 0) == status::success);
	BOOST_TEST(tell(wish::set_hash_flags, 0) == status::success);
	BOOST_TEST(tell(wish::set_hash_algorithm, 0) == status::success);
	BOOST_TEST(shown("hash_algorithm") == "none");
	BOOST_TEST(tools->back_state() == 4);
}

// Windows' way to say that all goes to one queue, and nothing hashed.
BOOST_AUTO_TEST_CASE(nothing_is_set_by_a_message_about_nothing)
{
	serve();
	const uint64_t copies = world.calls().copy;
	BOOST_TEST(tell(wish::set_hash_algorithm, toeplitz) == status::success);
	BOOST_TEST(tell(wish::set_hash_mapping_size, 0) == status::success);
	// No entry, no copy: the reference need not be one.
	BOOST_TEST(tell(wish::set_hash_mapping, 0xffffffff, 0, 0) == status::success);
	BOOST_TEST(tell(wish::set_hash_key, 0xffffffff, 0) == status::success);
	BOOST_TEST(world.calls().copy == copies);
	BOOST_TEST(shown("hash_key_bytes") == "0");
}

BOOST_AUTO_TEST_CASE(messages_that_are_refused)
{
	serve(2);
	// "A valid hash algorithm must be selected before this operation can succeed."
	BOOST_TEST(tell(wish::get_hash_flags) == status::not_supported);
	BOOST_TEST(tell(wish::set_hash_flags, 1) == status::not_supported);
	hash_everything();
	BOOST_TEST(tell(wish::set_hash_mapping_size, 4) == status::success);
	BOOST_TEST(set_mapping({0, 1, 0, 1}) == status::success);
	const uint64_t before = count("refused");
	const uint64_t copies = count("copy_operations");
	uint64_t refused = 0;
	const auto expect = [&](status expected, wish type, uint32_t a, uint32_t b = 0, uint32_t c = 0) {
		const auto got = front->ask(type, a, b, c);
		BOOST_TEST(got.came);
		BOOST_TEST(got.status == expected,
			   static_cast<int>(type) << ": " << a << ", " << b << ", " << c << ": " << got.status);
		BOOST_TEST(got.data == 0u);
		++refused;
	};
	for (const uint32_t algorithm : {2u, 255u, 256u, 0x80000001u, UINT32_MAX})
		expect(status::invalid_parameter, wish::set_hash_algorithm, algorithm);
	for (const uint32_t flags : {0x10u, 0x11u, 0x100u, 0x80000000u, UINT32_MAX})
		expect(status::invalid_parameter, wish::set_hash_flags, flags);
	for (const uint32_t size : {129u, 256u, 0x80000000u, UINT32_MAX})
		expect(status::invalid_parameter, wish::set_hash_mapping_size, size);
	const uint32_t good = grant(std::vector<uint32_t>(1024, 1)).ref();
	for (const uint32_t bytes : {41u, 4096u, 4097u, 65536u, 65576u, 0x80000000u, UINT32_MAX})
		expect(status::buffer_overflow, wish::set_hash_key, good, bytes);
	for (const uint32_t n : {129u, 1024u, 1025u, 16384u, 0x40000000u, 0x40000001u, UINT32_MAX})
		for (const uint32_t offset : {0u, 1u, UINT32_MAX})
			expect(status::buffer_overflow, wish::set_hash_mapping, good, n, offset);
	for (const auto &[n, offset] : std::vector<std::pair<uint32_t, uint32_t>>{
		     {5, 0}, {4, 1}, {1, 4}, {0, 5}, {128, 0}, {1, UINT32_MAX}, {4, UINT32_MAX - 3}, {2, UINT32_MAX}})
		expect(status::invalid_parameter, wish::set_hash_mapping, good, n, offset);
	// Static grants are another feature; the rest is no message.
	for (const uint32_t type : {0u, 8u, 9u, 10u, 11u, 255u, 256u, 257u, 0x8006u, 0xffffu})
		expect(status::not_supported, static_cast<wish>(type), 1, 1, 0);
	BOOST_TEST(count("refused") - before == refused);
	BOOST_TEST(count("copy_operations") == copies, "nothing was fetched for them");
	// Nothing has changed.
	BOOST_TEST(shown("hash_algorithm") == "toeplitz");
	BOOST_TEST(shown("hash_flags") == "15");
	BOOST_TEST(shown("hash_key_bytes") == "40");
	BOOST_TEST(shown("hash_mapping") == "0 1 0 1");
	BOOST_TEST(tools->back_state() == 4);
	still_works(1);
}

BOOST_AUTO_TEST_CASE(grants_that_cannot_be_read)
{
	serve(2);
	hash_everything();
	BOOST_TEST(tell(wish::set_hash_mapping_size, 2) == status::success);
	BOOST_TEST(set_mapping({0, 1}) == status::success);
	for (const uint32_t bad : {0u, 8u, 0x12345u, 0x7fffffffu, UINT32_MAX}) {
		BOOST_TEST(tell(wish::set_hash_key, bad, 40) == status::invalid_parameter, bad);
		BOOST_TEST(tell(wish::set_hash_mapping, bad, 2, 0) == status::invalid_parameter, bad);
	}
	BOOST_TEST(world.console().count("cannot be copied from") != 0u);
	const uint32_t good = grant({1, 0}).ref();
	world.faults().copy_hypercall.arm(0, 1);
	BOOST_TEST(tell(wish::set_hash_mapping, good, 2, 0) == status::invalid_parameter);
	BOOST_TEST(shown("hash_mapping") == "0 1");
	BOOST_TEST(shown("hash_key_bytes") == "40");
	BOOST_TEST(tell(wish::set_hash_mapping, good, 2, 0) == status::success);
	BOOST_TEST(shown("hash_mapping") == "1 0");
}

// Everything the ring holds at once: each answered, in order, with its id and type.
BOOST_AUTO_TEST_CASE(a_full_ring)
{
	serve();
	for (int round = 0; round < 3; ++round) {
		for (uint32_t i = 0; i < netif::control_slots; ++i)
			front->put_wish(static_cast<uint16_t>(0xfff0 + i), static_cast<wish>(i % 11), 1);
		front->control().push();
		for (uint32_t i = 0; i < netif::control_slots; ++i) {
			struct {
				netif::control_response r;
			} got{};
			BOOST_TEST_REQUIRE(front->control().take(&got));
			BOOST_TEST(got.r.id == static_cast<uint16_t>(0xfff0 + i));
			BOOST_TEST(got.r.type == i % 11);
			BOOST_TEST(got.r.pad == 0u, "what was in the slot goes (XSA-216)");
		}
	}
	BOOST_TEST(count("requests") == 3u * 128);
	// A bounded number at a time.
	BOOST_TEST(count("pushes") >= 3u * 128 / 16);
	BOOST_TEST(count("notifications_sent") + count("notifications_suppressed") == count("pushes"));
}

BOOST_AUTO_TEST_CASE(bad_producers_end_the_connection)
{
	start();
	for (const uint32_t bad : {129u, 256u, 0x7fffffffu, 0x80000000u, UINT32_MAX}) {
		attach({.queues = 1, .split = false, .control = true});
		front->control().word(0) = bad;
		front->control().notify();
		expect_broken("req_prod " + std::to_string(bad));
		BOOST_TEST(world.console().count("control: request producer index is out of range") >= 1u);
	}
	attach({.queues = 1, .split = false, .control = true});
	BOOST_TEST(tell(wish::get_hash_mapping_size) == status::success);
	front->control().word(0) = 0;
	front->control().notify();
	expect_broken("back to 0");
}

// XSA-332: events with nothing behind them are counted, cost little, and end.
BOOST_AUTO_TEST_CASE(a_storm_of_events)
{
	serve();
	BOOST_TEST(tell(wish::set_hash_algorithm, toeplitz) == status::success);
	BOOST_TEST(eventually([&] { return count("events_received") >= 1; }));
	BOOST_TEST(eventually([&] {
		for (int i = 0; i < 1000; ++i)
			front->control().notify();
		return count("events_spurious") != 0;
	}));
	BOOST_TEST(tell(wish::set_hash_flags, 1) == status::success);
	still_works();
	// Idle, it does nothing at all.
	world.clock().settle();
	uint64_t before = 0;
	BOOST_TEST(eventually([&] {
		const uint64_t last = before;
		before = count("wakeups");
		std::this_thread::sleep_for(std::chrono::milliseconds(5));
		return last == before;
	}));
	std::this_thread::sleep_for(std::chrono::milliseconds(30));
	still_works();
	BOOST_TEST(count("wakeups") == before);
	BOOST_TEST(world.files().read("vif-1-0/event-ctrl").has_value());
}

// One event for each message, ended as one that found work; and one push.
BOOST_AUTO_TEST_CASE(each_message_is_one_event)
{
	serve();
	world.settle();
	// Binding a channel is an event, which is nobody's fault.
	BOOST_TEST(eventually([&] { return count("events_received") == 1; }));
	world.settle();
	const uint64_t wakeups = count("wakeups");
	const uint64_t received = count("events_received");
	const uint64_t spurious = count("events_spurious");
	for (int i = 0; i < 20; ++i) {
		BOOST_TEST(tell(wish::get_hash_mapping_size) == status::success);
		world.settle();
	}
	// Before an event is ended, the next one comes together with it.
	BOOST_TEST(count("events_received") > received);
	BOOST_TEST(count("events_received") <= received + 20);
	// The first may find a look on its way that the binding asked for.
	BOOST_TEST(count("events_spurious") <= spurious + 1);
	BOOST_TEST(count("wakeups") - wakeups <= 21u);
	BOOST_TEST(count("pushes") == 20u);
	BOOST_TEST(count("notifications_sent") + count("notifications_suppressed") == 20u);
	BOOST_TEST(count("notifications_sent") >= 1u);
}

BOOST_AUTO_TEST_CASE(bad_keys)
{
	start();
	const char *const texts[] = {nullptr, "",   "-1", "0",   "4294967296", "99999999999999999999",
				     "eight", " 8", "8 ", "0x8", "1.5",        "123456789012345678901234567890"};
	std::vector<std::pair<std::string, const char *>> all;
	for (const char *key : {"ctrl-ring-ref", "event-channel-ctrl"})
		for (const char *text : texts)
			all.emplace_back(key, text);
	all.emplace_back("ctrl-ring-ref", "8"); // not granted
	all.emplace_back("event-channel-ctrl", "4095"); // not ours
	for (const auto &[key, value] : all) {
		const size_t named = world.console().count("xenstore key " + key);
		front = std::make_unique<hand_netfront>(*tools, hand_netfront::options{1, false, true});
		front->publish();
		if (value != nullptr)
			tools->set_front(key, value);
		else
			tools->remove_front(key);
		front->set_state(4);
		world.settle();
		const std::string what = key + " = " + (value != nullptr ? value : "(absent)");
		BOOST_TEST(tools->back_state() == 5, what);
		BOOST_TEST(!back->seen().carrier, what);
		BOOST_TEST(world.live().rings == 0, what);
		BOOST_TEST(world.live().workers == 0, what);
		BOOST_TEST(world.live().channels == 2, what << ": the frontend's ends are left");
		BOOST_TEST(world.store().read("error/" + tools->back.own + "/error").has_value(), what);
		BOOST_TEST(world.console().count("xenstore key " + key) == named + 1, what);
		world.clock().advance(std::chrono::seconds(6)); // messages are few in a while
		leave();
	}
	attach({.queues = 1, .split = false, .control = true});
	BOOST_TEST(set_key() == status::success);
	still_works();
}

// Frames that Xen cannot give now are asked for again for a while: one's while, not that of
// all that wait, holds up who closes.
BOOST_AUTO_TEST_CASE(leaving_with_frames_that_are_not_there)
{
	serve();
	world.faults().copy.set([](uint32_t, const kapi_copy_op &) { return KAPI_GNTST_EAGAIN; });
	const uint64_t copies = world.calls().copy;
	for (uint16_t i = 0; i < 16; ++i)
		front->put_wish(i, wish::set_hash_key, grant({}).ref(), 40);
	front->control().push();
	BOOST_TEST(eventually([&] { return world.calls().copy != copies; }));
	const auto before = std::chrono::steady_clock::now();
	leave();
	BOOST_TEST((std::chrono::steady_clock::now() - before < std::chrono::seconds(6)));
	world.faults().copy.clear();
	attach({.queues = 1, .split = false, .control = true});
	BOOST_TEST(set_key() == status::success);
}

// The guest goes in the midst of its wishes.
BOOST_AUTO_TEST_CASE(leaving_with_messages_on_the_way)
{
	start();
	for (int round = 0; round < 20; ++round) {
		attach({.queues = 2, .split = round % 2 == 0, .control = true});
		for (uint32_t i = 0; i < 100; ++i)
			front->put_wish(static_cast<uint16_t>(i), wish::set_hash_key, grant({}).ref(), 40);
		front->control().push();
		std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
		leave();
		pages.clear();
		BOOST_TEST(world.live().rings == 0);
	}
	attach({.queues = 1, .split = false, .control = true});
	BOOST_TEST(set_key() == status::success);
	still_works();
}

BOOST_AUTO_TEST_SUITE_END()
