// SPDX-License-Identifier: GPL-2.0-only
// The event layer over the simulated channels (evtchn/; XSA-331, 332, 391, 441).
#include "fixture.hpp"

#include <evtchn/channel.hpp>
#include <evtchn/spread.hpp>

#include <functional>
#include <latch>

using xenpv::evtchn::channel;
using xenpv::evtchn::token;
using xenpv::sim::as_domain;
using xenpv::test::eventually;

namespace {

struct end {
	explicit end(xenpv::sim::domain &d) : home(d) {}
	static void fired(void *ctx)
	{
		auto *self = static_cast<end *>(ctx);
		++self->runs;
		self->on_event();
	}
	[[nodiscard]] xenpv::result<uint32_t> open(kapi_xenbus &bus, uint32_t remote, uint32_t queue = 0,
						   uint32_t queues = 1)
	{
		const as_domain inside(home);
		return line.open({&bus, "q0", remote, queue, queues, fired, this});
	}
	void close()
	{
		const as_domain inside(home);
		line.close();
	}
	void notify()
	{
		const as_domain inside(home);
		line.notify();
	}
	xenpv::sim::domain &home;
	channel line;
	std::atomic<uint32_t> runs{0};
	std::function<void()> on_event = [this] { line.receive().end_done(); };
};

struct pair : xenpv::test::machine {
	void connect()
	{
		auto port = front.open(front_bus, 0);
		BOOST_REQUIRE(port.ok());
		front_port = port.value();
		BOOST_REQUIRE(back.open(back_bus, front_port).ok());
		// Binding is an event of its own, as in Xen.
		BOOST_REQUIRE(eventually([&] { return back.runs == 1; }));
	}
	~pair()
	{
		front.close();
		back.close();
	}
	kapi_xenbus front_bus{"vbd-51712", "/front", "/back", 0};
	kapi_xenbus back_bus{"vbd-1-51712", "/back", "/front", 1};
	uint32_t front_port = 0;
	end front{guest};
	end back{dom0};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(event, pair)

BOOST_AUTO_TEST_CASE(both_ends_hear_each_other_and_count)
{
	connect();
	for (uint32_t i = 1; i <= 50; ++i) {
		back.notify();
		BOOST_TEST_REQUIRE(eventually([&] { return front.runs == i; }));
		front.notify();
		BOOST_TEST_REQUIRE(eventually([&] { return back.runs == i + 1; }));
	}
	front.line.notify_if(false);
	front.line.notify_if(false);
	const auto f = front.line.counters();
	const auto b = back.line.counters();
	BOOST_TEST(f.received == 50u);
	BOOST_TEST(f.sent == 50u);
	BOOST_TEST(f.suppressed == 2u);
	BOOST_TEST(f.spurious == 0u);
	BOOST_TEST(b.received == 51u);
	BOOST_TEST(b.sent == 50u);
	BOOST_TEST(b.suppressed == 0u);
	BOOST_TEST(world.calls().notify == 100u, "one hypercall for each, none for what was suppressed");
	const auto text = world.files().read("vbd-51712/event-q0");
	BOOST_TEST_REQUIRE(text.has_value());
	BOOST_TEST(text->find("received 50\n") != std::string::npos);
	BOOST_TEST(text->find("suppressed 2\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(done_spurious_and_dropped)
{
	int how = 0;
	front.on_event = [&] {
		token t = front.line.receive();
		if (how == 0)
			t.end_done();
		else if (how == 1)
			t.end_spurious();
		// else: nobody ends it, which is spurious
	};
	connect();
	for (how = 0; how < 3; ++how) {
		const auto next = static_cast<uint32_t>(how) + 1;
		back.notify();
		BOOST_TEST_REQUIRE(eventually([&] { return front.line.counters().received == next; }));
		BOOST_TEST(eventually([&] { return front.line.counters().spurious == static_cast<uint64_t>(how); }));
		BOOST_TEST(eventually([&] { return !world.events().end_of({1, front_port})->masked(); }));
	}
}

// Ending is once: the second does nothing, and moved tokens owe nothing.
BOOST_AUTO_TEST_CASE(a_token_ends_once)
{
	front.on_event = [&] {
		token t = front.line.receive();
		token moved = std::move(t);
		moved.end_done();
		moved.end_spurious();
	};
	connect();
	back.notify();
	BOOST_TEST(eventually([&] { return front.runs == 1; }));
	back.notify();
	BOOST_TEST(eventually([&] { return front.runs == 2; }));
	BOOST_TEST(front.line.counters().spurious == 0u);
}

// XSA-332, 391: until the end of the event the channel is silent, however often the
// peer sends.
BOOST_AUTO_TEST_CASE(a_storm_is_heard_once_for_each_end)
{
	front.on_event = [&] { front.line.defer(); };
	connect();
	for (uint32_t round = 1; round <= 20; ++round) {
		for (int i = 0; i < 5000; ++i)
			back.notify();
		BOOST_TEST_REQUIRE(eventually([&] { return front.runs == round; }));
		back.notify(); // certainly while it is masked
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
		BOOST_TEST(front.runs == round, "no handler before the end");
		BOOST_TEST(front.line.has_pending());
		front.line.before_last_look();
		front.line.settle();
	}
	// The last end let the merged rest of the storm through.
	BOOST_TEST(eventually([&] { return front.runs == 21; }));
	front.line.found_work();
	front.line.before_last_look();
	front.line.settle();
	BOOST_TEST(front.line.counters().spurious == 20u);
	BOOST_TEST(back.line.counters().sent == 20u * 5001u);
}

BOOST_AUTO_TEST_CASE(settling_without_a_debt_is_nothing)
{
	connect();
	front.line.before_last_look();
	front.line.settle();
	BOOST_TEST(!front.line.has_pending());
	BOOST_TEST(front.line.counters().spurious == 0u);
}

// A thread that looks may find work before the event that announces it is heard.
BOOST_AUTO_TEST_CASE(work_found_ahead_of_its_event)
{
	front.on_event = [&] { front.line.defer(); };
	connect();
	const auto look_and_settle = [&] {
		front.line.before_last_look();
		front.line.settle();
		BOOST_TEST(!front.line.has_pending());
	};
	for (uint32_t round = 1; round <= 3; ++round) {
		front.line.found_work();
		look_and_settle();
		back.notify();
		BOOST_TEST_REQUIRE(eventually([&] { return front.runs == 2 * round - 1; }));
		look_and_settle();
		BOOST_TEST(front.line.counters().spurious == round - 1);
		// What was found has excused one.
		back.notify();
		BOOST_TEST_REQUIRE(eventually([&] { return front.runs == 2 * round; }));
		look_and_settle();
		BOOST_TEST(front.line.counters().spurious == round);
	}
}

// Its work was not there to be seen: the next look decides.
BOOST_AUTO_TEST_CASE(an_event_after_the_last_look)
{
	front.on_event = [&] { front.line.defer(); };
	connect();
	front.line.before_last_look();
	back.notify();
	BOOST_TEST_REQUIRE(eventually([&] { return front.runs == 1; }));
	front.line.settle();
	BOOST_TEST(front.line.has_pending());
	front.line.found_work();
	front.line.before_last_look();
	front.line.settle();
	BOOST_TEST(!front.line.has_pending());
	BOOST_TEST(front.line.counters().spurious == 0u);
}

// Xen's doing, not the peer's.
BOOST_AUTO_TEST_CASE(the_event_of_binding_is_not_spurious)
{
	back.on_event = [&] { back.line.defer(); };
	connect();
	for (uint32_t events = 1; events <= 2; ++events) {
		BOOST_TEST_REQUIRE(eventually([&] { return back.runs == events; }));
		back.line.before_last_look();
		back.line.settle();
		BOOST_TEST(back.line.counters().spurious == events - 1);
		front.notify();
	}
	BOOST_TEST_REQUIRE(eventually([&] { return back.runs == 3; }));
	back.line.before_last_look();
	back.line.settle();
}

// XSA-376: a broken device never hears from its peer again.
BOOST_AUTO_TEST_CASE(withheld_events_silence_the_peer)
{
	front.on_event = [&] { front.line.receive().withhold(); };
	connect();
	back.notify();
	BOOST_TEST_REQUIRE(eventually([&] { return front.runs == 1; }));
	for (int i = 0; i < 1000; ++i)
		back.notify();
	std::this_thread::sleep_for(std::chrono::milliseconds(5));
	BOOST_TEST(front.runs == 1u);
	BOOST_TEST(front.line.counters().spurious == 0u);
}

// XSA-331: what the handler uses is there until it returned.
BOOST_AUTO_TEST_CASE(closing_waits_for_the_handler)
{
	std::latch inside(1);
	std::atomic<bool> leave{false};
	std::atomic<bool> left{false};
	front.on_event = [&] {
		inside.count_down();
		while (!leave)
			std::this_thread::yield();
		// While somebody waits in close(), the handler may still use its channel.
		front.line.notify();
		front.line.receive().end_done();
		left = true;
	};
	connect();
	back.notify();
	inside.wait();
	std::atomic<bool> waited{false};
	std::thread closer([&] {
		front.close();
		waited = left.load();
	});
	std::this_thread::sleep_for(std::chrono::milliseconds(20));
	BOOST_TEST(!left);
	leave = true;
	closer.join();
	BOOST_TEST(waited);
	BOOST_TEST(!front.line);
	BOOST_TEST(!world.files().read("vbd-51712/event-q0").has_value());
}

BOOST_AUTO_TEST_CASE(connecting_and_closing_under_a_storm)
{
	for (int round = 0; round < 50; ++round) {
		auto port = front.open(front_bus, 0);
		BOOST_TEST_REQUIRE(port.ok());
		BOOST_TEST_REQUIRE(back.open(back_bus, port.value()).ok());
		std::atomic<bool> stop{false};
		std::thread storm([&] {
			while (!stop)
				back.notify();
		});
		BOOST_TEST_REQUIRE(eventually([&] { return front.line.counters().received > 0; }));
		front.close();
		stop = true;
		storm.join();
		back.close();
		front.close();
	}
}

BOOST_AUTO_TEST_CASE(events_to_a_closed_peer_go_nowhere)
{
	connect();
	front.close();
	for (int i = 0; i < 100; ++i)
		back.notify();
	BOOST_TEST(back.line.counters().sent == 100u);
	BOOST_TEST(front.line.counters().received == 0u, "a closed channel has no counters");
}

// The port number comes from the peer's directory: any number.
BOOST_AUTO_TEST_CASE(binding_a_port_that_is_not_for_us_fails)
{
	auto port = front.open(front_bus, 0);
	BOOST_TEST_REQUIRE(port.ok());
	for (const uint32_t bad : {port.value() + 1, UINT32_MAX, 0x7fffffffu}) {
		BOOST_TEST((back.open(back_bus, bad).error() == xenpv::err::invalid));
		BOOST_TEST(!back.line);
	}
	kapi_xenbus stranger_bus{"vbd-2-51712", "/back2", "/front", 1};
	end stranger(world.domain(2));
	BOOST_TEST((stranger.open(stranger_bus, port.value()).error() == xenpv::err::invalid));
	BOOST_TEST(back.open(back_bus, port.value()).ok());
	BOOST_TEST(!back.line.counters().sent);
	end second(dom0);
	BOOST_TEST((second.open(back_bus, port.value()).error() == xenpv::err::invalid), "bound already");
}

BOOST_AUTO_TEST_CASE(opening_fails_without_memory_or_port_and_leaves_nothing)
{
	world.faults().allocation.arm(0, 1);
	BOOST_TEST((front.open(front_bus, 0).error() == xenpv::err::no_memory));
	world.faults().channel.arm(0, 1);
	BOOST_TEST((front.open(front_bus, 0).error() == xenpv::err::no_memory));
	BOOST_TEST(!front.line);
	BOOST_TEST(world.live().channels == 0);
	BOOST_TEST(world.live().files == 0);
	BOOST_TEST(front.open(front_bus, 0).ok());
}

BOOST_AUTO_TEST_CASE(interrupts_go_where_the_plan_says)
{
	using xenpv::evtchn::spread_cpu;
	static_assert(spread_cpu(0, 1, 8) == 0);
	static_assert(spread_cpu(0, 4, 4) == 0 && spread_cpu(3, 4, 4) == 3, "one each");
	static_assert(spread_cpu(1, 2, 8) == 4, "few queues lie apart");
	static_assert(spread_cpu(7, 8, 2) == 1 && spread_cpu(3, 8, 2) == 0, "many queues share evenly");
	static_assert(spread_cpu(5, 0, 4) == 0 && spread_cpu(5, 4, 0) == 0, "nonsense is CPU 0");
	for (uint32_t queues = 1; queues <= 16; ++queues)
		for (uint32_t cpus = 1; cpus <= 64; ++cpus) {
			std::vector<uint32_t> load(cpus);
			for (uint32_t q = 0; q < queues; ++q)
				++load.at(spread_cpu(q, queues, cpus));
			const auto [low, high] = std::minmax_element(load.begin(), load.end());
			BOOST_REQUIRE_LE(*high - *low, 1u);
		}
	world.set_cpus(8);
	auto port = front.open(front_bus, 0, 1, 2);
	BOOST_TEST_REQUIRE(port.ok());
	BOOST_TEST(world.events().end_of({1, port.value()})->cpu() == 4);
	BOOST_TEST(world.events().end_of({1, port.value()})->name() == "xenpv-vbd-51712-q0");
}

BOOST_AUTO_TEST_SUITE_END()
