// SPDX-License-Identifier: GPL-2.0-only
// What the command prints with --json.  The documents are described in docs/xenpv-json.md.
#pragma once

#include <string>
#include <vector>

namespace xenpv::cli {

struct machine;
struct finding;
struct advice;

std::string json_of(const machine &m);
std::string json_of_rates(const machine &before, const machine &after, double seconds); // one line
std::string json_of(const std::vector<finding> &findings);
std::string json_of(const std::vector<advice> &all);

} // namespace xenpv::cli
