/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel and of Xen as kernel/held.c, grant_map.c and grant_replace.c use, for a
 * process: it is included under the names of the kernel's headers.  One thread.  What a page shows
 * is kept as a PV domain has it: page table entries, and the tables of frames of both sides; see
 * fake_pages.cc.
 */
#ifndef XENPV_TESTS_FAKE_PAGES_H
#define XENPV_TESTS_FAKE_PAGES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned int gfp_t;

/* --- pages and their memory */

#define XENPV_FAKE_PAGES 256

struct xen_page_foreign {
	uint16_t domid;
	uint32_t gref;
};
struct page {
	int count; /* 0: free */
	bool foreign;
	bool unpopulated; /* of gnttab_alloc_pages */
	struct xen_page_foreign grant;
};
typedef struct {
	unsigned long frame; /* 0: shows nothing */
} pte_t;

extern struct page fake_pages[XENPV_FAKE_PAGES];
extern unsigned long xen_p2m_addr[XENPV_FAKE_PAGES];
extern bool fake_pv;

void *page_address(struct page *page);
struct page *alloc_page(gfp_t gfp);
void __free_page(struct page *page);
void fake_copy_page(void *to, void *from);
int xen_safe_write_ulong(unsigned long *addr, unsigned long value);

/* --- Xen */

typedef uint32_t grant_ref_t;
typedef uint32_t grant_handle_t;
struct gnttab_map_grant_ref {
	u64 host_addr;
	uint32_t flags;
	grant_ref_t ref;
	uint16_t dom;
	int16_t status;
	grant_handle_t handle;
	u64 dev_bus_addr;
};
struct gnttab_unmap_grant_ref {
	u64 host_addr;
	grant_handle_t handle;
	int16_t status;
};
struct gnttab_unmap_and_replace {
	u64 host_addr;
	u64 new_addr;
	grant_handle_t handle;
	int16_t status;
};
struct mmu_update {
	u64 ptr;
	u64 val;
};
enum fake_grant_op { GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref, GNTTABOP_unmap_and_replace };
int HYPERVISOR_grant_table_op(enum fake_grant_op op, void *ops, unsigned int count);
int HYPERVISOR_mmu_update(struct mmu_update *update, int count, int *done, unsigned int domid);
int HYPERVISOR_update_va_mapping(unsigned long va, pte_t entry, unsigned long flags);
int gnttab_alloc_pages(int count, struct page **pages);
void gnttab_free_pages(int count, struct page **pages);
int gnttab_unmap_refs(struct gnttab_unmap_grant_ref *ops, void *none, struct page **pages, unsigned int count);
unsigned int memalloc_noio_save(void);
void memalloc_noio_restore(unsigned int flags);

/* --- the rest of the kernel */

void *fake_alloc(size_t size);
void fake_free(void *p);
void fake_module_count(int change);

typedef struct {
	int counter;
} atomic_t;
typedef atomic_t refcount_t;
struct llist_node {
	struct llist_node *next;
};
struct llist_head {
	struct llist_node *first;
};
struct work_struct {
	void *unused;
};
struct delayed_work {
	void (*run)(struct work_struct *work);
};
void fake_schedule(struct delayed_work *work, unsigned long later);
void fake_cancel(struct delayed_work *work);
struct sk_buff;
struct ubuf_info {
	void (*callback)(struct sk_buff *skb, struct ubuf_info *ubuf, bool whole);
	refcount_t refcnt;
	u8 flags;
};
struct sk_buff {
	struct ubuf_info *ubuf;
};

typedef struct {
	int curr_nr;
	int min_nr;
	size_t size;
} mempool_t;
mempool_t *fake_pool(int count, size_t size);

#ifdef __cplusplus
}
#else
#include <assert.h>
#include <errno.h>

#define CONFIG_XEN_PV 1
#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ul
#define PAGE_KERNEL 0
#define U16_MAX 0xffff
#define U32_MAX 0xffffffffu
#define GFP_NOIO 1u
#define __GFP_NOFAIL 2u
#define HZ 250
#define THIS_MODULE NULL
#define EXPORT_SYMBOL_GPL(name) _Static_assert(sizeof(&(name)), "")
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define READ_ONCE(x) (x)
#define WRITE_ONCE(x, value) ((x) = (value))
#define WARN_ON_ONCE(x) ((x) ? abort() : (void)0)
#define pr_warn(...) ((void)0)
#define pr_warn_once(...) ((void)0)
#define smp_wmb() ((void)0)
#define smp_rmb() ((void)0)
#define kmalloc(size, gfp) ((void)(gfp), fake_alloc(size))
#define kfree(p) fake_free(p)
#define __module_get(m) fake_module_count(1)
#define module_put(m) fake_module_count(-1)
#define rcu_read_lock() ((void)0)
#define rcu_read_unlock() ((void)0)
#define synchronize_rcu() ((void)0)

