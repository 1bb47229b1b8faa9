// SPDX-License-Identifier: GPL-2.0-only
// What a frontend published, read from xenstore.
#pragma once
#include <kapi/netback.h>

#include <xenpv/reporter.hpp>
#include <xenpv/result.hpp>

#include <cstdint>

namespace xenpv::netback {

struct queue_terms {
	uint32_t tx_ref = 0;
	uint32_t rx_ref = 0;
	uint32_t tx_port = 0;
	uint32_t rx_port = 0;
};

struct terms {
	uint32_t peer_domain = 0;
	bool split_channels = false;
	// The frontend tells of buffers it posts; without it nobody says when a stall ends.
	bool rx_notify = false;
	bool has_control = false;
	uint32_t control_ref = 0;
	uint32_t control_port = 0;
	kapi_netback_info info{};
	queue_terms at[KAPI_NET_MAX_QUEUES];
};

// Process context.
[[nodiscard]] result<terms> read_terms(kapi_xenbus *bus, reporter &log);

} // namespace xenpv::netback
