// SPDX-License-Identifier: GPL-2.0-only
// A page of a guest that a test grants to domain 0 by hand.
#pragma once
#include <kapi/mem.h>
#include <userspace/sim/world.hpp>

#include <cstddef>
#include <cstdint>

namespace xenpv::sim {

class granted_page {
public:
	explicit granted_page(domain &owner, bool readonly = false);
	granted_page(const granted_page &) = delete;
	granted_page &operator=(const granted_page &) = delete;
	// Waits a little for a peer that still has it mapped; then it is a broken rule.
	~granted_page();

	[[nodiscard]] uint32_t ref() const { return ref_; }
	[[nodiscard]] std::byte *bytes() const { return static_cast<std::byte *>(page_.addr); }

private:
	domain &home_;
	kapi_page page_{};
	uint32_t ref_ = 0;
};

} // namespace xenpv::sim
