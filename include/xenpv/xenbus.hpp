// SPDX-License-Identifier: GPL-2.0-only
// Device states of io/xenbus.h.
#pragma once

namespace xenpv {

enum class xenbus_state : int {
	unknown = 0,
	initialising = 1,
	init_wait = 2,
	initialised = 3,
	connected = 4,
	closing = 5,
	closed = 6,
	reconfiguring = 7,
	reconfigured = 8,
};

} // namespace xenpv
