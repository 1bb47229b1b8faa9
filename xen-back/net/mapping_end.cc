// SPDX-License-Identifier: GPL-2.0-only
// What becomes of mapped packets when the connection they came by ends.
#include <kapi/time.h>
#include <xen-back/net/mapping.hpp>

#include <utility>

namespace xenpv::netback {

// False: it is being released.
bool mapping::leave(held_packet &p)
{
	if (!released_.with([&p](held_packet *) { return !p.released && kapi_netback_leave(p.handle); }))
		return false;
	bequeath(p, kapi_netback_only_queued(p.handle) ? xenpv_grant_replace(account_, p.ops, p.nr_ops, &costs_) : 0);
	return true;
}

// Its pages go where nobody waits for them; of them `gone` show copies.
void mapping::bequeath(held_packet &p, uint32_t gone)
{
	if (gone == 0)
		for (uint32_t i = 0; i < p.nr_ops; ++i)
			p.ops[i].status = KAPI_GNTST_GENERAL_ERROR;
	replaced.add(gone);
	parked.add(p.nr_ops - gone);
	kapi_netback_inherit(p.handle, p.ops, p.nr_ops);
	made_pages_ -= p.nr_ops;
	held.set(held.get() - 1);
}

held_packet *mapping::leave_all()
{
	held_packet *all = nullptr;
	for (held_packet &p : table_->packets)
		if (p.in_use && leave(p))
			p.next = std::exchange(all, &p);
	// Before the guest has its references back: somebody may be about to copy by their names.
	kapi_netback_naming_wait();
	return all;
}

held_packet *mapping::leave_lingering()
{
	for (held_packet *p = lingering_; p != nullptr; p = p->next)
		bequeath(*p, 0);
	return std::exchange(lingering_, nullptr);
}

held_packet *mapping::let_go(uint64_t until_ns)
{
	held_packet *all = nullptr;
	const auto take = [&all](held_packet *done) {
		while (done != nullptr)
			done = std::exchange(done->next, std::exchange(all, done));
	};
	unsigned int pause_ms = 1;
	for (bool left = false;;) {
		take(take_released());
		if (left)
			take(leave_lingering());
		if (held.get() == 0)
			return all;
		if (!left && kapi_now_ns() >= until_ns) {
			left = true;
			take(leave_all());
			continue;
		}
		// Having left, only for those who are saying now that they released something.
		kapi_sleep_ms(pause_ms);
		pause_ms = pause_ms < 16 ? pause_ms * 2 : pause_ms;
	}
}

} // namespace xenpv::netback
