// SPDX-License-Identifier: GPL-2.0-only
// Push against arm, two threads: nobody sleeps while there is work (ring.hpp).
#include "ring_pair.hpp"

#include <semaphore>
#include <thread>

using xenpv::test::ring_pair;

namespace {

// An event channel: a notification while one is pending is the same one.
class bell {
public:
	void ring()
	{
		if (!pending_.exchange(true))
			wake_.release();
	}
	[[nodiscard]] bool wait()
	{
		if (!wake_.try_acquire_for(std::chrono::seconds(20)))
			return false;
		// Acquires what the ringer did before a ring that was merged into this one.
		static_cast<void>(pending_.exchange(false));
		++heard;
		return true;
	}
	uint32_t heard = 0;

private:
	std::atomic<bool> pending_{false};
	std::counting_semaphore<> wake_{0};
};

#ifdef __SANITIZE_THREAD__
constexpr uint32_t requests = 20000;
#else
constexpr uint32_t requests = 200000;
#endif

// Serves everything; sleeps only after arming found nothing.
void backend(ring_pair &r, bell &mine, bell &theirs, uint32_t &lost)
{
	for (uint32_t served = 0; served < requests;) {
		uint32_t n = r.back.available().value();
		if (n == 0) {
			n = r.back.arm().value();
			if (n == 0 && !mine.wait()) {
				++lost;
				return;
			}
			continue;
		}
		for (; n != 0; --n, ++served)
			r.answer(r.serve() ^ 0xffffffffu);
		if (r.back.push())
			theirs.ring();
	}
}

void frontend(ring_pair &r, bell &mine, bell &theirs, uint32_t batch, uint32_t &lost, uint32_t &wrong)
{
	uint32_t asked = 0;
	for (uint32_t done = 0; done < requests;) {
		for (uint32_t i = 0; i < batch && asked < requests && r.front.free_slots() != 0; ++i)
			r.ask(asked++);
		if (r.front.has_unpushed() && r.front.push())
			theirs.ring();
		uint32_t n = r.front.arm().value();
		const bool nothing_to_ask = r.front.free_slots() == 0 || asked == requests;
		if (n == 0 && nothing_to_ask && !mine.wait()) {
			++lost;
			return;
		}
		for (n = r.front.available().value(); n != 0; --n, ++done)
			wrong += r.receive() != ~done;
	}
}

void race(uint32_t batch)
{
	ring_pair r;
	bell front_bell;
	bell back_bell;
	uint32_t front_lost = 0;
	uint32_t back_lost = 0;
	uint32_t wrong = 0;
	std::thread back([&] { backend(r, back_bell, front_bell, back_lost); });
	frontend(r, front_bell, back_bell, batch, front_lost, wrong);
	back.join();
	BOOST_TEST(front_lost == 0u, "the frontend slept through a response");
	BOOST_TEST(back_lost == 0u, "the backend slept through a request");
	BOOST_TEST(wrong == 0u);
	BOOST_TEST(r.torn == 0u);
	BOOST_TEST(back_bell.heard <= requests);
	BOOST_TEST_MESSAGE("batch " << batch << ": backend heard " << back_bell.heard << ", frontend "
				    << front_bell.heard);
}

// Both ends meet at a round's start, act at the same moment, and meet again.
class meeting {
public:
	void meet()
	{
		const uint32_t round = round_.load();
		if (here_.fetch_add(1) == 1) {
			here_ = 0;
			++round_;
		} else {
			// Two CPUs spin past each other; on one, the other end must get to run.
			for (uint32_t spins = 0; round_.load() == round;)
				if (++spins % 4096 == 0)
					std::this_thread::yield();
		}
	}

private:
	std::atomic<uint32_t> here_{0};
	std::atomic<uint32_t> round_{0};
};

#ifdef __SANITIZE_THREAD__
constexpr uint32_t meetings = 20000;
#else
constexpr uint32_t meetings = 400000;
#endif

} // namespace

BOOST_AUTO_TEST_SUITE(ring_race)

// The two fences: whoever pushes sees that the other armed, or whoever arms sees what
// was pushed.  Neither is a lost wakeup.  In each round a request, then a response.
BOOST_AUTO_TEST_CASE(push_meets_arm)
{
	ring_pair r;
	meeting m;
	bool told = false;
	uint32_t seen = 0;
	uint32_t lost_requests = 0;
	uint32_t lost_responses = 0;
	std::thread back([&] {
		for (uint32_t i = 0; i < meetings; ++i) {
			m.meet();
			seen = r.back.arm().value();
			m.meet();
			r.answer(r.serve());
			m.meet();
			told = r.back.push();
			m.meet();
		}
	});
	for (uint32_t i = 0; i < meetings; ++i) {
		r.ask(i);
		m.meet();
		const bool i_told = r.front.push();
		m.meet();
		lost_requests += !i_told && seen == 0;
		m.meet();
		const uint32_t i_saw = r.front.arm().value();
		m.meet();
		lost_responses += !told && i_saw == 0;
		static_cast<void>(r.receive());
	}
	back.join();
	BOOST_TEST(lost_requests == 0u);
	BOOST_TEST(lost_responses == 0u);
}

BOOST_AUTO_TEST_CASE(one_by_one)
{
	race(1);
}

BOOST_AUTO_TEST_CASE(in_batches)
{
	race(7);
}

BOOST_AUTO_TEST_CASE(full_rings)
{
	race(32);
}

BOOST_AUTO_TEST_SUITE_END()
