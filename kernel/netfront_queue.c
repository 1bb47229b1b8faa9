// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the queues run: NAPI, and the three who may hold it back: the administrator
 * (open, stop), the engine (pause, unpause) and the link.
 */
#include <linux/netdevice.h>

#include <probed/kernel.h>

#include "netfront.h"

/* When there was no memory or no grant, and nobody will say when there is. */
#define WAIT_MS 5
/* After ifdown: what is in the ring is looked after for about a second. */
#define COLLECT_MS 20
#define COLLECTS 50
/* The carrier reaches the packet schedulers through a work; before that they drop. */
#define ANNOUNCE_MS 100

static struct netdev_queue *txq_of(struct xenpv_net_queue *q)
{
	return netdev_get_tx_queue(q->nf->dev, q->index);
}

/* What has left the ring, to the byte queue limits.  By whoever polls, or while nobody
 * does. */
static void report_sent(struct xenpv_net_queue *q)
{
	unsigned int bytes = q->sent_bytes;

	if (atomic_read(&q->unsent_bytes))
		bytes += atomic_xchg(&q->unsent_bytes, 0);
	netdev_tx_completed_queue(txq_of(q), q->sent_packets, bytes);
	q->sent_packets = 0;
	q->sent_bytes = 0;
}

static void wake(struct xenpv_net_queue *q, bool reaped)
{
	struct netdev_queue *txq = txq_of(q);

	/* Room was made, then the stop is looked for; transmit stops, then looks for
	 * room (netfront_tx.c). */
	smp_mb();
	if (!netif_tx_queue_stopped(txq))
		return;
	/* Short of references is not short of room: that wait ends with the timer, or
	 * when a packet has given some back. */
	if (READ_ONCE(q->waiting) && !reaped)
		return;
	if (!xenpv_netfront_has_room(q->nf->front, q->index))
		return;
	WRITE_ONCE(q->waiting, false);
	netif_tx_wake_queue(txq);
}

int xenpv_net_poll(struct napi_struct *napi, int budget)
{
	struct xenpv_net_queue *q = container_of(napi, struct xenpv_net_queue, napi);
	struct xenpv_netfront *front = q->nf->front;
	unsigned long ended = q->tx_ended;
	unsigned int usecs;
	int delivered;

	q->budget = budget;
	delivered = xenpv_netfront_poll(front, q->index, budget);
	q->budget = 0;
	report_sent(q);
	wake(q, q->tx_ended != ended);
	/* Netpoll comes with a budget of 0, and must not complete. */
	if (delivered >= budget || !xenpv_netfront_rest(front, q->index))
		return budget;
	/* All that belongs to this poll comes before its end: napi_disable does not wait for
	 * what follows that.  An event or a timer that comes too soon makes it poll again. */
	usecs = READ_ONCE(q->nf->rx_usecs);
	if (usecs && delivered)
		hrtimer_start(&q->rx_timer, ns_to_ktime((u64)usecs * NSEC_PER_USEC),
			      HRTIMER_MODE_REL_SOFT);
	xenpv_netfront_unmask(front, q->index);
	napi_complete_done(napi, delivered);
	return delivered;
}

void kapi_netfront_schedule(struct kapi_netfront *nf, uint32_t queue)
{
	/* Before, nothing can poll, and unpause makes up for it.  A disabled NAPI is not
	 * scheduled, and made up for too. */
	if (!smp_load_acquire(&nf->dev))
		return;
	if (in_task()) {
		/* So that the softirq runs when this ends. */
		local_bh_disable();
		napi_schedule(&nf->queues[queue].napi);
		local_bh_enable();
	} else {
		napi_schedule(&nf->queues[queue].napi);
	}
}

void xenpv_net_wait(struct xenpv_net_queue *q, struct netdev_queue *txq)
{
	netif_tx_stop_queue(txq);
	WRITE_ONCE(q->waiting, true);
	mod_timer(&q->timer, jiffies + msecs_to_jiffies(WAIT_MS));
}

static void on_timer(struct timer_list *timer)
{
	struct xenpv_net_queue *q = container_of(timer, struct xenpv_net_queue, timer);

	if (READ_ONCE(q->nf->paused))
		return;
	if (READ_ONCE(q->nf->up)) {
		WRITE_ONCE(q->waiting, false);
		netif_tx_wake_queue(txq_of(q));
		return;
	}
	xenpv_netfront_poll(q->nf->front, q->index, 0);
	report_sent(q);
	if (q->tx_taken != q->tx_ended && q->collects) {
		--q->collects;
		mod_timer(&q->timer, jiffies + msecs_to_jiffies(COLLECT_MS));
	}
}

/* Up and not paused. */
static void start_queues(struct kapi_netfront *nf)
{
	unsigned int i;

	lockdep_assert_held(&nf->run_lock);
	nf->polling = nf->info.queues;
	for (i = 0; i < nf->polling; ++i) {
		/* It polls while the interface is down; two must not. */
		timer_delete_sync(&nf->queues[i].timer);
		WRITE_ONCE(nf->queues[i].waiting, false);
		napi_enable(&nf->queues[i].napi);
	}
	netif_tx_wake_all_queues(nf->dev);
	/* Events that came meanwhile were left alone. */
	for (i = 0; i < nf->polling; ++i)
		kapi_netfront_schedule(nf, i);
}

