// SPDX-License-Identifier: GPL-2.0-only
// The tree of subcommands and options in plain words: man pages and completions are made from it, and it is
// made from what --help prints.
#pragma once

#include <string>
#include <vector>

namespace xenpv::cli {

struct outline_option {
	std::vector<std::string> names; // "--json", "-j"; one without dashes is positional
	std::string value{}; // what it takes, "FILE"; "" for a flag
	std::vector<std::string> choices{};
	std::string help{};
	bool optional_value = false; // --watch and --watch=SECONDS
};

struct outline {
	std::string name;
	std::string summary;
	std::string text; // sections: a heading of its own line, ending in a colon, over indented lines
	std::vector<outline_option> options;
	std::vector<outline> subcommands;
};

} // namespace xenpv::cli
