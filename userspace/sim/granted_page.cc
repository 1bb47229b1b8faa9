// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/granted_page.hpp>
#include <userspace/sim/soon.hpp>

#include <kapi/grant.h>

#include <stdexcept>

namespace xenpv::sim {

granted_page::granted_page(domain &owner, bool readonly) : home_(owner)
{
	const as_domain inside(home_);
	if (kapi_page_alloc(&page_, KAPI_MAY_SLEEP) != 0 || kapi_grant_alloc(&ref_, 1) != 0)
		throw std::runtime_error("no page to grant");
	kapi_grant_access(ref_, 0, page_.frame, readonly);
}

granted_page::~granted_page()
{
	const as_domain inside(home_);
	if (!soon([this] { return kapi_grant_end(ref_); })) {
		violation("the backend does not let go of a frame");
		return;
	}
	kapi_grant_free(&ref_, 1);
	kapi_page_release(page_.page);
}

} // namespace xenpv::sim
