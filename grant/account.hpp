// SPDX-License-Identifier: GPL-2.0-only
// A device's account with the grant layer.
#pragma once
#include <grant/abi.h>

#include <xenpv/result.hpp>

#include <utility>

namespace xenpv::grant {

class account {
public:
	account() = default;
	// Process context.
	[[nodiscard]] static result<account> open(const char *owner)
	{
		account a(xenpv_grant_account_create(owner));
		if (a.handle_ == nullptr)
			return err::no_memory;
		return a;
	}
	account(account &&o) noexcept : handle_(std::exchange(o.handle_, nullptr)) {}
	account &operator=(account &&o) noexcept
	{
		std::swap(handle_, o.handle_);
		return *this;
	}
	~account()
	{
		if (handle_ != nullptr)
			xenpv_grant_account_destroy(handle_);
	}
	[[nodiscard]] xenpv_grant_account *handle() const { return handle_; }
	[[nodiscard]] xenpv_grant_usage usage() const
	{
		xenpv_grant_usage u{};
		xenpv_grant_account_usage(handle_, &u);
		return u;
	}

private:
	explicit account(xenpv_grant_account *h) : handle_(h) {}
	xenpv_grant_account *handle_ = nullptr;
};

} // namespace xenpv::grant
