// SPDX-License-Identifier: GPL-2.0-only
// Xenstore, as far as this command needs it: it never writes.
#pragma once

#include <cli/exit_code.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xenpv::cli {

struct context;

class store {
public:
	virtual ~store() = default;
	// Nothing when the node is not there or not for us.  Throws failure when the daemon does not answer.
	virtual std::optional<std::string> read(const std::string &path) = 0;
	virtual std::vector<std::string> list(const std::string &path) = 0;
};

// The machine's, through libxenstore.  Throws failure: no library, no permission, no answer.
std::unique_ptr<store> open_xenstore();

// What a survey works with: after the first failure it answers nothing more and knows why.
class xenstore {
public:
	explicit xenstore(const context &ctx);

	[[nodiscard]] bool there() const { return store_ != nullptr; }
	[[nodiscard]] const std::optional<failure> &why_not() const { return why_not_; }

	// Printable, at most 256 characters; "" when there is none.
	std::string line(const std::string &path);
	std::optional<std::string> read(const std::string &path);
	std::optional<std::uint64_t> value(const std::string &path,
					   std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
	std::vector<std::string> list(const std::string &path);

private:
	template <typename Answer, typename Ask>
	Answer ask(Ask &&question);

	std::unique_ptr<store> store_;
	std::optional<failure> why_not_;
};

} // namespace xenpv::cli
