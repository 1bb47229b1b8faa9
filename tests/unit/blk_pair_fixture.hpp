// SPDX-License-Identifier: GPL-2.0-only
// Our frontend and our backend, connected.
#pragma once
#include "blk_fixture.hpp"

#include <userspace/sim/blkback_adapter.hpp>
#include <userspace/sim/blkfront_adapter.hpp>

#include <memory>

namespace xenpv::test {

using sim::block_io;

struct pair : vbd_machine {
	// Front and back, connected.
	void start(sim::ramdisk::options o = {}, const sim::vbd_config &c = {})
	{
		disk = &make_disk(o);
		make_vbd(c);
		back = std::make_unique<sim::blkback_adapter>(*tools);
		front = std::make_unique<kapi_blkfront>(*tools);
		BOOST_REQUIRE_EQUAL(back->probe(), 0);
		BOOST_REQUIRE_EQUAL(front->probe(), 0);
		tools->hotplug();
		BOOST_REQUIRE(eventually([&] { return !front->seen().ready.empty(); }));
		world.settle();
		BOOST_REQUIRE_EQUAL(tools->front_state(), 4);
		BOOST_REQUIRE_EQUAL(tools->back_state(), 4);
	}
	void stop()
	{
		front.reset();
		back.reset();
		tools.reset();
	}
	~pair() { stop(); }

	[[nodiscard]] std::unique_ptr<block_io> make(uint32_t op, uint64_t sector, uint32_t pages, uint32_t offset = 0,
						     uint32_t length = 4096)
	{
		auto io = std::make_unique<block_io>(op, sector);
		for (uint32_t i = 0; i < pages; ++i)
			io->add(offset, length);
		return io;
	}
	// Both drivers are gone; what they parked comes back when it is looked at.
	[[nodiscard]] bool only_the_lot_is_left()
	{
		return eventually(
			[&] {
				world.clock().advance(std::chrono::milliseconds(1100));
				return world.live().leftovers() == "memory=1 delayed=1";
			},
			std::chrono::seconds(2));
	}
	[[nodiscard]] int write(uint64_t sector, uint32_t pages, uint32_t seed)
	{
		auto io = make(KAPI_BLK_WRITE, sector, pages);
		io->fill(pattern(pages * 4096u, seed));
		return front->run(0, *io);
	}

	sim::ramdisk *disk = nullptr;
	std::unique_ptr<sim::blkback_adapter> back;
	std::unique_ptr<kapi_blkfront> front;
};

} // namespace xenpv::test
