// SPDX-License-Identifier: GPL-2.0-only
// What the files of this module tell the account.
#pragma once
#include <grant/abi.h>

#include <xenpv/guarded.hpp>

#include <cstdint>

namespace xenpv::grant {

void count_parked(xenpv_grant_account *account);
// Ends the account's life when it was the last holder.
void count_unparked(xenpv_grant_account *account);
void count_revoked(xenpv_grant_account *account);
void count_mapped(xenpv_grant_account *account, int64_t change);

} // namespace xenpv::grant
