// SPDX-License-Identifier: GPL-2.0-only
#include "fixture.hpp"

#include <grant/abi.h>

namespace xenpv::test {

machine::machine()
	: world_(std::make_unique<sim::world>()), world(*world_), dom0(world.domain(0)), guest(world.domain(1))
{
	const sim::as_domain inside(guest);
	BOOST_REQUIRE_EQUAL(xenpv_grant_init(), 0);
}

machine::~machine()
{
	world.settle();
	{
		const sim::as_domain inside(guest);
		xenpv_grant_exit();
	}
	const std::string left = world.live().leftovers();
	BOOST_CHECK_EQUAL(left, "");
	for (const std::string &rule : world.console().broken_rules())
		BOOST_ERROR("broken rule: " << rule);
	// Threads that leaked still look at it.
	if (!left.empty())
		static_cast<void>(world_.release());
}

void machine::expect_broken_rule(const std::string &part)
{
	const auto broken = world.console().take_broken_rules();
	bool found = false;
	for (const std::string &rule : broken)
		found |= rule.find(part) != std::string::npos;
	BOOST_CHECK_MESSAGE(found, "no rule was broken that says: " << part);
}

} // namespace xenpv::test
