// SPDX-License-Identifier: GPL-2.0-only
// A network backend played by hand, honest or not.
#pragma once
#include <kapi/grant.h>
#include <kapi/mem.h>
#include <kapi/net.h>
#include <userspace/sim/hand_ring.hpp>
#include <userspace/sim/toolstack.hpp>

#include <xenpv/netif.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xenpv::sim {

class hand_netback {
public:
	using keys = std::vector<std::pair<std::string, std::string>>;

	explicit hand_netback(toolstack &tools);
	hand_netback(const hand_netback &) = delete;
	hand_netback &operator=(const hand_netback &) = delete;
	~hand_netback();

	void set_state(int state) { tools_.set_back("state", std::to_string(state)); }
	// What a Linux backend offers; `more` comes after it and may say otherwise.
	void publish(const keys &more = {});
	// InitWait, and takes the rings that the frontend offers; false when it does not.
	[[nodiscard]] bool take_rings();
	// All of it: until both are connected.
	[[nodiscard]] bool connect(const keys &more = {});
	// Lets go of the rings and the channels, as a backend that ends does.
	void drop_rings();

	[[nodiscard]] uint32_t queues() const { return static_cast<uint32_t>(queues_.size()); }
	[[nodiscard]] hand_ring &tx(uint32_t queue = 0) { return *queues_.at(queue)->tx; }
	[[nodiscard]] hand_ring &rx(uint32_t queue = 0) { return *queues_.at(queue)->rx; }

	// --- what the guest sends
	struct sent {
		std::vector<netif::tx_request> slots; // the first one's size is the whole packet's
		std::vector<netif::extra_info> extras;
		std::vector<std::byte> bytes; // as they were granted
	};
	// The next whole packet; false when it does not come, or a frame cannot be read.
	[[nodiscard]] bool take(sent *out, uint32_t queue = 0);
	// Answers all its slots; the extras with null.  Nobody is told.
	void answer(const sent &packet, netif::status status = netif::status::okay, uint32_t queue = 0);
	void answer(uint16_t id, int16_t status, uint32_t queue = 0);

	// --- what the guest receives
	// Buffers it posted and nobody used.
	[[nodiscard]] uint32_t posted(uint32_t queue = 0) const { return queues_.at(queue)->rx->available(); }
	[[nodiscard]] bool take_buffer(netif::rx_request *out, uint32_t queue = 0) { return rx(queue).take(out); }
	// Copies it into `slots` buffers, as few as possible when 0, and shows and tells
	// it; false when the guest posted too few.
	[[nodiscard]] bool send(const std::vector<std::byte> &bytes, const kapi_net_meta &meta = {}, uint32_t queue = 0,
				uint32_t slots = 0);
	void respond(const netif::rx_response &raw, uint32_t queue = 0) { rx(queue).put(raw); }

	// Copies to or from a frame of the frontend; the hypervisor's status.
	int32_t write(uint32_t gref, uint32_t offset, const std::byte *from, uint32_t length);
	int32_t read(uint32_t gref, uint32_t offset, std::byte *to, uint32_t length);
	// Maps a frame of the frontend; status in the result.
	[[nodiscard]] kapi_map_op map(uint32_t gref, bool readonly);
	void unmap(kapi_map_op &op);

private:
	struct queue {
		void *tx_page = nullptr;
		void *rx_page = nullptr;
		std::unique_ptr<hand_channel> tx_channel;
		std::unique_ptr<hand_channel> rx_channel; // nullptr: as tx
		std::unique_ptr<hand_ring> tx;
		std::unique_ptr<hand_ring> rx;
	};
	[[nodiscard]] bool take_queue(const std::string &prefix);
	int32_t copy(uint32_t gref, uint32_t offset, std::byte *bytes, uint32_t length, bool write);

	toolstack &tools_;
	domain &home_;
	kapi_page scratch_{};
	std::vector<std::unique_ptr<queue>> queues_;
};

} // namespace xenpv::sim
