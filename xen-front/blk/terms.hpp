// SPDX-License-Identifier: GPL-2.0-only
// What front and back agreed on.
#pragma once
#include <kapi/blkfront.h>

#include <xenpv/reporter.hpp>
#include <xenpv/result.hpp>

#include <cstdint>

struct kapi_xenbus;

namespace xenpv::blkfront {

// How data reaches the backend.
enum class transfer {
	direct, // the request's own pages are granted for the time of the request
	pooled, // data is copied through pages that stay granted
};

enum class flush_by { nothing, flush_op, barrier_op };

// Known when the backend waits for our rings (InitWait).
struct connection_terms {
	uint32_t peer_domain = 0;
	uint32_t rings = 1; // the most that the backend serves, at most KAPI_BLK_MAX_QUEUES
};

// How requests travel, known when the backend is connected.
struct service_terms {
	transfer data = transfer::direct;
	flush_by flush = flush_by::nothing;
};

struct disk_terms {
	kapi_disk_info info{};
	service_terms service;
};

// Each reads the backend's directory; a value that is absent where it is required,
// or out of its range, is reported with key and value.  Process context.
[[nodiscard]] result<connection_terms> read_connection_terms(kapi_xenbus *bus, reporter &log);
[[nodiscard]] result<disk_terms> read_disk_terms(kapi_xenbus *bus, reporter &log);
[[nodiscard]] result<uint64_t> read_capacity(kapi_xenbus *bus, reporter &log);

} // namespace xenpv::blkfront
