// SPDX-License-Identifier: GPL-2.0-only
// Who polls and who stops a queue, and when (kernel/netfront_queue.c, in a process).
#include "fake_net/fake_net.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>

namespace fake = xenpv::fake_net;

namespace {

constexpr uint32_t queues = 2;

struct nic;
nic *current;

struct nic {
	nic()
	{
		current = this;
		fake::reset();
		xenpv_net_queues_init(nf.get());
		for (auto &q : nf->queues)
			fake::add(q.napi, xenpv_net_poll);
		dev.priv = &priv;
		nf->dev = &dev;
		nf->info.queues = queues;
		nf->paused = true;
		nf->carrier = true;
		kapi_netfront_unpause(nf.get());
	}
	nic(const nic &) = delete;
	nic &operator=(const nic &) = delete;
	~nic()
	{
		kapi_netfront_pause(nf.get());
		time_passes();
		BOOST_TEST(!fake::any_timer());
		BOOST_TEST(fake::collisions == 0);
	}
	// Everything that is armed comes due, again and again.
	static void time_passes(int rounds = 200)
	{
		for (int i = 0; i < rounds; ++i)
			fake_elsewhere();
	}
	void open() { BOOST_TEST(xenpv_net_open(&dev) == 0); }
	void stop() { BOOST_TEST(xenpv_net_stop(&dev) == 0); }
	[[nodiscard]] xenpv_net_queue &queue(uint32_t i) { return nf->queues[i]; }
	// Transmit found no grant references.
	void wait(uint32_t i) { xenpv_net_wait(&queue(i), netdev_get_tx_queue(&dev, i)); }

	net_device dev{};
	std::unique_ptr<kapi_netfront> nf = std::make_unique<kapi_netfront>();
	void *priv = nf.get();
	bool room = true;
	int delivered = 0; // by each poll
	int answered = 0; // in each poll
};

struct up_nic : nic {
	up_nic() { open(); }
};

} // namespace

extern "C" {

uint32_t xenpv_netfront_poll(xenpv_netfront *, uint32_t queue, uint32_t)
{
	xenpv_net_queue &q = current->queue(queue);
	fake::engine_polls(q.napi);
	if (q.tx_ended != q.tx_taken)
		q.tx_ended += static_cast<unsigned long>(current->answered);
	return static_cast<uint32_t>(current->delivered);
}

bool xenpv_netfront_rest(xenpv_netfront *, uint32_t)
{
	return true;
}

void xenpv_netfront_unmask(xenpv_netfront *, uint32_t) {}

bool xenpv_netfront_has_room(xenpv_netfront *, uint32_t)
{
	return current->room;
}

} // extern "C"

BOOST_FIXTURE_TEST_SUITE(netfront_queues, up_nic)

// The timer of a wait is armed when the interface goes down, and may fire amid that: a timer
// polls only what NAPI does not poll any more, or not yet.
BOOST_AUTO_TEST_CASE(down_while_a_timer_is_armed)
{
	for (int round = 0; round < 3; ++round) {
		for (uint32_t i = 0; i < queues; ++i) {
			queue(i).tx_taken = queue(i).tx_ended + 5;
			wait(i);
		}
		stop();
		BOOST_TEST(fake::collisions == 0);
		open(); // while the ring is still looked after
		BOOST_TEST(fake::collisions == 0);
	}
}

// The same under a pause, and an interface that comes up while paused.
BOOST_AUTO_TEST_CASE(paused_while_a_timer_is_armed)
{
	for (const bool down : {false, true}) {
		queue(0).tx_taken = queue(0).tx_ended + 5;
		wait(0);
		if (down)
			stop();
		kapi_netfront_pause(nf.get());
		const int before = fake::polls_by_timer + fake::polls_by_napi;
		time_passes();
		BOOST_TEST(fake::polls_by_timer + fake::polls_by_napi == before, "nobody polls a paused queue");
		if (down)
			open();
		kapi_netfront_unpause(nf.get());
		BOOST_TEST(fake::collisions == 0);
		BOOST_TEST(!dev.txq[0].stopped);
	}
}

// What is in the ring of an interface that is down is looked after, until it is answered or
// a while has passed.
BOOST_AUTO_TEST_CASE(an_interface_that_is_down_collects_its_packets)
{
	queue(0).tx_taken = 5;
	stop();
	time_passes();
	BOOST_TEST(fake::polls_by_timer > 10);
	BOOST_TEST(fake::polls_by_timer < 100);
	BOOST_TEST(!fake::any_timer());
	open();
	queue(0).tx_taken = queue(0).tx_ended + 5;
	stop();
	fake::polls_by_timer = 0;
	answered = 1;
	time_passes();
	BOOST_TEST(fake::polls_by_timer <= 6);
}

// A wait for grant references ends by itself; one for room does not end with it.
BOOST_AUTO_TEST_CASE(a_wait_ends)
{
	wait(0);
	BOOST_TEST(dev.txq[0].stopped);
	time_passes(1);
	BOOST_TEST(!dev.txq[0].stopped);
	room = false;
	netif_tx_stop_queue(&dev.txq[0]);
	kapi_netfront_schedule(nf.get(), 0);
	BOOST_TEST(dev.txq[0].stopped);
	room = true;
	kapi_netfront_schedule(nf.get(), 0);
	BOOST_TEST(!dev.txq[0].stopped);
}

// rx-usecs: a poll that found something is followed by another one, one that did not is not.
BOOST_AUTO_TEST_CASE(the_timer_for_what_arrives)
{
	nf->rx_usecs = 100;
	delivered = 1;
	kapi_netfront_schedule(nf.get(), 0);
	BOOST_TEST(fake::any_timer());
	int before = fake::polls_by_napi;
	time_passes(3);
	BOOST_TEST(fake::polls_by_napi >= before + 2);
	delivered = 0;
	time_passes(3);
	BOOST_TEST(!fake::any_timer());
	before = fake::polls_by_napi;
	time_passes();
	BOOST_TEST(fake::polls_by_napi == before);
	// It is gone when the interface goes down.
	delivered = 1;
	kapi_netfront_schedule(nf.get(), 0);
	stop();
	before = fake::polls_by_napi;
	time_passes();
	BOOST_TEST(fake::polls_by_napi == before);
}

// Only an interface that is up has packets held back.
BOOST_AUTO_TEST_CASE(what_is_held_back)
{
	BOOST_TEST(!kapi_netfront_held_back(nf.get(), 0));
	netif_tx_stop_queue(&dev.txq[0]);
	BOOST_TEST(kapi_netfront_held_back(nf.get(), 0));
	BOOST_TEST(!kapi_netfront_held_back(nf.get(), 1));
	stop();
	BOOST_TEST(!kapi_netfront_held_back(nf.get(), 0));
}

BOOST_AUTO_TEST_SUITE_END()
