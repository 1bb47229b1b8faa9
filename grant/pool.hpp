// SPDX-License-Identifier: GPL-2.0-only
// Pages of our own that stay granted to the peer: with persistent grants it keeps them
// mapped, and one that is not trusted never sees any other page.
#pragma once
#include <grant/reference.hpp>

namespace xenpv::grant {

// `capacity`: as many as a full ring of full requests can use.  Called under the
// queue's lock.
template <uint16_t capacity>
class pool {
public:
	// An index, or err: the pool grows by one page when none is free.
	[[nodiscard]] result<uint16_t> take(cache &refs, uint32_t domid)
	{
		if (free_ != 0)
			return stack_[--free_];
		if (made_ == capacity)
			return err::no_space;
		pages_[made_] = XENPV_TRY(shared_page::make(refs, domid, KAPI_ATOMIC));
		return made_++;
	}
	void put(uint16_t index) { stack_[free_++] = index; }

	// Ends all access; a page the backend still holds is parked.
	void clear()
	{
		for (uint16_t i = 0; i < made_; ++i)
			pages_[i] = {};
		made_ = free_ = 0;
	}

	[[nodiscard]] shared_page &page(uint16_t index) { return pages_[index]; }
	[[nodiscard]] uint32_t made() const { return made_; }

private:
	shared_page pages_[capacity];
	uint16_t stack_[capacity] = {};
	uint16_t free_ = 0;
	uint16_t made_ = 0;
};

} // namespace xenpv::grant
