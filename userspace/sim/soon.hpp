// SPDX-License-Identifier: GPL-2.0-only
// Waiting for the other end: bounded, so that what never comes fails a test.
#pragma once
#include <chrono>
#include <thread>

namespace xenpv::sim {

template <typename So>
[[nodiscard]] bool soon(So so, std::chrono::milliseconds patience = std::chrono::seconds(20))
{
	const auto end = std::chrono::steady_clock::now() + patience;
	while (!so()) {
		if (std::chrono::steady_clock::now() > end)
			return false;
		std::this_thread::sleep_for(std::chrono::microseconds(100));
	}
	return true;
}

} // namespace xenpv::sim
