// SPDX-License-Identifier: GPL-2.0-only
// Our backend with a frontend that a test plays by hand.
#pragma once
#include "blk_fixture.hpp"

#include <userspace/sim/blkback_adapter.hpp>
#include <userspace/sim/hand_front.hpp>

#include <deque>
#include <memory>

namespace xenpv::test {

using sim::hand_front;

enum wire_op : uint8_t { op_read = 0, op_write = 1, op_barrier = 2, op_flush = 3, op_discard = 5, op_indirect = 6 };
enum wire_status : int { okay = 0, error = -1, unsupported = -2 };

struct served : vbd_machine {
	void start(sim::ramdisk::options o = {}, const sim::vbd_config &c = {})
	{
		disk = &make_disk(o);
		make_vbd(c);
		back = std::make_unique<sim::blkback_adapter>(*tools);
		BOOST_REQUIRE_EQUAL(back->probe(), 0);
		tools->hotplug();
		world.settle();
	}
	hand_front &attach(const hand_front::shape &s = hand_front::wide)
	{
		front = std::make_unique<hand_front>(*tools, s);
		BOOST_REQUIRE(front->connect());
		return *front;
	}
	// The frontend closes, goes, and another one can come.
	void leave()
	{
		front->set_state(5);
		world.settle();
		front->set_state(6);
		world.settle();
		front.reset();
	}
	// The proof that the device is as good as new: a frontend comes and reads.
	void works_again()
	{
		front.reset();
		tools->set_front("state", "6");
		world.settle();
		tools->set_front("state", "1");
		world.settle();
		attach();
		const sim::granted_page page(guest);
		BOOST_TEST(front->ask(read_of(page.ref())) == okay);
		leave();
	}
	[[nodiscard]] static hand_front::request read_of(uint32_t gref, uint64_t sector = 0)
	{
		hand_front::request r{.operation = op_read, .nr_segments = 1, .id = 42, .sector = sector};
		r.segments[0] = {gref, 0, 7};
		return r;
	}
	[[nodiscard]] static hand_front::request write_of(uint32_t gref, uint64_t sector)
	{
		hand_front::request r = read_of(gref, sector);
		r.operation = op_write;
		return r;
	}
	~served()
	{
		back.reset();
		front.reset();
		tools.reset();
	}

	sim::ramdisk *disk = nullptr;
	std::unique_ptr<sim::blkback_adapter> back;
	std::unique_ptr<hand_front> front;
};

// A disk that does not answer while requests are in flight.
struct stalled : served {
	static constexpr uint32_t in_flight = 8;

	void stall(wire_op operation = op_read)
	{
		start({.async = true});
		attach();
		disk->freeze();
		for (uint32_t i = 0; i < in_flight; ++i) {
			hand_front::request r = read_of(pages.emplace_back(guest).ref(), i * 8);
			r.operation = operation;
			front->put(r);
		}
		front->push();
		BOOST_TEST_REQUIRE(eventually([&] { return disk->in_flight() == in_flight; }));
	}
	~stalled()
	{
		if (disk != nullptr)
			disk->thaw();
		back.reset();
		pages.clear();
	}

	std::deque<sim::granted_page> pages;
};

} // namespace xenpv::test
