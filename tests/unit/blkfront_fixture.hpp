// SPDX-License-Identifier: GPL-2.0-only
// Our frontend with a backend that a test plays by hand.
#pragma once
#include "blk_fixture.hpp"

#include <userspace/sim/blkfront_adapter.hpp>
#include <userspace/sim/hand_back.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xenpv::test {

using blkif::request;
using sim::block_io;
using sim::hand_back;
using extra = std::vector<std::pair<std::string, std::string>>;

struct asking : vbd_machine {
	void start(const extra &more = {})
	{
		make_vbd();
		front = std::make_unique<kapi_blkfront>(*tools);
		back = std::make_unique<hand_back>(*tools);
		BOOST_REQUIRE_EQUAL(front->probe(), 0);
		BOOST_REQUIRE(back->connect(more));
	}
	void stop()
	{
		front.reset();
		back.reset();
		tools.reset();
	}
	~asking()
	{
		stop();
		// What the backend kept is looked at once more.
		BOOST_CHECK(eventually([&] {
			world.clock().advance(std::chrono::milliseconds(1100));
			return world.live().accesses == 0;
		}));
	}

	// Asks for `n` pages; the requests as the backend sees them.
	std::vector<request> ask(uint32_t n, uint32_t op = KAPI_BLK_READ)
	{
		std::vector<request> seen(n);
		for (uint32_t i = 0; i < n; ++i) {
			ios.push_back(std::make_unique<block_io>(op, i * 8));
			if (op != KAPI_BLK_FLUSH)
				ios.back()->add(0, 4096);
			BOOST_REQUIRE_EQUAL(front->queue(0, *ios.back()), 0);
		}
		front->commit(0);
		for (auto &r : seen)
			BOOST_REQUIRE(back->take(&r));
		return seen;
	}
	// The device says that it is broken, fails what was asked, and stays quiet.
	void expect_broken(const char *why)
	{
		BOOST_TEST(eventually([&] { return tools->front_state() == 6; }), why);
		for (auto &io : ios) {
			BOOST_TEST(front->wait(*io) == -5, why);
			BOOST_TEST(io->completions == 1, why);
		}
		BOOST_TEST(front->seen().gone == 1u);
		block_io late(KAPI_BLK_READ, 0);
		late.add(0, 512);
		BOOST_TEST(front->queue(0, late) == -5);
		BOOST_TEST(world.store().read("error/" + tools->front.own + "/error").has_value());
	}
	// A new driver and a new backend find a device that works.
	void works_again()
	{
		front.reset();
		back.reset();
		ios.clear();
		tools->set_front("state", "1");
		tools->set_back("state", "1");
		front = std::make_unique<kapi_blkfront>(*tools);
		back = std::make_unique<hand_back>(*tools);
		BOOST_REQUIRE_EQUAL(front->probe(), 0);
		BOOST_REQUIRE(back->connect());
		const auto seen = ask(1);
		back->answer(seen[0].id, seen[0].operation, 0);
		back->push();
		BOOST_TEST(front->wait(*ios[0]) == 0);
	}

	std::unique_ptr<kapi_blkfront> front;
	std::unique_ptr<hand_back> back;
	std::vector<std::unique_ptr<block_io>> ios;
};

} // namespace xenpv::test
