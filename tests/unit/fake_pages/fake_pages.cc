// SPDX-License-Identifier: GPL-2.0-only
// Memory is by frame: those of the domain, one for each page that has some, and those of the guest.
// An address stands for a page; what is there the page's entry says.
#include "fake_pages.hpp"

#include <array>
#include <utility>

namespace {

constexpr unsigned long page_bytes = 4096;
constexpr unsigned long no_frame = ~0ul;
constexpr unsigned long foreign_bit = 1ul << 62;
constexpr unsigned long first_own = 1000; // frames; page n has this + n
constexpr unsigned long first_guest = 5000; // reference n names this + n
constexpr uint32_t first_handle = 70;

std::array<std::array<uint8_t, page_bytes>, XENPV_FAKE_PAGES> addresses;
std::array<unsigned long, XENPV_FAKE_PAGES> entries; // what each address shows; 0: nothing
std::map<unsigned long, unsigned long> m2p;
std::map<unsigned long, std::array<uint8_t, page_bytes>> memory; // by frame
std::map<uint32_t, uint32_t> handles; // to references
std::vector<const char *> wrong;
uint32_t next_handle = first_handle;
int objects;
bool noio;
delayed_work *waiting;
bool waits_long;

unsigned long pfn_at(u64 addr)
{
	return (addr - reinterpret_cast<u64>(addresses.data())) / page_bytes;
}

unsigned long pfn_of(const void *page)
{
	return static_cast<unsigned long>(static_cast<const struct page *>(page) - fake_pages);
}

page *take_page()
{
	for (page &p : fake_pages)
		if (p.count == 0) {
			p = {1, false, false, {}};
			return &p;
		}
	abort();
}

int16_t status_of(const std::map<uint32_t, int16_t> &all, uint32_t ref)
{
	const auto at = all.find(ref);
	return at == all.end() ? int16_t{0} : at->second;
}

void map(gnttab_map_grant_ref &op)
{
	op.status = op.ref < xenpv::fake_pages::refs ? status_of(xenpv::fake_pages::map_status, op.ref) : int16_t{-3};
	if (op.status != 0)
		return;
	auto &entry = entries[pfn_at(op.host_addr)];
	if (entry != 0)
		wrong.push_back("a grant is mapped over something");
	entry = first_guest + op.ref;
	op.dev_bus_addr = entry * page_bytes;
	op.handle = next_handle++;
	handles[op.handle] = op.ref;
}

int16_t end(uint32_t handle, u64 addr)
{
	const auto at = handles.find(handle);
	if (at == handles.end() || entries[pfn_at(addr)] != first_guest + at->second)
		return -2;
	handles.erase(at);
	entries[pfn_at(addr)] = 0;
	return 0;
}

void unmap(gnttab_unmap_grant_ref &op)
{
	if (fake_pages[pfn_at(op.host_addr)].count > 1)
		wrong.push_back("a page is unmapped that somebody holds");
	op.status = end(op.handle, op.host_addr);
}

void replace(gnttab_unmap_and_replace &op)
{
	auto &fresh = entries[pfn_at(op.new_addr)];
	const auto at = handles.find(op.handle);
	op.status = at == handles.end() ? int16_t{-2} : status_of(xenpv::fake_pages::replace_status, at->second);
	if (op.status == 0)
		op.status = end(op.handle, op.host_addr);
	if (op.status == 0)
		entries[pfn_at(op.host_addr)] = std::exchange(fresh, 0);
	else if (xenpv::fake_pages::replace_takes_entry)
		fresh = 0;
}

} // namespace

namespace xenpv::fake_pages {

std::map<uint32_t, int16_t> map_status;
std::map<uint32_t, int16_t> replace_status;
bool map_call_fails;
bool replace_takes_entry;
bool table_is_readonly;
bool no_memory;
int map_calls;
int module_users;

std::vector<const char *> violations()
{
	return std::exchange(wrong, {});
}

std::vector<const char *> reset()
{
	auto all = violations();
	if (pages_in_use() != 0)
		all.push_back("pages are left");
	if (!handles.empty())
		all.push_back("grants are left");
	if (module_users != 0)
		all.push_back("the module is used");
	map_status.clear();
	replace_status.clear();
	map_call_fails = replace_takes_entry = table_is_readonly = no_memory = false;
	map_calls = module_users = 0;
	for (page &p : ::fake_pages)
		p = {};
	entries.fill(0);
	std::fill(std::begin(xen_p2m_addr), std::end(xen_p2m_addr), no_frame);
	m2p.clear();
	memory.clear();
	handles.clear();
	fake_pv = true;
	return all;
}

int shows(const void *page)
{
	const unsigned long frame = entries[pfn_of(page)];
	return frame == 0 ? -1 : memory[frame][0];
}

uint8_t &guest_memory(uint32_t ref)
{
	return memory[first_guest + ref][0];
}

int mapped(uint32_t ref)
{
	int n = 0;
	for (const auto &[handle, what] : handles)
		n += what == ref;
	return n;
}

bool consistent(const void *page)
{
	const unsigned long pfn = pfn_of(page);
	const unsigned long entry = entries[pfn];
	const unsigned long p2m = xen_p2m_addr[pfn];
	if (entry == 0)
		return p2m == no_frame;
	if (entry >= first_guest)
		return p2m == (entry | foreign_bit);
	return p2m == entry && m2p[entry] == pfn;
}

bool marked_foreign(const void *page)
{
	return static_cast<const struct page *>(page)->foreign;
}

int pages_in_use()
{
	int n = 0;
	for (const page &p : ::fake_pages)
		n += p.count != 0;
	return n;
}

int objects_in_use()
{
	return objects;
}

void hold(void *page)
{
	++static_cast<struct page *>(page)->count;
}

void unhold(void *page)
{
	--static_cast<struct page *>(page)->count;
}

void run_work(bool later)
{
	if (waiting == nullptr || (waits_long && !later))
		return;
	auto *work = std::exchange(waiting, nullptr);
	work->run(reinterpret_cast<work_struct *>(work));
}

bool work_waits()
{
	return waiting != nullptr;
}

void free_skb(sk_buff &skb, bool copied)
{
	ubuf_info *ubuf = std::exchange(skb.ubuf, nullptr);
	ubuf->callback(&skb, ubuf, !copied);
}

} // namespace xenpv::fake_pages

