// SPDX-License-Identifier: GPL-2.0-only
// What a frontend wrote into its directory, checked.
#pragma once

#include <xenpv/blkif.hpp>
#include <xenpv/reporter.hpp>

struct kapi_xenbus;

namespace xenpv::blkback {

inline constexpr uint32_t most_queues = 8;

struct queue_address {
	uint32_t ring_ref = 0;
	uint32_t port = 0;
};

struct terms {
	blkif::layout layout = blkif::layout_64;
	bool persistent = false;
	uint32_t queues = 1;
	queue_address at[most_queues];
};

// Reports key and value of what is wrong.  Process context.
[[nodiscard]] result<terms> read_terms(kapi_xenbus *bus, reporter &log);

} // namespace xenpv::blkback
