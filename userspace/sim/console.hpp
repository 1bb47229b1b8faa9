// SPDX-License-Identifier: GPL-2.0-only
// What the kernels of the world said, and the rules they broke.
#pragma once
#include <kapi/log.h>

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

namespace xenpv::sim {

struct line {
	kapi_level level;
	std::string who;
	std::string text;
};

class console {
public:
	void say(kapi_level level, const char *who, std::string text);
	void break_rule(const char *what);

	[[nodiscard]] std::vector<line> lines() const;
	[[nodiscard]] std::vector<std::string> broken_rules() const;
	// A test that breaks a rule on purpose takes it away again.
	[[nodiscard]] std::vector<std::string> take_broken_rules();
	// Lines of at least this weight whose text contains `part`.
	[[nodiscard]] size_t count(const std::string &part, kapi_level at_least = KAPI_DEBUG) const;

private:
	mutable std::mutex mutex_;
	std::vector<line> lines_;
	std::vector<std::string> broken_;
};

} // namespace xenpv::sim