#define atomic_read(a) ((a)->counter)
#define atomic_set(a, v) ((a)->counter = (v))
#define atomic_inc(a) ((void)++(a)->counter)
#define atomic_dec(a) ((void)--(a)->counter)
#define atomic_dec_and_test(a) (--(a)->counter == 0)
#define refcount_read(a) ((a)->counter)
#define refcount_set(a, v) ((a)->counter = (v))
#define refcount_dec_and_test(a) (--(a)->counter == 0)
static inline int atomic_cmpxchg(atomic_t *a, int from, int to)
{
	int was = a->counter;

	if (was == from)
		a->counter = to;
	return was;
}

#define LLIST_HEAD(name) struct llist_head name
static inline void llist_add(struct llist_node *node, struct llist_head *list)
{
	node->next = list->first;
	list->first = node;
}
static inline struct llist_node *llist_del_all(struct llist_head *list)
{
	struct llist_node *all = list->first;

	list->first = NULL;
	return all;
}
#define llist_entry_or_null(node, type, member)                   \
	({                                                        \
		struct llist_node *node_ = (node);                \
		node_ ? container_of(node_, type, member) : NULL; \
	})
#define llist_for_each_entry_safe(at, after, first, member)                \
	for ((at) = llist_entry_or_null(first, __typeof__(*(at)), member); \
	     (at) && ((after) = llist_entry_or_null((at)->member.next, __typeof__(*(at)), member), 1); (at) = (after))
#define DECLARE_DELAYED_WORK(name, fn) struct delayed_work name = {.run = fn}
#define schedule_delayed_work(work, later) fake_schedule(work, later)
#define cancel_delayed_work_sync(work) fake_cancel(work)

#define SKBFL_ZEROCOPY_FRAG 1
#define skb_zcopy(skb) ((skb)->ubuf)
#define skb_zcopy_is_nouarg(skb) ((void)(skb), false)
#define skb_zcopy_init(skb, u) ((skb)->ubuf = (u))

#define DEFINE_PER_CPU(type, name) __typeof__(type) name
#define per_cpu(name, cpu) (*((void)(cpu), &(name)))
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < 1; ++(cpu))
#define this_cpu_xchg(name, value)              \
	({                                      \
		__typeof__(name) was_ = (name); \
		(name) = (value);               \
		was_;                           \
	})
#define this_cpu_cmpxchg(name, from, to)        \
	({                                      \
		__typeof__(name) was_ = (name); \
		if (was_ == (from))             \
			(name) = (to);          \
		was_;                           \
	})
#define mempool_create_kmalloc_pool(count, size) fake_pool(count, size)
#define mempool_destroy(pool) fake_free(pool)
#define mempool_alloc(pool, gfp) ((void)(gfp), fake_alloc((pool)->size))
#define mempool_free(p, pool) ((void)(pool), fake_free(p))

#define INVALID_P2M_ENTRY (~0ul)
#define FOREIGN_FRAME_BIT (1ul << 62)
#define FOREIGN_FRAME(mfn) ((mfn) | FOREIGN_FRAME_BIT)
#define PFN_DOWN(addr) ((addr) >> PAGE_SHIFT)
#define page_to_pfn(page) ((unsigned long)((page)-fake_pages))
#define pfn_to_page(pfn) (&fake_pages[pfn])
#define pfn_to_mfn(pfn) (xen_p2m_addr[pfn])
#define page_count(p) (((struct page *)(p))->count)
#define copy_page(to, from) fake_copy_page(to, from)
#define mfn_pte(mfn, prot) ((pte_t){mfn})
#define __pte(value) ((pte_t){value})
#define SetPageForeign(page) ((page)->foreign = true)
#define ClearPageForeign(page) ((page)->foreign = false)
#define xen_page_foreign(page) (&(page)->grant)
#define xen_pv_domain() fake_pv

#define GNTST_okay 0
#define GNTST_general_error (-1)
#define GNTST_bad_gntref (-3)
#define GNTST_eagain (-12)
#define GNTMAP_host_map 2
#define GNTMAP_readonly 4
#define MMU_MACHPHYS_UPDATE 1
#define UVMF_INVLPG 2
#define UVMF_ALL 4
#define DOMID_SELF 0x7ff0u
static inline void gnttab_set_map_op(struct gnttab_map_grant_ref *map, u64 addr, uint32_t flags, grant_ref_t ref,
				     uint16_t domid)
{
	*map = (struct gnttab_map_grant_ref){.host_addr = addr, .flags = flags, .ref = ref, .dom = domid};
}
static inline void gnttab_set_unmap_op(struct gnttab_unmap_grant_ref *unmap, u64 addr, uint32_t flags,
				       grant_handle_t handle)
{
	(void)flags;
	*unmap = (struct gnttab_unmap_grant_ref){.host_addr = addr, .handle = handle};
}
#endif

#endif
