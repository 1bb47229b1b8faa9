// SPDX-License-Identifier: GPL-2.0-only
// What both ends agreed on, read from xenstore.
#pragma once
#include <kapi/netfront.h>

#include <xenpv/reporter.hpp>
#include <xenpv/result.hpp>

#include <cstdint>

namespace xenpv::netfront {

struct terms {
	uint32_t peer_domain = 0;
	uint32_t max_queues = 1; // both ends could serve
	bool split_channels = false;
	bool trusted = true;
	kapi_netfront_info info{};
};

// Process context.
[[nodiscard]] result<terms> read_terms(kapi_xenbus *bus, reporter &log);
// The backend's link, up when it does not say.
[[nodiscard]] bool read_carrier(kapi_xenbus *bus, reporter &log);

} // namespace xenpv::netfront
