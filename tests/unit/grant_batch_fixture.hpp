// SPDX-License-Identifier: GPL-2.0-only
// Pages of a guest that domain 0 maps in batches.
#pragma once
#include "fixture.hpp"

#include <grant/account.hpp>
#include <grant/reference.hpp>

#include <deque>
#include <optional>
#include <vector>

namespace xenpv::test {

using grant::account;
using grant::cache;
using grant::shared_page;
using sim::as_domain;

struct batch : machine {
	batch()
	{
		{
			const as_domain there(guest);
			guest_account.emplace(account::open("front"));
			refs.emplace().attach(guest_account->value());
		}
		const as_domain here(dom0);
		back_account.emplace(account::open("back"));
	}
	~batch()
	{
		{
			const as_domain here(dom0);
			if (!foreign.empty())
				kapi_foreign_pages_free(foreign.data(), static_cast<uint32_t>(foreign.size()));
			back_account.reset();
		}
		const as_domain there(guest);
		pages.clear();
		refs.reset();
		guest_account.reset();
	}

	// Operations for `n` fresh pages, the i-th filled with i.
	std::vector<kapi_map_op> make(uint32_t n)
	{
		std::vector<kapi_map_op> ops(n);
		foreign.resize(n);
		{
			const as_domain here(dom0);
			BOOST_REQUIRE_EQUAL(kapi_foreign_pages_alloc(foreign.data(), n), 0);
		}
		const as_domain there(guest);
		for (uint32_t i = 0; i < n; ++i) {
			pages.push_back(std::move(shared_page::make(*refs, 0, KAPI_MAY_SLEEP).value()));
			*static_cast<uint32_t *>(pages.back().addr()) = i;
			ops[i].page = foreign[i];
			ops[i].ref = pages.back().ref();
			ops[i].domid = 1;
			ops[i].status = -77;
		}
		return ops;
	}
	void map(std::vector<kapi_map_op> &ops)
	{
		const as_domain here(dom0);
		xenpv_grant_map(back_account->value().handle(), ops.data(), static_cast<uint32_t>(ops.size()), &costs);
	}
	uint32_t unmap(std::vector<kapi_map_op> &ops)
	{
		const as_domain here(dom0);
		return xenpv_grant_unmap(back_account->value().handle(), ops.data(), static_cast<uint32_t>(ops.size()),
					 &costs);
	}
	[[nodiscard]] uint64_t mapped() { return back_account->value().usage().mapped; }

	std::optional<result<account>> guest_account;
	std::optional<result<account>> back_account;
	std::optional<cache> refs;
	std::deque<shared_page> pages;
	std::vector<void *> foreign;
	xenpv_grant_costs costs{};
};

} // namespace xenpv::test
