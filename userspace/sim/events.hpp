// SPDX-License-Identifier: GPL-2.0-only
// Event channels between domains.  A bound end has a thread that is its interrupt:
// it runs the handler whenever the channel is pending and not masked, and masks it
// until the late end of interrupt.
#pragma once
#include <kapi/evtchn.h>
#include <userspace/sim/context.hpp>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace xenpv::sim {

class channel_end {
public:
	channel_end(domain &home, std::string name, int cpu, kapi_evtchn_handler handler, void *ctx);
	channel_end(const channel_end &) = delete;
	channel_end &operator=(const channel_end &) = delete;
	// Waits for a running handler.
	~channel_end();

	void start();
	void set_pending();
	void eoi(bool spurious);
	[[nodiscard]] uint64_t handled() const;
	[[nodiscard]] bool masked() const;
	[[nodiscard]] const std::string &name() const { return name_; }
	[[nodiscard]] int cpu() const { return cpu_; }

private:
	void serve();

	domain &home_;
	std::string name_;
	int cpu_;
	kapi_evtchn_handler handler_;
	void *ctx_;
	mutable std::mutex mutex_;
	std::condition_variable changed_;
	bool pending_ = false;
	bool masked_ = false;
	bool stop_ = false;
	uint64_t handled_ = 0;
	std::thread thread_;
};

// The hypervisor's side: which port leads where.
class events {
public:
	using port_id = std::pair<uint32_t, uint32_t>; // domain, port

	[[nodiscard]] uint32_t allocate(uint32_t domid, uint32_t for_domid, channel_end *end);
	// 0 when the remote port does not wait for this domain.
	[[nodiscard]] uint32_t bind(uint32_t domid, uint32_t remote_domid, uint32_t remote_port, channel_end *end);
	void close(port_id id);
	void send(port_id from);
	// What a test looks at; nullptr when the port is not bound.
	[[nodiscard]] channel_end *end_of(port_id id);

private:
	struct port {
		uint32_t for_domid = 0;
		channel_end *end = nullptr;
		port_id remote{0, 0};
		bool connected = false;
	};
	std::mutex mutex_;
	std::map<port_id, port> ports_;
	uint32_t next_ = 1;
};

} // namespace xenpv::sim

struct kapi_evtchn {
	std::unique_ptr<xenpv::sim::channel_end> end;
	xenpv::sim::events::port_id id;
};
