/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as kernel/netfront_queue.c uses, for a process: it is included under
 * the names of the kernel's headers.  One thread; what interrupts and other CPUs would do
 * happens within each call, see fake_net.cc.
 */
#ifndef XENPV_TESTS_FAKE_NET_H
#define XENPV_TESTS_FAKE_NET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XENPV_FAKE_QUEUES 8

/* Other CPUs get their chance. */
void fake_elsewhere(void);

struct timer_list {
	void (*function)(struct timer_list *timer);
	bool armed;
};
void fake_timer_setup(struct timer_list *timer, void (*function)(struct timer_list *timer));
int mod_timer(struct timer_list *timer, unsigned long when);
int timer_delete_sync(struct timer_list *timer);

enum hrtimer_restart { HRTIMER_NORESTART };
struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	bool armed;
};
void fake_hrtimer_init(struct hrtimer *timer);
void fake_hrtimer_start(struct hrtimer *timer);
int hrtimer_cancel(struct hrtimer *timer);

struct napi_struct {
	int (*poll)(struct napi_struct *napi, int budget);
	bool enabled;
	bool scheduled;
	bool polling;
};
void napi_enable(struct napi_struct *napi);
void napi_disable(struct napi_struct *napi);
bool napi_schedule(struct napi_struct *napi);
bool napi_complete_done(struct napi_struct *napi, int done);

struct netdev_queue {
	bool stopped;
};
struct net_device {
	void *priv;
	struct netdev_queue txq[XENPV_FAKE_QUEUES];
	bool carrier;
};
struct netdev_queue *netdev_get_tx_queue(struct net_device *dev, unsigned int index);
void netdev_tx_completed_queue(struct netdev_queue *queue, unsigned int packets, unsigned int bytes);
bool netif_tx_queue_stopped(const struct netdev_queue *queue);
bool netif_xmit_stopped(const struct netdev_queue *queue);
void netif_tx_stop_queue(struct netdev_queue *queue);
void netif_tx_wake_queue(struct netdev_queue *queue);
void netif_tx_wake_all_queues(struct net_device *dev);
void netif_tx_disable(struct net_device *dev);
void netif_carrier_on(struct net_device *dev);
void netif_carrier_off(struct net_device *dev);

struct mutex {
	int unused;
};
struct work_struct {
	int unused;
};
struct delayed_work {
	struct work_struct work;
};
typedef struct {
	int counter;
} atomic_t;

typedef int netdev_tx_t;
struct ethtool_ops;
struct rtnl_link_stats64;
struct sk_buff;
struct xenbus_device;
struct kapi_xenbus;

#define ____cacheline_aligned_in_smp
#define netdev_priv(dev) ((dev)->priv)
#ifndef __cplusplus
typedef uint64_t u64;
#define CLOCK_MONOTONIC 0
#define HRTIMER_MODE_REL_SOFT 0
#define NSEC_PER_USEC 1000
#define jiffies 0ul
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define READ_ONCE(x) (x)
#define WRITE_ONCE(x, value) ((x) = (value))
#define smp_load_acquire(p) (*(p))
#define smp_mb() fake_elsewhere()
#define atomic_read(a) ((a)->counter)
#define msecs_to_jiffies(ms) (ms)
#define ns_to_ktime(ns) (ns)
#define timer_setup(timer, function, flags) fake_timer_setup(timer, function)
#define hrtimer_init(timer, clock, mode) fake_hrtimer_init(timer)
#define hrtimer_start(timer, time, mode) ((void)(time), fake_hrtimer_start(timer))
#define mutex_init(m) ((void)(m))
#define mutex_lock(m) ((void)(m))
#define mutex_unlock(m) ((void)(m))
#define lockdep_assert_held(m) ((void)(m))
#define local_bh_disable() ((void)0)
#define local_bh_enable() ((void)0)
#define netif_tx_lock_bh(dev) ((void)(dev))
#define netif_tx_unlock_bh(dev) ((void)(dev))
#define in_task() true
#define INIT_DELAYED_WORK(w, fn) ((void)(w), (void)(fn))
#define schedule_delayed_work(w, ms) ((void)(w), (void)(ms))
#define to_delayed_work(w) container_of(w, struct delayed_work, work)
#define netif_running(dev) ((void)(dev), true)
#define netif_carrier_ok(dev) ((dev)->carrier)
#define netdev_notify_peers(dev) ((void)(dev))
static inline int atomic_xchg(atomic_t *a, int value)
{
	int was = a->counter;

	a->counter = value;
	return was;
}
#endif

#ifdef __cplusplus
}
#endif
#endif
