// SPDX-License-Identifier: GPL-2.0-only
// A PV domain's pages, the grants behind them, and what goes wrong with both.
#pragma once
#include "fake_pages.h"

#include <map>
#include <vector>

extern "C" {
#include <held.h>
#include <kapi_module.h>
}

namespace xenpv::fake_pages {

constexpr uint32_t refs = 64; // that a guest grants: 0..

// What Xen says instead of doing it; an operation on `ref`.
extern std::map<uint32_t, int16_t> map_status;
extern std::map<uint32_t, int16_t> replace_status;
extern bool map_call_fails; // having mapped everything
extern bool replace_takes_entry; // of the new memory, though it refuses
extern bool table_is_readonly; // the table of frames
extern bool no_memory; // for small objects

extern int map_calls;
extern int module_users;

// As after a boot.  Tells what is left of before.
[[nodiscard]] std::vector<const char *> reset();
// What was wrong since then.
[[nodiscard]] std::vector<const char *> violations();

// The first byte of what the page shows, -1: it shows nothing.
[[nodiscard]] int shows(const void *page);
// Of the guest's frame; its memory is the guest's to write.
[[nodiscard]] uint8_t &guest_memory(uint32_t ref);
// How often the frame is mapped here.
[[nodiscard]] int mapped(uint32_t ref);
// Page table and both tables of frames agree.
[[nodiscard]] bool consistent(const void *page);
[[nodiscard]] bool marked_foreign(const void *page);
// Pages that are not free, and small objects.
[[nodiscard]] int pages_in_use();
[[nodiscard]] int objects_in_use();
void hold(void *page);
void unhold(void *page);

// Scheduled work runs, that which waits for later only when that is wanted.
void run_work(bool later = false);
[[nodiscard]] bool work_waits();

// The stack's way to free an skb, and to copy its pages first.
void free_skb(sk_buff &skb, bool copied = false);

} // namespace xenpv::fake_pages
