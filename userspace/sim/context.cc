// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/context.hpp>
#include <userspace/sim/world.hpp>

#include <string>
#include <utility>

namespace xenpv::sim {
namespace {

thread_local domain *here = nullptr;
thread_local unsigned int atomic_depth = 0;

} // namespace

domain *current_domain()
{
	return here;
}

bool in_atomic()
{
	return atomic_depth != 0;
}

as_domain::as_domain(domain &d) : before_(std::exchange(here, &d)) {}

as_domain::~as_domain()
{
	here = before_;
}

void enter_atomic()
{
	++atomic_depth;
}

void leave_atomic()
{
	--atomic_depth;
}

void violation(const char *what)
{
	world::get().console().break_rule(what);
}

void might_sleep(const char *function)
{
	if (atomic_depth != 0)
		violation((std::string(function) + " in atomic context").c_str());
}

} // namespace xenpv::sim
