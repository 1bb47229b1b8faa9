/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as kernel/unregister.c uses, for a process: it is included under
 * the names of the kernel's headers.  What the driver core and xenbus do about locks and
 * threads is in fake_bus.cc.
 */
#ifndef XENPV_TESTS_FAKE_BUS_H
#define XENPV_TESTS_FAKE_BUS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};
void fake_list_init(struct list_head *list);
void fake_list_add(struct list_head *entry, struct list_head *before);
void fake_list_del(struct list_head *entry);

struct device {
	void *core;
};
bool device_trylock(struct device *dev);
void device_unlock(struct device *dev);
void device_lock_assert(struct device *dev);
bool kill_device(struct device *dev);
void device_unregister(struct device *dev);
void get_device(struct device *dev);
void put_device(struct device *dev);

struct xenbus_watch {
	const char *node;
	void (*callback)(struct xenbus_watch *watch, const char *path, const char *token);
};
struct xenbus_device {
	struct device dev;
	struct xenbus_watch otherend_watch;
};
int register_xenbus_watch(struct xenbus_watch *watch);
void unregister_xenbus_watch(struct xenbus_watch *watch);

struct work_struct {
	void *unused;
};
struct delayed_work {
	void (*run)(struct work_struct *work);
};
void fake_queue_work(struct delayed_work *work, unsigned int ms);
void fake_cancel_work(struct delayed_work *work);
void fake_spin_lock(int *lock);
void fake_spin_unlock(int *lock);

#ifdef __cplusplus
}
#else
#define EXPORT_SYMBOL_GPL(name) _Static_assert(sizeof(&(name)), "")
#define DEFINE_SPINLOCK(name) int name
#define spin_lock_irq(lock) fake_spin_lock(lock)
#define spin_unlock_irq(lock) fake_spin_unlock(lock)
#define spin_lock_irqsave(lock, flags) ((flags) = 0, fake_spin_lock(lock))
#define spin_unlock_irqrestore(lock, flags) ((void)(flags), fake_spin_unlock(lock))

#define DECLARE_DELAYED_WORK(name, fn) struct delayed_work name = {.run = fn}
#define msecs_to_jiffies(ms) (ms)
#define queue_delayed_work(queue, work, ms) fake_queue_work(work, ms)
#define cancel_delayed_work_sync(work) fake_cancel_work(work)

/* Nobody but the test frees a watch's path. */
#define kfree(p) ((void)(p))

#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define LIST_HEAD(name) struct list_head name = {&(name), &(name)}
#define INIT_LIST_HEAD(list) fake_list_init(list)
#define list_empty(list) ((list)->next == (list))
#define list_add_tail(entry, list) fake_list_add(entry, list)
#define list_del_init(entry) (fake_list_del(entry), fake_list_init(entry))
#define list_move_tail(entry, list) (fake_list_del(entry), fake_list_add(entry, list))
#define list_first_entry_or_null(list, type, member) \
	(list_empty(list) ? NULL : container_of((list)->next, type, member))
#define list_for_each_entry(at, list, member)                                                       \
	for ((at) = container_of((list)->next, __typeof__(*(at)), member); &(at)->member != (list); \
	     (at) = container_of((at)->member.next, __typeof__(*(at)), member))
static inline void list_splice_init(struct list_head *from, struct list_head *to)
{
	while (!list_empty(from)) {
		struct list_head *entry = from->next;

		list_move_tail(entry, to);
	}
}
#endif

#endif
