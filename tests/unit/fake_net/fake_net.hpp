// SPDX-License-Identifier: GPL-2.0-only
// The part of a kernel that polls and stops a NIC's queues, at the worst moments.
#pragma once
#include "fake_net.h"

#include <utility>

extern "C" {
#include <netfront.h>
}

namespace xenpv::fake_net {

// What became of it since reset().
extern int polls_by_napi;
extern int polls_by_timer;
extern int collisions; // a timer polled what NAPI may poll

void reset();
void add(napi_struct &napi, int (*poll)(napi_struct *napi, int budget));
[[nodiscard]] bool any_timer();
// The engine's poll of that queue was called.
void engine_polls(const napi_struct &napi);

} // namespace xenpv::fake_net
