// SPDX-License-Identifier: GPL-2.0-only
#include <xen-back/blk/frames.hpp>

namespace xenpv::blkback {

frames::~frames()
{
	close();
}

void frames::open(grant::account &account, uint32_t domid, bool persistent)
{
	account_ = account.handle();
	domid_ = domid;
	persistent_ = persistent;
}

bool frames::let_go()
{
	kapi_map_op batch[KAPI_MAP_BATCH / 4];
	uint32_t n = 0;
	for (entry &e : table_) {
		// Network storage may hold a page a little longer than the request.
		if (e.op.page == nullptr || !idle(e.op))
			continue;
		batch[n++] = e.op;
		// Leaves holes in the table, in which nothing is looked up any more.
		e = {};
		--kept_count_;
		if (n == KAPI_MAP_BATCH / 4) {
			unmap(batch, n);
			n = 0;
		}
	}
	unmap(batch, n);
	return kept_count_ == 0;
}

void frames::close()
{
	if (free_count_ != 0)
		kapi_foreign_pages_free(free_, free_count_);
	free_count_ = made_ = 0;
}

void *frames::kept(uint32_t gref) const
{
	if (!persistent_)
		return nullptr;
	for (uint32_t at = hash(gref);; at = (at + 1) % places) {
		const entry &e = table_[at];
		if (e.op.page == nullptr)
			return nullptr;
		if (e.op.ref == gref)
			return e.op.page;
	}
}

result<kapi_map_op> frames::prepare(uint32_t gref, bool readonly)
{
	if (free_count_ == 0) {
		if (made_ + chunk > most_pages)
			return err::no_memory;
		XENPV_CHECK(from_rc(kapi_foreign_pages_alloc(free_, chunk)));
		made_ += chunk;
		free_count_ = chunk;
	}
	// A kept frame will be used both ways.
	return kapi_map_op{free_[--free_count_],     gref, domid_, readonly && !persistent_,
			   KAPI_GNTST_GENERAL_ERROR, 0,    0};
}

void frames::map(kapi_map_op *ops, uint32_t count)
{
	xenpv_grant_map(account_, ops, count, &costs_);
}

bool frames::keep(const kapi_map_op &op)
{
	if (!persistent_ || kept_count_ == most_kept || kept(op.ref) != nullptr)
		return false;
	uint32_t at = hash(op.ref);
	while (table_[at].op.page != nullptr)
		at = (at + 1) % places;
	table_[at].op = op;
	++kept_count_;
	return true;
}

void frames::unmap(kapi_map_op *ops, uint32_t count)
{
	const uint32_t n = xenpv_grant_unmap(account_, ops, count, &costs_);
	for (uint32_t i = 0; i < n; ++i)
		if (ops[i].status == KAPI_GNTST_OKAY)
			put_page(ops[i].page);
	// A page whose unmap failed may still show the frontend's memory: it is left out
	// of use, and the account shows it as mapped.
}

void frames::put_page(void *page)
{
	free_[free_count_++] = page;
}

} // namespace xenpv::blkback
