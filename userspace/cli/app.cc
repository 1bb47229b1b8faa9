// SPDX-License-Identifier: GPL-2.0-only
#include <cli/app.hpp>

#include <cli/bench/command.hpp>
#include <cli/context.hpp>
#include <cli/documents/documents.hpp>
#include <cli/report/command.hpp>
#include <cli/source/text.hpp>
#include <cli/subcommands.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

#ifndef XENPV_VERSION
#define XENPV_VERSION "unknown"
#endif

namespace xenpv::cli {
namespace {

constexpr const char *exit_status = R"(Exit status:
  0  all is well
  1  something is wrong, or should be changed
  2  an unknown option or argument, or a file that cannot be used
  3  it may not or cannot look: no privileges, a program or library that is
     missing, a xenstore that does not answer
  4  this is no Xen guest and no dom0

Environment:
  NO_COLOR  when set and not empty, no colours
)";

// Options that make documents, and are in none.
struct documents {
	std::string man{};
	std::string completion{};
};

std::unique_ptr<CLI::App> make_app(context &ctx, documents &docs)
{
	auto app =
		std::make_unique<CLI::App>("see, advise on, mend and measure paravirtual I/O of Xen guests", "xenpv");
	app->require_subcommand(0, 1);
	app->set_version_flag("--version", fmt::format("xenpv {}", XENPV_VERSION), "print the version");
	app->add_option_function<std::string>(
		   "--color",
		   [&ctx](const std::string &when) { ctx.colour = when == "always" || (when == "auto" && ctx.colour); },
		   "auto, always or never; auto is: on a terminal, without NO_COLOR")
		->check(CLI::IsMember({"auto", "always", "never"}))
		->option_text("WHEN");
	app->add_option("--man", docs.man)->group("");
	app->add_option("--completion", docs.completion)->check(CLI::IsMember({"bash", "zsh", "fish"}))->group("");
	app->fallthrough();
	add_status(*app, ctx);
	add_advise(*app, ctx);
	add_doctor(*app, ctx);
	add_bench(*app, ctx);
	add_report(*app, ctx);
	app->footer(std::string(exit_status));
	return app;
}

std::vector<std::string> choices_of(const std::string &type)
{
	const auto open = type.find('{');
	const auto close = type.find('}', open == std::string::npos ? 0 : open);
	std::vector<std::string> out;
	if (open != std::string::npos && close != std::string::npos)
		for (const auto word : split(std::string_view(type).substr(open + 1, close - open - 1), ','))
			out.emplace_back(trimmed(word));
	return out;
}

outline outline_of(CLI::App &app)
{
	outline out{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
	for (const CLI::Option *o : app.get_options()) {
		if (o->get_group().empty())
			continue;
		outline_option one;
		for (const std::string &name : o->get_snames())
			one.names.push_back("-" + name);
		for (const std::string &name : o->get_lnames())
			one.names.push_back("--" + name);
		if (one.names.empty())
			one.names.push_back(o->get_option_text().empty() ? o->get_single_name() : o->get_option_text());
		one.help = o->get_description();
		if (o->get_items_expected_max() > 0 && o->get_type_size_max() > 0) {
			one.choices = choices_of(o->get_type_name());
			std::string text = o->get_option_text().empty() ? o->get_type_name() : o->get_option_text();
			one.value = one.choices.empty() || !o->get_option_text().empty() ? text : "VALUE";
			if (const auto at = one.value.find_first_not_of("=["); at != std::string::npos && at > 0)
				one.value = one.value.substr(at, one.value.find(']') - at);
			one.optional_value = o->get_expected_min() == 0;
		}
		out.options.push_back(std::move(one));
	}
	for (CLI::App *sub : app.get_subcommands([](const CLI::App *) { return true; }))
		out.subcommands.push_back(outline_of(*sub));
	return out;
}

std::string document(const documents &docs)
{
	const outline all = outline_of_command();
	if (docs.completion == "bash")
		return bash_completion(all);
	if (docs.completion == "zsh")
		return zsh_completion(all);
	if (docs.completion == "fish")
		return fish_completion(all);
	if (docs.man == all.name)
		return man_page(all, all, version());
	for (const outline &sub : all.subcommands)
		if (docs.man == sub.name)
			return man_page(all, sub, version());
	throw failure(exit_code::usage, fmt::format("--man: there is no subcommand {}", printable(docs.man)),
		      "xenpv --help lists them; xenpv itself is \"xenpv\"");
}

int parse_and_run(const std::vector<std::string> &arguments, context &ctx)
{
	documents docs;
	const auto app = make_app(ctx, docs);
	try {
		app->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
	} catch (const CLI::CallForHelp &) {
		// Of the subcommand that was named, where there is one.
		const auto named = app->get_subcommands();
		*ctx.out << (named.empty() ? app->help() : named.front()->help(app->get_name()));
		return 0;
	} catch (const CLI::CallForVersion &error) {
		*ctx.out << error.what() << "\n";
		return 0;
	} catch (const CLI::ParseError &error) {
		throw failure(exit_code::usage, printable(error.what(), 400),
			      "xenpv --help, or xenpv SUBCOMMAND --help, lists what there is");
	}
	if (!docs.man.empty() || !docs.completion.empty())
		*ctx.out << document(docs);
	else if (app->get_subcommands().empty())
		throw failure(exit_code::usage, "no subcommand",
			      "xenpv status is a good first one; xenpv --help lists all");
	return static_cast<int>(ctx.status);
}

} // namespace

const char *version()
{
	return XENPV_VERSION;
}

void add_json_option(CLI::App &sub, context &ctx)
{
	sub.add_flag("--json", ctx.json, "print JSON, for programs");
}

outline outline_of_command()
{
	context unused;
	documents docs;
	return outline_of(*make_app(unused, docs));
}

int run(const std::vector<std::string> &arguments, context &ctx)
{
	int status = 0;
	try {
		status = parse_and_run(arguments, ctx);
	} catch (const failure &error) {
		ctx.out->flush();
		*ctx.err << fmt::format("xenpv: {}\nxenpv: what to do: {}\n", error.what(), error.advice());
		return static_cast<int>(error.code());
	} catch (const std::exception &error) {
		*ctx.err << fmt::format("xenpv: unexpected: {}\nxenpv: what to do: report it, with the command line\n",
					error.what());
		return static_cast<int>(exit_code::blind);
	}
	ctx.out->flush();
	return status;
}

} // namespace xenpv::cli
