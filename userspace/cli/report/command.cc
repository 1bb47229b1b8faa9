// SPDX-License-Identifier: GPL-2.0-only
#include <cli/report/command.hpp>

#include <cli/bench/failure.hpp>
#include <cli/bench/results_file.hpp>
#include <cli/context.hpp>
#include <cli/report/browser.hpp>
#include <cli/report/page.hpp>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace xenpv::cli {
namespace {

struct options {
	std::vector<std::string> files;
	std::string html;
	std::string png;
};

// Before anything is written: neither a directory nor one of the results.
void check_target(const std::string &path, const std::vector<std::string> &sources, const char *option)
{
	namespace fs = std::filesystem;
	std::error_code none;
	const std::string advice = std::string("name another file with ") + option;
	if (fs::exists(path, none) && !fs::is_regular_file(path, none))
		throw bench::bad_argument(path + " is no file that could be written to", advice);
	for (const std::string &source : sources)
		if (fs::equivalent(path, source, none))
			throw bench::bad_argument(path + " is one of the results and would be overwritten", advice);
	const fs::path folder = fs::path(path).parent_path().empty() ? "." : fs::path(path).parent_path();
	if (::access(folder.c_str(), W_OK | X_OK) != 0)
		throw bench::bad_argument("cannot write to " + folder.string() + ": " + std::strerror(errno), advice);
}

void make(const options &given, context &ctx)
{
	const std::vector<std::string> names = report::short_names(given.files);
	std::vector<report::source> sources;
	for (size_t i = 0; i < given.files.size(); ++i)
		sources.push_back({names[i], bench::read_file(given.files[i])});
	for (const report::source &one : sources)
		for (const std::string &note : one.content.notes)
			*ctx.err << "note: " << note << "\n";
	check_target(given.html, given.files, "-o");
	std::string browser;
	if (!given.png.empty()) {
		check_target(given.png, given.files, "--png");
		browser = report::find_browser();
	}
	bench::write_file(given.html, report::page(sources));
	*ctx.out << given.html << ": the page, complete in itself\n";
	if (given.png.empty())
		return;
	ctx.out->flush();
	report::take_picture(browser, given.html, given.png);
	*ctx.out << given.png << ": a picture of it\n";
}

} // namespace

void add_report(CLI::App &app, context &ctx)
{
	CLI::App *sub = app.add_subcommand("report", "turn results of bench into a page");
	const auto given = std::make_shared<options>();
	sub->add_option("files", given->files, "results of `xenpv bench`, or build/demo/report.json of `make demo`")
		->type_name("FILE")
		->required();
	sub->add_option("-o,--output", given->html, "the page")->type_name("FILE.html")->required();
	sub->add_option("--png", given->png, "a picture of it, too (needs chromium)")->type_name("FILE.png");
	sub->footer(R"(Description:
Makes one page of charts of one or more results files: throughput with its spread,
ratios with their intervals, latencies, and what a request or packet cost. It needs nothing from elsewhere and
prints well. A picture of it is made by Chromium, which has to be installed.

Examples:
  xenpv report today.json -o today.html
  xenpv report before.json after.json -o both.html --png both.png
)");
	sub->callback([given, &ctx] { make(*given, ctx); });
}

} // namespace xenpv::cli
