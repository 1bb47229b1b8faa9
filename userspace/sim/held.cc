// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/mem.h>
#include <userspace/sim/held.hpp>
#include <userspace/sim/world.hpp>

#include <string>
#include <thread>

namespace xenpv::sim {

std::vector<std::byte> held::bytes() const
{
	const std::lock_guard one(mutex_);
	std::vector<std::byte> out = headers;
	for (const part &p : parts) {
		const auto *from = static_cast<const std::byte *>(kapi_foreign_addr(p.page)) + p.offset;
		out.insert(out.end(), from, from + p.length);
	}
	return out;
}

void held::release(bool copied, std::chrono::milliseconds moment)
{
	const auto alive = shared_from_this();
	tell(copied);
	std::this_thread::sleep_for(moment);
	drop_pages();
}

void held::tell(bool copied)
{
	{
		const std::lock_guard one(mutex_);
		if (state_ != state::owned)
			return;
		state_ = state::released;
	}
	world::get().faults().release.run();
	const as_interrupt atomic;
	holder.released(holder.ctx, copied);
	const std::lock_guard one(mutex_);
	over_ = true;
}

void held::drop_pages()
{
	for (const part &p : parts)
		kapi_page_release(p.page);
	const std::lock_guard one(mutex_);
	gone_ = true;
	if (known_) {
		give_back();
		self_.reset();
	}
}

bool held::leave()
{
	const std::lock_guard one(mutex_);
	if (over_)
		violation("a packet is left that was released");
	if (state_ == state::released)
		return false;
	if (state_ == state::left)
		violation("a packet is left twice");
	state_ = state::left;
	self_ = shared_from_this();
	return true;
}

void held::forget()
{
	const std::lock_guard one(mutex_);
	if (state_ != state::released || known_ || forgotten_)
		violation("a packet is forgotten that was not released");
	forgotten_ = true;
}

void held::inherit(const kapi_map_op *ops, uint32_t count)
{
	const std::lock_guard one(mutex_);
	if (state_ == state::owned || known_ || forgotten_)
		violation("pages are inherited of a packet that was neither left nor released");
	if (at_device)
		for (uint32_t i = 0; i < count; ++i)
			if (ops[i].status == KAPI_GNTST_OKAY)
				violation("a page is replaced that a device may read");
	left_.assign(ops, ops + count);
	known_ = true;
	const auto alive = self_ ? std::move(self_) : shared_from_this();
	if (gone_)
		give_back();
	else
		self_ = alive;
}

void held::check_end(const char *when) const
{
	const std::lock_guard one(mutex_);
	if (state_ != state::owned && !known_ && !forgotten_)
		violation((std::string(when) + " and a packet was neither forgotten nor left with its pages").c_str());
}

void held::give_back()
{
	for (kapi_map_op &op : left_) {
		if (op.status == KAPI_GNTST_OKAY) {
			kapi_grant_forget(&op);
			continue;
		}
		static_cast<void>(kapi_grant_unmap(&op, 1));
		if (op.status == KAPI_GNTST_OKAY)
			kapi_foreign_pages_free(&op.page, 1);
	}
	left_.clear();
}

} // namespace xenpv::sim
