// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/progress.hpp>

#include <algorithm>
#include <cmath>

namespace xenpv::cli::bench {
namespace {

constexpr double pause = 1; // s between two drawings
constexpr size_t bar_width = 24;

double since(std::chrono::steady_clock::time_point then)
{
	return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

} // namespace

progress::progress(std::ostream &to, bool terminal, unsigned columns, const std::vector<turn> &plan)
	: to_(to), plan_(plan), terminal_(terminal), columns_(columns)
{
}

progress::~progress()
{
	clear();
}

void progress::begin(size_t turn, const std::string &what)
{
	turn_ = turn;
	what_ = what;
	turn_began_ = clock::now();
	if (terminal_) {
		draw();
		return;
	}
	to_ << "[" << turn + 1 << "/" << plan_.size() << "] " << what << std::endl;
}

void progress::tick()
{
	if (terminal_ && since(drawn_) >= pause)
		draw();
}

void progress::draw()
{
	drawn_ = clock::now();
	const double all = seconds_of(plan_);
	const double here = std::min(since(turn_began_), seconds_of(plan_, turn_) - seconds_of(plan_, turn_ + 1));
	const double left = seconds_of(plan_, turn_) - here;
	const std::string line = bar(all > 0 ? (all - left) / all : 1, left);
	to_ << '\r' << line << std::string(shown_ > line.size() ? shown_ - line.size() : 0, ' ') << std::flush;
	shown_ = line.size();
}

void progress::clear()
{
	if (shown_ != 0)
		to_ << '\r' << std::string(shown_, ' ') << '\r' << std::flush;
	shown_ = 0;
}

std::string progress::bar(double share, double left) const
{
	const auto full = static_cast<size_t>(std::lround(std::clamp(share, 0.0, 1.0) * bar_width));
	std::string line = "[" + std::string(full, '#') + std::string(bar_width - full, '.') + "] " +
			   std::to_string(std::lround(std::clamp(share, 0.0, 1.0) * 100)) + "%, " + span(left) +
			   " left: " + what_;
	// A line that wraps could not be taken back.
	if (line.size() >= columns_)
		line.resize(columns_ - 1);
	return line;
}

} // namespace xenpv::cli::bench
