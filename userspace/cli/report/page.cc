// SPDX-License-Identifier: GPL-2.0-only
#include <cli/report/page.hpp>

#include <cli/report/sections.hpp>
#include <cli/report/style.hpp>
#include <cli/report/svg.hpp>

namespace xenpv::cli::report {
namespace {

std::string written_as(const half &of)
{
	if (of.shown.empty())
		return "";
	return std::string("<h2>") + (of.network ? "Network" : "Disk") + "</h2>\n" + legend(of) + summary_table(of) +
	       throughput(of) + latencies(of) + costs(of);
}

// "6.1 on Xen 4.17" and so on, of each file.
std::string subtitle(const std::vector<source> &sources)
{
	std::string all;
	for (const source &one : sources) {
		std::string line;
		for (const char *key : {"measured", "mode", "xen", "kernel", "guest_kernel"})
			for (const auto &[name, value] : one.content.environment)
				if (name == key && value != "none")
					line += (line.empty() ? "" : ", ") + (name == "xen" ? "Xen " + value : value);
		all += "<p class=\"soft\">" + escaped(one.name) + (line.empty() ? "" : ": " + escaped(line)) + "</p>\n";
	}
	return all;
}

} // namespace

std::string page(const std::vector<source> &sources)
{
	return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	       "<title>Paravirtual and emulated I/O</title>\n<style>" +
	       std::string(style_sheet()) + "</style>\n</head>\n<body>\n<h1>Paravirtual and emulated I/O</h1>\n" +
	       subtitle(sources) + warnings(sources) + written_as(half_of(sources, false)) +
	       written_as(half_of(sources, true)) + circumstances(sources) + "</body>\n</html>\n";
}

} // namespace xenpv::cli::report
