// SPDX-License-Identifier: GPL-2.0-only
// In place of kernel/held.c: a packet of a guest whose pages the network stack has.
#pragma once
#include <kapi/netback.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace xenpv::sim {

// As struct xenpv_held of the kernel's side.
struct held : std::enable_shared_from_this<held> {
	struct part {
		void *page;
		uint32_t offset;
		uint32_t length;
	};
	enum class state { owned, released, left };

	[[nodiscard]] std::vector<std::byte> bytes() const;
	// The stack lets go: whoever mapped the pages is told, then, perhaps a moment later,
	// their holds are dropped.
	void release(bool copied, std::chrono::milliseconds moment = {});
	// The two steps of it.
	void tell(bool copied);
	void drop_pages();
	// As kapi_netback_leave, _forget and _inherit.
	[[nodiscard]] bool leave();
	void forget();
	void inherit(const kapi_map_op *ops, uint32_t count);
	// The engine is gone: nothing of it may be forgotten.
	void check_end(const char *when) const;

	kapi_net_holder holder{};
	std::vector<std::byte> headers;
	std::vector<part> parts;
	bool at_device = false; // its pages are not only in queues to guests

private:
	void give_back();

	mutable std::mutex mutex_;
	state state_ = state::owned;
	bool over_ = false; // whoever mapped the pages was told
	bool gone_ = false; // the pages are nobody's
	bool forgotten_ = false; // by whoever mapped the pages
	bool known_ = false; // the pages of one that was left
	std::vector<kapi_map_op> left_;
	std::shared_ptr<held> self_; // nobody else has one that was left
};

} // namespace xenpv::sim
