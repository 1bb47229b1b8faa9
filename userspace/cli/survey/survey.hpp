// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cli/survey/machine.hpp>

namespace xenpv::cli {

struct context;

// Looks at everything there is to see, once.  Throws nothing: what cannot be seen is in unseen.
machine survey(const context &ctx);

} // namespace xenpv::cli
