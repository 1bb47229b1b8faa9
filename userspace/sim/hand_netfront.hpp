// SPDX-License-Identifier: GPL-2.0-only
// A network frontend played by hand, honest or not: raw access to its rings, its grants,
// its event channels and its directory.
#pragma once
#include <kapi/net.h>
#include <userspace/sim/granted_page.hpp>
#include <userspace/sim/hand_ring.hpp>
#include <userspace/sim/net_buffer.hpp>
#include <userspace/sim/toolstack.hpp>

#include <xenpv/netif.hpp>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace xenpv::sim {

class hand_netfront {
public:
	struct options {
		uint32_t queues = 1;
		bool split = false; // event channels
		bool control = false; // a control ring
	};

	explicit hand_netfront(toolstack &tools);
	hand_netfront(toolstack &tools, const options &o);
	hand_netfront(const hand_netfront &) = delete;
	hand_netfront &operator=(const hand_netfront &) = delete;
	~hand_netfront();

	// Writes what a Linux frontend writes; does not change the state.
	void publish();
	void set_state(int state) { tools_.set_front("state", std::to_string(state)); }
	// Publishes, says Connected and waits for the backend; false when it does not come.
	[[nodiscard]] bool connect();

	[[nodiscard]] hand_ring &tx(uint32_t queue = 0) { return *queues_.at(queue)->tx; }
	[[nodiscard]] hand_ring &rx(uint32_t queue = 0) { return *queues_.at(queue)->rx; }
	[[nodiscard]] granted_page &tx_page(uint32_t queue = 0) { return queues_.at(queue)->tx_page; }
	[[nodiscard]] granted_page &rx_page(uint32_t queue = 0) { return queues_.at(queue)->rx_page; }

	// --- what it wishes
	[[nodiscard]] hand_ring &control() { return *control_->ring; }
	[[nodiscard]] granted_page &control_page() { return control_->page; }
	using wish = netif::control;
	// Puts a message; nobody is told.
	void put_wish(uint16_t id, wish type, uint32_t data0 = 0, uint32_t data1 = 0, uint32_t data2 = 0)
	{
		control().put(netif::control_request{id, static_cast<uint16_t>(type), {data0, data1, data2}});
	}
	// Puts one, tells it and waits: the answer, which echoes id and type.
	struct answer {
		bool came = false;
		netif::control_status status{};
		uint32_t data = 0;
	};
	[[nodiscard]] answer ask(wish type, uint32_t data0 = 0, uint32_t data1 = 0, uint32_t data2 = 0);
	[[nodiscard]] netif::control_status tell(wish type, uint32_t data0 = 0, uint32_t data1 = 0, uint32_t data2 = 0)
	{
		const answer a = ask(type, data0, data1, data2);
		return a.came ? a.status : static_cast<netif::control_status>(UINT32_MAX);
	}

	// --- what it sends
	// A slot over a new page that holds `bytes` at `offset`; its size says their number.
	[[nodiscard]] netif::tx_request slot(const std::vector<std::byte> &bytes, uint32_t offset = 0);
	void put(const netif::tx_request &raw, uint32_t queue = 0) { tx(queue).put(raw); }
	void put(const netif::extra_info &raw, uint32_t queue = 0) { tx(queue).put(raw); }
	[[nodiscard]] static netif::extra_info gso(uint16_t size, uint8_t type, uint8_t flags = 0);
	// The whole packet over `slots` slots, with its extras after the first; not pushed.
	// The ids are 0x100, 0x101, ... of this frontend.  The first one.
	uint16_t put_packet(const std::vector<std::byte> &bytes, uint32_t slots = 1, uint16_t flags = 0,
			    const std::vector<netif::extra_info> &extras = {}, uint32_t queue = 0);
	// Takes `n` responses; how each id was answered, and how many were null.
	struct answers {
		bool came = false;
		std::map<uint16_t, std::vector<int16_t>> by_id;
		uint32_t nulls = 0;
		// Every one of the `n` ids from `first` is answered once, with that.
		[[nodiscard]] bool all(uint16_t first, uint32_t n, netif::status status) const;
	};
	[[nodiscard]] answers take_answers(uint32_t n, uint32_t queue = 0);

	// --- what it receives
	// Posts `n` buffers of its own and shows them; their ids are their slots' numbers.
	void post(uint32_t n, uint32_t queue = 0);
	// The same, and tells of them only when it was asked to.
	void post_quietly(uint32_t n, uint32_t queue = 0);
	// One with any reference.
	void post_raw(uint16_t id, uint32_t gref, uint32_t queue = 0);
	struct received {
		std::vector<netif::rx_response> slots;
		std::vector<netif::extra_info> extras;
		std::vector<std::byte> bytes;
		std::vector<uint32_t> indices; // of the slots in the ring
		bool error = false; // a slot said that it failed
	};
	// The next whole packet; false when it does not come.
	[[nodiscard]] bool take(received *out, uint32_t queue = 0);

private:
	void put_buffers(uint32_t n, uint32_t queue);

	struct queue {
		explicit queue(domain &home) : tx_page(home), rx_page(home) {}
		granted_page tx_page;
		granted_page rx_page;
		std::unique_ptr<hand_channel> tx_channel;
		std::unique_ptr<hand_channel> rx_channel; // nullptr: as tx
		uint32_t tx_port = 0;
		uint32_t rx_port = 0;
		std::unique_ptr<hand_ring> tx;
		std::unique_ptr<hand_ring> rx;
		std::map<uint32_t, std::unique_ptr<granted_page>> buffers; // by slot
	};

	struct control_ring {
		explicit control_ring(domain &home) : page(home), channel(home) {}
		granted_page page;
		hand_channel channel;
		uint32_t port = 0;
		std::unique_ptr<hand_ring> ring;
		uint16_t next_id = 0x300;
	};

	toolstack &tools_;
	options options_;
	domain &home_;
	uint16_t next_id_ = 0x100;
	std::deque<granted_page> pages_; // of slots
	std::vector<std::unique_ptr<queue>> queues_;
	std::unique_ptr<control_ring> control_; // nullptr: none
};

} // namespace xenpv::sim
