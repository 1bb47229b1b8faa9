// SPDX-License-Identifier: GPL-2.0-only
// The whole command: its tree of options, and how a run of it ends.
#pragma once

#include <cli/documents/outline.hpp>

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace xenpv::cli {

struct context;

// For a subcommand that has it: --json.
void add_json_option(CLI::App &sub, context &ctx);

// Parses and runs; arguments without the program's name.  Returns the exit status, having said
// on ctx.err what is wrong and what to do.
int run(const std::vector<std::string> &arguments, context &ctx);

// What there is, for man pages and completions.
outline outline_of_command();

const char *version();

} // namespace xenpv::cli
