// SPDX-License-Identifier: GPL-2.0-only
// xenpv bench: measure PV against emulated devices.
#pragma once

namespace CLI {
class App;
}

namespace xenpv::cli {

struct context;
void add_bench(CLI::App &app, context &ctx);

} // namespace xenpv::cli
