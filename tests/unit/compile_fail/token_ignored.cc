// SPDX-License-Identifier: GPL-2.0-only
#include <evtchn/channel.hpp>

void handler(xenpv::evtchn::channel &line)
{
#ifdef XENPV_MISUSE
	line.receive();
#else
	line.receive().end_done();
#endif
}