static void stop_queues(struct kapi_netfront *nf)
{
	unsigned int i;

	lockdep_assert_held(&nf->run_lock);
	for (i = 0; i < nf->polling; ++i) {
		napi_disable(&nf->queues[i].napi);
		/* Only a poll starts it. */
		hrtimer_cancel(&nf->queues[i].rx_timer);
	}
	nf->polling = 0;
	/* Takes each transmit lock: who holds one later sees `paused`, whoever may have
	 * woken the queue. */
	netif_tx_disable(nf->dev);
	for (i = 0; i < KAPI_NET_MAX_QUEUES; ++i)
		timer_delete_sync(&nf->queues[i].timer);
}

int xenpv_net_open(struct net_device *dev)
{
	struct kapi_netfront *nf = netfront_of(dev);

	mutex_lock(&nf->run_lock);
	WRITE_ONCE(nf->up, true);
	if (!nf->paused)
		start_queues(nf);
	mutex_unlock(&nf->run_lock);
	return 0;
}

/* The ring keeps what the backend has not answered, but not for ever: its senders wait
 * for the memory. */
int xenpv_net_stop(struct net_device *dev)
{
	struct kapi_netfront *nf = netfront_of(dev);
	unsigned int i, queues;

	mutex_lock(&nf->run_lock);
	queues = nf->polling;
	if (!nf->paused)
		stop_queues(nf);
	/* Not before: a timer of a queue that is down polls. */
	WRITE_ONCE(nf->up, false);
	if (!nf->paused) {
		for (i = 0; i < queues; ++i) {
			nf->queues[i].collects = COLLECTS;
			mod_timer(&nf->queues[i].timer, jiffies);
		}
	}
	mutex_unlock(&nf->run_lock);
	return 0;
}

void kapi_netfront_pause(struct kapi_netfront *nf)
{
	mutex_lock(&nf->run_lock);
	if (!nf->paused) {
		WRITE_ONCE(nf->paused, true);
		if (nf->dev) {
			netif_carrier_off(nf->dev);
			stop_queues(nf);
		}
	}
	mutex_unlock(&nf->run_lock);
}

void kapi_netfront_unpause(struct kapi_netfront *nf)
{
	unsigned int i;

	mutex_lock(&nf->run_lock);
	/* Without a net_device there is nothing to let go. */
	if (nf->paused && nf->dev) {
		for (i = 0; i < KAPI_NET_MAX_QUEUES; ++i)
			report_sent(&nf->queues[i]);
		/* Not in the midst of a transmit, which would see it paused and stop the
		 * queue after the wake. */
		netif_tx_lock_bh(nf->dev);
		WRITE_ONCE(nf->paused, false);
		netif_tx_unlock_bh(nf->dev);
		if (nf->up)
			start_queues(nf);
		if (nf->carrier)
			netif_carrier_on(nf->dev);
		schedule_delayed_work(&nf->announce_work, msecs_to_jiffies(ANNOUNCE_MS));
	}
	mutex_unlock(&nf->run_lock);
}

void kapi_netfront_link(struct kapi_netfront *nf, bool carrier)
{
	mutex_lock(&nf->run_lock);
	nf->carrier = carrier;
	if (nf->dev && !nf->paused) {
		if (carrier)
			netif_carrier_on(nf->dev);
		else
			netif_carrier_off(nf->dev);
	}
	mutex_unlock(&nf->run_lock);
}

/* The switches out there may know another way to our addresses. */
static void announce(struct work_struct *work)
{
	struct kapi_netfront *nf =
		container_of(to_delayed_work(work), struct kapi_netfront, announce_work);

	if (netif_running(nf->dev) && netif_carrier_ok(nf->dev))
		netdev_notify_peers(nf->dev);
}

bool kapi_netfront_held_back(struct kapi_netfront *nf, uint32_t queue)
{
	return READ_ONCE(nf->up) && netif_xmit_stopped(txq_of(&nf->queues[queue]));
}

/* An event is asked for only when many packets have come: fewer are fetched in time. */
static enum hrtimer_restart on_rx_timer(struct hrtimer *timer)
{
	napi_schedule(&container_of(timer, struct xenpv_net_queue, rx_timer)->napi);
	return HRTIMER_NORESTART;
}

static void init_rx_timer(struct hrtimer *timer)
{
#ifdef XENPV_HRTIMER_SETUP
	hrtimer_setup(timer, on_rx_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	timer->function = on_rx_timer;
#endif
}

void xenpv_net_queues_init(struct kapi_netfront *nf)
{
	unsigned int i;

	mutex_init(&nf->run_lock);
	INIT_DELAYED_WORK(&nf->announce_work, announce);
	for (i = 0; i < KAPI_NET_MAX_QUEUES; ++i) {
		nf->queues[i].nf = nf;
		nf->queues[i].index = i;
		timer_setup(&nf->queues[i].timer, on_timer, 0);
		init_rx_timer(&nf->queues[i].rx_timer);
	}
}
