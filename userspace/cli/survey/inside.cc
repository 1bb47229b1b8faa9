// SPDX-License-Identifier: GPL-2.0-only
// Our modules' files in debugfs: "name value" lines, and "queue N" before those of a queue.
#include <cli/survey/parts.hpp>

#include <cli/source/text.hpp>

#include <fmt/format.h>

namespace xenpv::cli {
namespace {

constexpr std::size_t most_shown_queues = 64;

void add(counters &to, std::string_view line)
{
	const auto fields = words(line);
	if (fields.size() != 2)
		return;
	if (const auto value = number(fields[1]))
		to.emplace_back(printable(fields[0], 64), *value);
}

counters read_counters(tree &files, const std::string &path)
{
	counters out;
	const auto text = files.text(path);
	if (text)
		for (const auto line : split(*text, '\n'))
			add(out, line);
	return out;
}

void read_driver(const std::string &text, insight &in)
{
	for (const auto line : split(text, '\n')) {
		const auto fields = words(line);
		if (fields.size() == 2 && fields[0] == "state")
			in.state = printable(fields[1], 32);
		else if (fields.size() == 2 && fields[0] == "waits_for")
			in.waits_for = printable(fields[1], 32);
		else if (fields.size() == 2 && fields[0] == "queue" && in.queues.size() < most_shown_queues)
			in.queues.emplace_back();
		else
			add(in.queues.empty() ? in.facts : in.queues.back(), line);
	}
}

} // namespace

void see_inside(tree &files, const std::string &xenbus_id, device &d)
{
	const std::string folder = "/sys/kernel/debug/xenpv/" + xenbus_id;
	std::optional<std::string> text;
	for (const char *name : {"blkfront", "netfront", "blkback", "netback"})
		if (!text)
			text = files.text(fmt::format("{}/{}", folder, name));
	if (!text)
		return;
	insight in;
	read_driver(*text, in);
	in.grants = read_counters(files, folder + "/grants");
	for (const std::string &name : files.list(folder))
		if (name.starts_with("event-"))
			in.events.push_back({printable(name.substr(6), 32),
					     read_counters(files, fmt::format("{}/{}", folder, name))});
	d.inside = std::move(in);
}

} // namespace xenpv::cli
