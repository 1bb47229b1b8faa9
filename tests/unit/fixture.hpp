// SPDX-License-Identifier: GPL-2.0-only
// A machine for each test: domain 0 serves, domain 1 asks, and at the end nothing
// may be left and no rule of kapi may have been broken.
#pragma once
#include <userspace/sim/world.hpp>
#include <userspace/sim/xenbus.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace xenpv::test {

class machine {
public:
	machine();
	machine(const machine &) = delete;
	machine &operator=(const machine &) = delete;
	~machine();

	// The test broke a rule on purpose: it is forgiven, and must have been noticed.
	void expect_broken_rule(const std::string &part);

private:
	std::unique_ptr<sim::world> world_;

public:
	sim::world &world;
	sim::domain &dom0;
	sim::domain &guest;
};

// Looks until it is so, for a time that only a broken test needs.
[[nodiscard]] inline bool eventually(const std::function<bool()> &so,
				     std::chrono::milliseconds patience = std::chrono::seconds(20))
{
	const auto end = std::chrono::steady_clock::now() + patience;
	while (!so()) {
		if (std::chrono::steady_clock::now() > end)
			return false;
		std::this_thread::sleep_for(std::chrono::microseconds(200));
	}
	return true;
}

} // namespace xenpv::test
