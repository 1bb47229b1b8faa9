// SPDX-License-Identifier: GPL-2.0-only
// Where frames wait that a peer has not let go of.  They are looked at once a
// second, a bounded number each time, and freed only when the peer has unmapped.
#include <grant/ledger.hpp>
#include <kapi/mem.h>
#include <kapi/time.h>

#include <xenpv/owned.hpp>
#include <xenpv/result.hpp>

namespace xenpv::grant {
namespace {

constexpr uint32_t look_at = 256;
constexpr unsigned int interval_ms = 1000;

struct place {
	place *next = nullptr;
	xenpv_grant_account *account = nullptr;
	void *page = nullptr;
	uint32_t ref = 0;
};

// First in, first looked at.
class waiting {
public:
	void push(place *p)
	{
		p->next = nullptr;
		*tail_ = p;
		tail_ = &p->next;
	}
	place *pop()
	{
		place *p = head_;
		if (p != nullptr) {
			head_ = p->next;
			if (head_ == nullptr)
				tail_ = &head_;
		}
		return p;
	}
	[[nodiscard]] bool empty() const { return head_ == nullptr; }

private:
	place *head_ = nullptr;
	place **tail_ = &head_;
};

struct lot {
	guarded<waiting> queue;
	kapi_delayed *work = nullptr;
};

constinit lot *the_lot = nullptr;

void reclaim(void *)
{
	const place *first_held = nullptr;
	for (uint32_t i = 0; i < look_at; ++i) {
		place *p = the_lot->queue.with([](waiting &w) { return w.pop(); });
		if (p == nullptr)
			return;
		const bool been_round = p == first_held;
		if (been_round || !kapi_grant_revoke(p->ref)) {
			the_lot->queue.with([p](waiting &w) { w.push(p); });
			if (been_round)
				break;
			first_held = first_held == nullptr ? p : first_held;
			continue;
		}
		kapi_page_release(p->page);
		count_unparked(p->account);
		kapi_free(p);
	}
	if (the_lot->queue.with([](waiting &w) { return !w.empty(); }))
		kapi_delayed_schedule(the_lot->work, interval_ms);
}

} // namespace
} // namespace xenpv::grant

using xenpv::grant::the_lot;

void xenpv_grant_park(xenpv_grant_account *account, uint32_t ref, void *page)
{
	xenpv::grant::count_parked(account);
	auto p = xenpv::make_owned<xenpv::grant::place>(xenpv::context::atomic);
	// Without memory to remember it by, the frame stays parked for good: visible in
	// the account, never reused while the peer can reach it.
	if (!p)
		return;
	p->account = account;
	p->page = page;
	p->ref = ref;
	the_lot->queue.with([&p](auto &w) { w.push(p.release()); });
	kapi_delayed_schedule(the_lot->work, xenpv::grant::interval_ms);
}

void xenpv_grant_close(xenpv_grant_account *account, uint32_t ref, void *page)
{
	if (!kapi_grant_revoke(ref)) {
		xenpv_grant_park(account, ref, page);
		return;
	}
	xenpv::grant::count_revoked(account);
	kapi_page_release(page);
}

int xenpv_grant_init()
{
	auto l = xenpv::make_owned<xenpv::grant::lot>(xenpv::context::may_sleep);
	if (!l)
		return xenpv::to_errno(xenpv::err::no_memory);
	l->work = kapi_delayed_create(xenpv::grant::reclaim, nullptr);
	if (l->work == nullptr)
		return xenpv::to_errno(xenpv::err::no_memory);
	the_lot = l.release();
	return 0;
}

void xenpv_grant_exit()
{
	kapi_delayed_destroy(the_lot->work);
	// Still held now means held for as long as the peer lives: the references and
	// pages stay out of use, which is the safe end.
	while (auto *p = the_lot->queue.with([](auto &w) { return w.pop(); })) {
		if (kapi_grant_revoke(p->ref))
			kapi_page_release(p->page);
		xenpv::grant::count_unparked(p->account);
		kapi_free(p);
	}
	xenpv::owned<xenpv::grant::lot>(the_lot).reset();
	the_lot = nullptr;
}
