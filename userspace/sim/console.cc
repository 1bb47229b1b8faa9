// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/console.hpp>
#include <userspace/sim/world.hpp>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace xenpv::sim {

void console::say(kapi_level level, const char *who, std::string text)
{
	const std::lock_guard held(mutex_);
	if (std::getenv("XENPV_SIM_VERBOSE") != nullptr)
		std::fprintf(stderr, "xenpv: %s: %s\n", who, text.c_str());
	lines_.push_back({level, who, std::move(text)});
}

void console::break_rule(const char *what)
{
	const std::lock_guard held(mutex_);
	broken_.emplace_back(what);
}

std::vector<line> console::lines() const
{
	const std::lock_guard held(mutex_);
	return lines_;
}

std::vector<std::string> console::broken_rules() const
{
	const std::lock_guard held(mutex_);
	return broken_;
}

std::vector<std::string> console::take_broken_rules()
{
	const std::lock_guard held(mutex_);
	return std::exchange(broken_, {});
}

size_t console::count(const std::string &part, kapi_level at_least) const
{
	const std::lock_guard held(mutex_);
	size_t n = 0;
	for (const line &l : lines_)
		n += l.level <= at_least && l.text.find(part) != std::string::npos;
	return n;
}

} // namespace xenpv::sim

void kapi_log(kapi_level level, const char *who, const char *fmt, ...)
{
	char text[512];
	va_list args;
	va_start(args, fmt);
	std::vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	xenpv::sim::world::get().console().say(level, who, text);
}

size_t kapi_vformat(char *buf, size_t size, const char *fmt, __builtin_va_list args)
{
	const int n = std::vsnprintf(buf, size, fmt, args);
	return n < 0 ? 0 : static_cast<size_t>(n) < size ? static_cast<size_t>(n) : size - 1;
}

size_t kapi_format(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	const size_t n = kapi_vformat(buf, size, fmt, args);
	va_end(args);
	return n;
}

void kapi_bug(const char *what)
{
	std::fprintf(stderr, "kapi_bug: %s\n", what);
	std::abort();
}