page fake_pages[XENPV_FAKE_PAGES];
unsigned long xen_p2m_addr[XENPV_FAKE_PAGES];
bool fake_pv = true;

extern "C" {

void *page_address(page *p)
{
	return addresses[pfn_of(p)].data();
}

page *alloc_page(gfp_t)
{
	page *p = take_page();
	const unsigned long pfn = pfn_of(p);
	entries[pfn] = xen_p2m_addr[pfn] = first_own + pfn;
	m2p[first_own + pfn] = pfn;
	return p;
}

void __free_page(page *p)
{
	if (p->count != 1 || p->unpopulated || entries[pfn_of(p)] == 0 || !xenpv::fake_pages::consistent(p))
		wrong.push_back("a page is freed that is not as it was");
	*p = {};
	entries[pfn_of(p)] = 0;
	xen_p2m_addr[pfn_of(p)] = no_frame;
}

void fake_copy_page(void *to, void *from)
{
	memory[entries[pfn_at(reinterpret_cast<u64>(to))]] = memory[entries[pfn_at(reinterpret_cast<u64>(from))]];
}

int xen_safe_write_ulong(unsigned long *addr, unsigned long value)
{
	if (xenpv::fake_pages::table_is_readonly)
		return -14;
	*addr = value;
	return 0;
}

int HYPERVISOR_grant_table_op(fake_grant_op op, void *ops, unsigned int count)
{
	xenpv::fake_pages::map_calls += op == GNTTABOP_map_grant_ref;
	for (unsigned int i = 0; i < count; ++i) {
		if (op == GNTTABOP_map_grant_ref)
			map(static_cast<gnttab_map_grant_ref *>(ops)[i]);
		else if (op == GNTTABOP_unmap_grant_ref)
			unmap(static_cast<gnttab_unmap_grant_ref *>(ops)[i]);
		else
			replace(static_cast<gnttab_unmap_and_replace *>(ops)[i]);
	}
	return op == GNTTABOP_map_grant_ref && xenpv::fake_pages::map_call_fails ? -14 : 0;
}

int HYPERVISOR_mmu_update(mmu_update *update, int, int *, unsigned int)
{
	m2p[update->ptr / page_bytes] = update->val;
	return 0;
}

int HYPERVISOR_update_va_mapping(unsigned long va, pte_t entry, unsigned long)
{
	entries[pfn_at(va)] = entry.frame;
	return 0;
}

int gnttab_alloc_pages(int count, page **pages)
{
	if (!noio)
		wrong.push_back("pages are allocated that may wait for I/O");
	for (int i = 0; i < count; ++i) {
		pages[i] = take_page();
		pages[i]->unpopulated = true;
	}
	return 0;
}

void gnttab_free_pages(int count, page **pages)
{
	for (int i = 0; i < count; ++i) {
		const page &p = *pages[i];
		if (p.count != 1 || !p.unpopulated || p.foreign || entries[pfn_of(&p)] != 0 ||
		    !xenpv::fake_pages::consistent(&p))
			wrong.push_back("a foreign page goes back that is not as it came");
		*pages[i] = {};
	}
}

int gnttab_unmap_refs(gnttab_unmap_grant_ref *ops, void *, page **pages, unsigned int count)
{
	int rc = HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, ops, count);
	for (unsigned int i = 0; i < count; ++i) {
		pages[i]->foreign = false;
		auto &p2m = xen_p2m_addr[pfn_of(pages[i])];
		if (p2m == no_frame || (p2m & foreign_bit) == 0)
			rc = -22;
		else
			p2m = no_frame;
	}
	return rc;
}

unsigned int memalloc_noio_save()
{
	return std::exchange(noio, true);
}

void memalloc_noio_restore(unsigned int flags)
{
	noio = flags != 0;
}

void *fake_alloc(size_t size)
{
	if (xenpv::fake_pages::no_memory)
		return nullptr;
	++objects;
	return malloc(size);
}

void fake_free(void *p)
{
	objects -= p != nullptr;
	free(p);
}

void fake_module_count(int change)
{
	xenpv::fake_pages::module_users += change;
	if (xenpv::fake_pages::module_users < 0)
		wrong.push_back("the module is given back too often");
}

void fake_schedule(delayed_work *work, unsigned long later)
{
	if (waiting != nullptr)
		return;
	waiting = work;
	waits_long = later != 0;
}

void fake_cancel(delayed_work *)
{
	waiting = nullptr;
}

mempool_t *fake_pool(int count, size_t size)
{
	auto *pool = static_cast<mempool_t *>(fake_alloc(sizeof(mempool_t)));
	*pool = {count, count, size};
	return pool;
}

} // extern "C"
