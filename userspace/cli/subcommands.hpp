// SPDX-License-Identifier: GPL-2.0-only
// The options of status, advise and doctor.
#pragma once

namespace CLI {
class App;
}

namespace xenpv::cli {

struct context;
void add_status(CLI::App &app, context &ctx);
void add_advise(CLI::App &app, context &ctx);
void add_doctor(CLI::App &app, context &ctx);

} // namespace xenpv::cli
