// SPDX-License-Identifier: GPL-2.0-only
// Another backend takes over a disk with requests in flight: nothing is lost, and what
// had to be durable is durable when it completes (xen-front/blk/queue.cc).
#include "blkfront_fixture.hpp"

using namespace xenpv::test;

namespace {

constexpr int op_write = 1;
constexpr int op_barrier = 2;
constexpr int op_flush = 3;

const extra barrier = {{"feature-barrier", "1"}, {"feature-flush-cache", "0"}};
const extra flush = {{"feature-barrier", "0"}, {"feature-flush-cache", "1"}};
const extra no_cache = {{"feature-barrier", "0"}, {"feature-flush-cache", "0"}};

struct moving : asking {
	void leave()
	{
		back->drop_ring();
		back->set_state(1);
		world.settle();
		front->resume();
	}
	void move_to(const extra &more)
	{
		leave();
		BOOST_REQUIRE(back->connect(more));
	}
	block_io &ask_write(bool fua)
	{
		ios.push_back(std::make_unique<block_io>(KAPI_BLK_WRITE, 8));
		ios.back()->add(0, 4096);
		ios.back()->request.fua = fua;
		BOOST_REQUIRE_EQUAL(front->queue(0, *ios.back()), 0);
		front->commit(0);
		return *ios.back();
	}
	block_io &ask_flush()
	{
		ios.push_back(std::make_unique<block_io>(KAPI_BLK_FLUSH, 0));
		BOOST_REQUIRE_EQUAL(front->queue(0, *ios.back()), 0);
		front->commit(0);
		return *ios.back();
	}
	// The next request, which must be this one.
	request expect(int op)
	{
		request r{};
		BOOST_REQUIRE(back->take(&r));
		BOOST_TEST(r.operation == op);
		BOOST_TEST(r.nr_segments == (op == op_flush ? 0 : 1));
		BOOST_TEST(r.sector_number == (op == op_flush ? 0u : 8u));
		return r;
	}
	void answer(const request &r, int status = 0)
	{
		back->answer(r.id, r.operation, static_cast<int16_t>(status));
		back->push();
	}
	[[nodiscard]] bool none_follows()
	{
		world.settle();
		return back->word(0).load() == back->taken();
	}
	[[nodiscard]] bool shown(const std::string &text)
	{
		return world.files().read("vbd-51712/blkfront").value().find(text + "\n") != std::string::npos;
	}
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(blkfront_reconnect, moving)

// It serves only when nothing more has to be agreed; a state in the store may be old.
BOOST_AUTO_TEST_CASE(when_it_serves)
{
	make_vbd();
	front = std::make_unique<kapi_blkfront>(*tools);
	back = std::make_unique<hand_back>(*tools);
	BOOST_REQUIRE_EQUAL(front->probe(), 0);
	BOOST_TEST(!front->serves());
	BOOST_REQUIRE(back->take_ring());
	BOOST_TEST(!front->serves(), "rings are offered and no more");
	back->publish();
	back->set_state(4);
	world.settle();
	BOOST_TEST(front->serves());
	front->resume();
	BOOST_TEST(tools->back_state() == 4);
	BOOST_TEST(!front->serves(), "what is connected is the old backend");
	back->drop_ring();
	BOOST_REQUIRE(back->connect());
	BOOST_TEST(front->serves());
	back->word(2) = UINT32_MAX;
	back->notify();
	BOOST_TEST(eventually([&] { return !front->serves(); }));
	BOOST_TEST(eventually([&] { return tools->front_state() == 6; }));
	works_again();
	BOOST_TEST(front->serves());
	back->set_state(5);
	world.settle();
	BOOST_TEST(!front->serves());
}

// No memory for some of what is replayed: it is asked again, not failed.
BOOST_AUTO_TEST_CASE(what_cannot_be_replayed_is_handed_back)
{
	start({{"feature-persistent", "1"}});
	static_cast<void>(ask(5, KAPI_BLK_WRITE));
	leave();
	BOOST_REQUIRE(back->take_ring());
	back->publish();
	world.faults().page.arm(2);
	back->set_state(4);
	world.settle();
	BOOST_TEST_REQUIRE(tools->front_state() == 4);
	BOOST_TEST(front->seen().requeued == 3u);
	BOOST_TEST(shown("handed_back 3"));
	for (int i = 0; i < 2; ++i) {
		request r{};
		BOOST_REQUIRE(back->take(&r));
		answer(r);
	}
	for (int i = 0; i < 2; ++i)
		BOOST_TEST(front->wait(*ios[i]) == 0);
	for (int i = 2; i < 5; ++i)
		BOOST_TEST(ios[i]->result == block_io::pending);
	world.faults().page.disarm();
	front->kick();
	for (int i = 0; i < 3; ++i) {
		request r{};
		BOOST_REQUIRE(back->take(&r));
		BOOST_TEST(r.operation == op_write);
		answer(r);
	}
	for (auto &io : ios)
		BOOST_TEST(front->wait(*io) == 0);
}

// Still without memory it waits on; and when the device goes, it goes too.
BOOST_AUTO_TEST_CASE(handed_back_and_never_sent)
{
	start({{"feature-persistent", "1"}});
	static_cast<void>(ask(3, KAPI_BLK_READ));
	leave();
	BOOST_REQUIRE(back->take_ring());
	back->publish();
	world.faults().page.arm(0);
	back->set_state(4);
	world.settle();
	front->kick();
	BOOST_TEST(front->seen().requeued == 6u);
	back->set_state(5);
	world.settle();
	front->kick();
	for (auto &io : ios)
		BOOST_TEST(front->wait(*io) == -5);
	world.faults().page.disarm();
}

// XSA-396: the backend is gone, and a page is still mapped: whatever the next one would answer, it is not good.
BOOST_AUTO_TEST_CASE(what_the_last_backend_keeps_mapped_fails)
{
	for (const uint32_t op : {KAPI_BLK_READ, KAPI_BLK_WRITE}) {
		start();
		const auto seen = ask(3, op);
		auto kept = back->map(seen[1].segments[0].gref, op == KAPI_BLK_WRITE);
		BOOST_TEST_REQUIRE(kept.status == KAPI_GNTST_OKAY);
		move_to({});
		BOOST_TEST(front->wait(*ios[1]) == -5);
		BOOST_TEST(world.console().count("keeps pages of 1 requests mapped") ==
			   (op == KAPI_BLK_READ ? 1u : 2u));
		for (const int i : {0, 2}) {
			request r{};
			BOOST_REQUIRE(back->take(&r));
			BOOST_TEST(r.sector_number == seen[i].sector_number);
			answer(r);
			BOOST_TEST(front->wait(*ios[i]) == 0);
		}
		BOOST_TEST(none_follows());
		BOOST_TEST(ios[1]->completions == 1);
		back->unmap(kept);
		stop();
		ios.clear();
	}
}

// It only took a moment longer than the frontend to let go.
BOOST_AUTO_TEST_CASE(what_the_last_backend_lets_go_of_in_time_is_replayed)
{
	start();
	const auto seen = ask(1, KAPI_BLK_READ);
	auto kept = back->map(seen[0].segments[0].gref, false);
	leave();
	BOOST_REQUIRE(back->take_ring());
	back->unmap(kept);
	back->publish();
	back->set_state(4);
	world.settle();
	request r{};
	BOOST_REQUIRE(back->take(&r));
	answer(r);
	BOOST_TEST(front->wait(*ios[0]) == 0);
}

// A durable write, and the next backend has no barriers.
BOOST_AUTO_TEST_CASE(a_durable_write_from_barriers_to_flushes)
{
	for (const int status : {0, -1, -2}) {
		start(barrier);
		auto &io = ask_write(true);
		static_cast<void>(expect(op_barrier));
		move_to(flush);
		const auto granted = world.live().accesses.load();
		answer(expect(op_write));
		const request own = expect(op_flush);
		BOOST_TEST(world.live().accesses == granted - 1, "what is written is ours again");
		BOOST_TEST(io.completions == 0, "written is not durable");
		BOOST_TEST(shown("own_flushes 1"));
		answer(own, status);
		BOOST_TEST(front->wait(io) == (status == -1 ? -5 : 0));
		BOOST_TEST(front->seen().no_flush == (status == -2 ? 1u : 0u));
		BOOST_TEST(none_follows());
		stop();
		ios.clear();
	}
}

// It was in the block layer when the backend changed: asked for under the old terms.
BOOST_AUTO_TEST_CASE(a_durable_write_that_comes_late)
{
	start(barrier);
	move_to(flush);
	auto &io = ask_write(true);
	answer(expect(op_write));
	const request own = expect(op_flush);
	BOOST_TEST(io.completions == 0);
	answer(own);
	BOOST_TEST(front->wait(io) == 0);
}

// More of them than there is room for flushes beside what else is asked.
BOOST_AUTO_TEST_CASE(a_full_ring_of_durable_writes)
{
	start(flush);
	for (uint32_t round = 0; round < 3; ++round) {
		for (uint32_t i = 0; i < KAPI_BLK_QUEUE_DEPTH; ++i)
			ask_write(true);
		std::vector<request> writes(KAPI_BLK_QUEUE_DEPTH);
		for (auto &r : writes)
			r = expect(op_write);
		block_io late(KAPI_BLK_READ, 8);
		late.add(0, 4096);
		BOOST_TEST(front->queue(0, late) == -16);
		const uint32_t wakes = front->seen().wakes;
		for (auto &r : writes)
			back->answer(r.id, r.operation, 0);
		back->push();
		for (auto &r : writes)
			r = expect(op_flush);
		BOOST_TEST(front->queue(0, late) == -16, "answered, and the ids are still in use");
		BOOST_TEST(front->seen().wakes == wakes);
		for (auto &r : writes)
			back->answer(r.id, r.operation, 0);
		back->push();
		for (auto &io : ios)
			BOOST_TEST(front->wait(*io) == 0);
		BOOST_TEST(eventually([&] { return front->seen().wakes == wakes + 1; }));
		ios.clear();
	}
}

// The write fails: there is nothing to make durable.
BOOST_AUTO_TEST_CASE(a_durable_write_that_fails)
{
	start(flush);
	auto &io = ask_write(true);
	answer(expect(op_write), -1);
	BOOST_TEST(front->wait(io) == -5);
	BOOST_TEST(none_follows());
}

// The backend goes between the write and its flush; the next has flushes of either kind.
BOOST_AUTO_TEST_CASE(moving_between_a_write_and_its_flush)
{
	for (const extra &next : {flush, barrier}) {
		start(flush);
		auto &io = ask_write(true);
		answer(expect(op_write));
		static_cast<void>(expect(op_flush));
		move_to(next);
		request r{};
		BOOST_REQUIRE(back->take(&r));
		BOOST_TEST(r.operation == (next == flush ? op_flush : op_barrier));
		BOOST_TEST(r.nr_segments == 0);
		BOOST_TEST(io.completions == 0);
		answer(r);
		BOOST_TEST(front->wait(io) == 0);
		stop();
		ios.clear();
	}
}

// ... or ends the device.
BOOST_AUTO_TEST_CASE(leaving_between_a_write_and_its_flush)
{
	start(flush);
	auto &io = ask_write(true);
	answer(expect(op_write));
	static_cast<void>(expect(op_flush));
	back->set_state(5);
	BOOST_TEST(front->wait(io) == -5);
}

// Without a cache a write is durable as it is, and a flush has nothing to do.
BOOST_AUTO_TEST_CASE(to_a_backend_without_a_cache)
{
	for (const extra &before : {barrier, flush}) {
		start(before);
		auto &flushing = ask_flush();
		request r{};
		BOOST_REQUIRE(back->take(&r));
		auto &io = ask_write(true);
		BOOST_REQUIRE(back->take(&r));
		move_to(no_cache);
		answer(expect(op_write));
		BOOST_TEST(front->wait(io) == 0);
		BOOST_TEST(none_follows());
		front->kick();
		BOOST_TEST(front->wait(flushing) == 0);
		BOOST_TEST(front->wait(ask_flush()) == 0, "one that comes late");
		BOOST_TEST(none_follows());
		stop();
		ios.clear();
	}
}

// Before the move a write was durable as it was.
BOOST_AUTO_TEST_CASE(from_a_backend_without_a_cache)
{
	for (const extra &next : {barrier, flush}) {
		start(no_cache);
		auto &io = ask_write(false);
		static_cast<void>(expect(op_write));
		move_to(next);
		if (next == flush)
			answer(expect(op_write));
		const request last = expect(next == flush ? op_flush : op_barrier);
		BOOST_TEST(io.completions == 0);
		answer(last);
		BOOST_TEST(front->wait(io) == 0);
		auto &plain = ask_write(false);
		answer(expect(op_write));
		BOOST_TEST(front->wait(plain) == 0, "the block layer now knows of the cache");
		stop();
		ios.clear();
	}
}

// From flushes to barriers: the block layer sends the flush it had in mind.
BOOST_AUTO_TEST_CASE(from_flushes_to_barriers)
{
	start(flush);
	auto &io = ask_write(false);
	static_cast<void>(expect(op_write));
	auto &flushing = ask_flush();
	static_cast<void>(expect(op_flush));
	move_to(barrier);
	uint32_t empty = 0;
	for (int i = 0; i < 2; ++i) {
		request r{};
		BOOST_REQUIRE(back->take(&r));
		BOOST_TEST(r.operation == (r.nr_segments == 0 ? op_barrier : op_write));
		empty += r.nr_segments == 0;
		answer(r);
	}
	BOOST_TEST(empty == 1u);
	BOOST_TEST(front->wait(io) == 0);
	BOOST_TEST(front->wait(flushing) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
