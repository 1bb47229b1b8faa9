// SPDX-License-Identifier: GPL-2.0-only
// How far it is: a bar that is redrawn on a terminal, a line for each turn elsewhere.
#pragma once
#include <cli/bench/plan.hpp>

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

namespace xenpv::cli::bench {

class progress {
public:
	progress(std::ostream &to, bool terminal, unsigned columns, const std::vector<turn> &plan);
	progress(const progress &) = delete;
	progress &operator=(const progress &) = delete;
	~progress();

	void begin(size_t turn, const std::string &what);

	// While the turn goes on. Draws once a second: the machine is being measured.
	void tick();

	// Takes the bar away, for other output.
	void clear();

	// What is drawn when a share of the planned time has passed.
	[[nodiscard]] std::string bar(double share, double left) const;

private:
	void draw();

	using clock = std::chrono::steady_clock;
	std::ostream &to_;
	const std::vector<turn> &plan_;
	const bool terminal_;
	const unsigned columns_;
	size_t turn_ = 0;
	std::string what_;
	clock::time_point turn_began_{};
	clock::time_point drawn_{};
	size_t shown_ = 0; // characters of the bar that is on the terminal
};

} // namespace xenpv::cli::bench
