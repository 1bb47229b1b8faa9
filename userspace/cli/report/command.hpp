// SPDX-License-Identifier: GPL-2.0-only
// xenpv report: turn results of bench into a page.
#pragma once

namespace CLI {
class App;
}

namespace xenpv::cli {

struct context;
void add_report(CLI::App &app, context &ctx);

} // namespace xenpv::cli
