// SPDX-License-Identifier: GPL-2.0-only
// Within each call that takes time everything that is due happens, as if on another CPU:
// timers fire and scheduled queues are polled.  What then would be two at a queue is counted.
#include "fake_net.hpp"

#include <set>

namespace {

std::set<timer_list *> timers;
std::set<hrtimer *> hrtimers;
std::set<napi_struct *> napis;
bool elsewhere;

} // namespace

namespace xenpv::fake_net {

int polls_by_napi;
int polls_by_timer;
int collisions;

void reset()
{
	timers.clear();
	hrtimers.clear();
	napis.clear();
	polls_by_napi = polls_by_timer = collisions = 0;
}

void add(napi_struct &napi, int (*poll)(napi_struct *napi, int budget))
{
	napi = {poll, false, false, false};
	napis.insert(&napi);
}

bool any_timer()
{
	for (const auto *t : timers)
		if (t->armed)
			return true;
	for (const auto *t : hrtimers)
		if (t->armed)
			return true;
	return false;
}

void engine_polls(const napi_struct &napi)
{
	if (napi.polling) {
		++polls_by_napi;
		return;
	}
	++polls_by_timer;
	// NAPI may come at any time while it is enabled.
	collisions += napi.enabled;
}

} // namespace xenpv::fake_net

extern "C" {

void fake_elsewhere()
{
	if (elsewhere)
		return;
	elsewhere = true;
	for (auto *t : timers)
		if (std::exchange(t->armed, false))
			t->function(t);
	for (auto *t : hrtimers)
		if (std::exchange(t->armed, false))
			t->function(t);
	for (auto *n : napis)
		if (n->enabled && n->scheduled) {
			n->polling = true;
			n->poll(n, 64);
			n->polling = false;
		}
	elsewhere = false;
}

void fake_timer_setup(timer_list *timer, void (*function)(timer_list *))
{
	*timer = {function, false};
	timers.insert(timer);
}

int mod_timer(timer_list *timer, unsigned long)
{
	timer->armed = true;
	return 0;
}

int timer_delete_sync(timer_list *timer)
{
	fake_elsewhere();
	return std::exchange(timer->armed, false);
}

void fake_hrtimer_init(hrtimer *timer)
{
	*timer = {};
	hrtimers.insert(timer);
}

void fake_hrtimer_start(hrtimer *timer)
{
	timer->armed = true;
}

int hrtimer_cancel(hrtimer *timer)
{
	fake_elsewhere();
	return std::exchange(timer->armed, false);
}

void napi_enable(napi_struct *napi)
{
	napi->enabled = true;
	fake_elsewhere();
}

void napi_disable(napi_struct *napi)
{
	fake_elsewhere();
	napi->enabled = napi->scheduled = false;
	fake_elsewhere();
}

// A disabled one counts as scheduled already.
bool napi_schedule(napi_struct *napi)
{
	napi->scheduled |= napi->enabled;
	fake_elsewhere();
	return napi->enabled;
}

bool napi_complete_done(napi_struct *napi, int)
{
	napi->scheduled = false;
	return true;
}

netdev_queue *netdev_get_tx_queue(net_device *dev, unsigned int index)
{
	return &dev->txq[index];
}

void netdev_tx_completed_queue(netdev_queue *, unsigned int, unsigned int) {}

bool netif_tx_queue_stopped(const netdev_queue *queue)
{
	return queue->stopped;
}

bool netif_xmit_stopped(const netdev_queue *queue)
{
	return queue->stopped;
}

void netif_tx_stop_queue(netdev_queue *queue)
{
	queue->stopped = true;
}

void netif_tx_wake_queue(netdev_queue *queue)
{
	queue->stopped = false;
}

void netif_tx_wake_all_queues(net_device *dev)
{
	for (auto &q : dev->txq)
		netif_tx_wake_queue(&q);
	fake_elsewhere();
}

void netif_tx_disable(net_device *dev)
{
	fake_elsewhere();
	for (auto &q : dev->txq)
		netif_tx_stop_queue(&q);
	fake_elsewhere();
}

void netif_carrier_on(net_device *dev)
{
	dev->carrier = true;
}

void netif_carrier_off(net_device *dev)
{
	dev->carrier = false;
}

} // extern "C"
