// SPDX-License-Identifier: GPL-2.0-only
// Our frontend moves to another backend of ours, with other queues and CPUs than before.
#include "blk_pair_fixture.hpp"

#include <vector>

using namespace xenpv::test;

namespace {

struct mover : pair {
	static constexpr uint32_t contexts = 4;

	void start_with_queues(uint32_t n)
	{
		world.set_cpus(contexts);
		xenpv::sim::blkback_adapter::max_queues = n;
		start({.async = true});
		BOOST_TEST_REQUIRE(tools->front_key("multi-queue-num-queues") == std::to_string(n));
	}
	// A write on each context, of which the backend is not told before it goes.
	void ask_on_each()
	{
		for (uint32_t i = 0; i < contexts; ++i) {
			ios.push_back(make(KAPI_BLK_WRITE, i * 8, 1));
			ios.back()->fill(pattern(4096, 100 + i));
			BOOST_TEST_REQUIRE(front->queue(i, *ios.back()) == 0);
		}
	}
	// To a backend with that many queues.
	void move(uint32_t queues)
	{
		back.reset();
		tools->set_back("state", "1");
		front->resume();
		xenpv::sim::blkback_adapter::max_queues = queues;
		back = std::make_unique<xenpv::sim::blkback_adapter>(*tools);
		BOOST_REQUIRE_EQUAL(back->probe(), 0);
		tools->hotplug();
		BOOST_TEST(eventually([&] { return tools->front_state() == 4; }));
		world.settle();
	}
	// All that was asked is done, once, and each context goes on.
	void check()
	{
		front->kick();
		for (uint32_t i = 0; i < ios.size(); ++i) {
			BOOST_TEST(front->wait(*ios[i]) == 0);
			BOOST_TEST(ios[i]->completions == 1);
			BOOST_TEST((disk->content(i * 8, 4096) == pattern(4096, 100 + i)));
		}
		ios.clear();
		for (uint32_t i = 0; i < contexts; ++i) {
			auto io = make(KAPI_BLK_WRITE, 800 + i * 8, 1);
			io->fill(pattern(4096, i));
			BOOST_TEST(front->run(i, *io) == 0);
			BOOST_TEST((disk->content(800 + i * 8, 4096) == pattern(4096, i)));
		}
	}
	~mover()
	{
		stop();
		xenpv::sim::blkback_adapter::max_queues = 0;
	}

	std::vector<std::unique_ptr<block_io>> ios;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(blk_moves, mover)

BOOST_AUTO_TEST_CASE(to_fewer_queues_and_back_to_more)
{
	start_with_queues(4);
	for (const uint32_t queues : {2u, 1u, 3u, 4u, 1u, 8u}) {
		ask_on_each();
		move(queues);
		BOOST_TEST(tools->front_key("multi-queue-num-queues") == std::to_string(queues < 4 ? queues : 4));
		check();
	}
}

// Contexts that never had a ring of their own are not made later.
BOOST_AUTO_TEST_CASE(more_queues_than_at_first_are_not_used)
{
	start_with_queues(2);
	BOOST_TEST(write(0, 1, 1) == 0);
	move(4);
	BOOST_TEST(tools->front_key("multi-queue-num-queues") == "2");
	BOOST_TEST(write(8, 1, 2) == 0);
}

// CPUs were taken away before the guest was restored.
BOOST_AUTO_TEST_CASE(with_fewer_cpus_online)
{
	start_with_queues(4);
	ask_on_each();
	world.set_cpus(2);
	move(4);
	BOOST_TEST(tools->front_key("multi-queue-num-queues") == "4");
	check();
}

// One ring has room for what one context may ask; who finds none is woken, whichever context it is.
BOOST_AUTO_TEST_CASE(a_full_ring_that_several_share)
{
	start_with_queues(4);
	move(1);
	disk->freeze();
	for (uint32_t i = 0; i < KAPI_BLK_QUEUE_DEPTH; ++i) {
		ios.push_back(make(KAPI_BLK_WRITE, i * 8, 1));
		ios.back()->fill(pattern(4096, 100 + i));
		BOOST_TEST_REQUIRE(front->queue(i % contexts, *ios.back()) == 0);
	}
	front->commit(3);
	auto late = make(KAPI_BLK_READ, 0, 1);
	for (uint32_t i = 0; i < contexts; ++i)
		BOOST_TEST(front->queue(i, *late) == -16);
	const uint32_t wakes = front->seen().wakes;
	disk->thaw();
	BOOST_TEST(eventually([&] { return front->seen().wakes >= wakes + contexts; }));
	check();
}

BOOST_AUTO_TEST_SUITE_END()
