// SPDX-License-Identifier: GPL-2.0-only
// What the command's exit status means, and the error that carries one.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace xenpv::cli {

enum class exit_code : int {
	ok = 0,
	wrong = 1, // it ran, and found something wrong
	usage = 2, // unknown option or argument, unusable file
	blind = 3, // it may not or cannot look: privileges, missing programs, a xenstore that does not answer
	not_xen = 4,
};

// Ends the command: what is wrong, and what to do about it.
class failure : public std::runtime_error {
public:
	failure(exit_code code, const std::string &what, std::string advice)
		: std::runtime_error(what), code_(code), advice_(std::move(advice))
	{
	}
	[[nodiscard]] exit_code code() const { return code_; }
	[[nodiscard]] const std::string &advice() const { return advice_; }

private:
	exit_code code_;
	std::string advice_;
};

} // namespace xenpv::cli
