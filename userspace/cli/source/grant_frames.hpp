// SPDX-License-Identifier: GPL-2.0-only
// How far a domain's grant table has grown, told by Xen.
#pragma once

#include <optional>
#include <utility>

namespace xenpv::cli {

constexpr unsigned domain_self = 0x7ff0; // DOMID_SELF of Xen's public headers

// Frames there are and the most there may be; nothing without libxencall, /dev/xen/privcmd or the right to ask.
// A guest may ask for itself only.
std::optional<std::pair<unsigned, unsigned>> grant_frames(unsigned domain);

} // namespace xenpv::cli
