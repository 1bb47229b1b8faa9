// SPDX-License-Identifier: GPL-2.0-only
// What a frontend asked for, checked.
#pragma once
#include <xenpv/blkif.hpp>
#include <xenpv/reporter.hpp>

#include <cstdint>

namespace xenpv::blkback {

// What a request may not exceed.
struct disk_limits {
	uint64_t sectors = 0; // 512-byte units
	uint32_t sector_size = 512; // bytes, logical
	bool readonly = true;
};

enum class action { read, write, flush, barrier };

struct piece {
	uint32_t gref = 0;
	uint32_t offset = 0; // bytes in the frame
	uint32_t length = 0; // bytes
};

// A request that may be carried out: every number is in its range.
struct plan {
	action act = action::flush;
	uint64_t sector = 0; // 512-byte units
	uint32_t sectors = 0;
	uint32_t nr_pieces = 0;
	piece pieces[blkif::max_segments];
};

// Checks everything but the grant references, which the hypervisor checks.  Okay, or
// the status to answer with; why is reported.
[[nodiscard]] blkif::status check_request(const blkif::taken_request &request, const disk_limits &disk, reporter &log,
					  plan &out);

} // namespace xenpv::blkback
