// SPDX-License-Identifier: GPL-2.0-only
// What is made from the outline of the command.
#pragma once

#include <cli/documents/outline.hpp>

#include <string>

namespace xenpv::cli {

// A page of section 1: of the whole command, or of one subcommand of it.
std::string man_page(const outline &all, const outline &page, const std::string &version);

std::string bash_completion(const outline &all);
std::string zsh_completion(const outline &all);
std::string fish_completion(const outline &all);

} // namespace xenpv::cli
