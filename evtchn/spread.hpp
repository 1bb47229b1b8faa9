// SPDX-License-Identifier: GPL-2.0-only
// Which CPU takes a queue's interrupts.
#pragma once
#include <cstdint>

namespace xenpv::evtchn {

// Queues spread evenly over the CPUs, in order: the plan blk-mq and netdevs use
// for their queues, so that a queue's interrupt comes where its requests are made.
[[nodiscard]] constexpr uint32_t spread_cpu(uint32_t queue, uint32_t queues, uint32_t cpus)
{
	if (queues == 0 || cpus == 0)
		return 0;
	return static_cast<uint32_t>(uint64_t{queue % queues} * cpus / queues);
}

} // namespace xenpv::evtchn
