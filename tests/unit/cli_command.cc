// SPDX-License-Identifier: GPL-2.0-only
// How the xenpv command is called, how it ends, and the documents made from it.
#include "cli_fixture.hpp"

#include <cli/documents/documents.hpp>

#include <boost/test/unit_test.hpp>

namespace {

bool has(const std::string &text, const std::string &part)
{
	return text.find(part) != std::string::npos;
}

cli::failure silent()
{
	return {cli::exit_code::blind, "xenstore does not answer (waited 3 s for opening it)",
		"see that xenstored runs"};
}

} // namespace

BOOST_FIXTURE_TEST_CASE(wrong_usage_ends_with_2_and_says_what_to_do, fake_machine)
{
	for (const std::vector<std::string> &wrong : {std::vector<std::string>{"status", "--frobnicate"},
						      {"frobnicate"},
						      {},
						      {"--color", "pink", "status"},
						      {"status", "--watch=-1"},
						      {"status", "--watch=1e9"},
						      {"status", "--count=3"},
						      {"advise", "extra"},
						      {"--man", "frobnicate"},
						      {"--completion", "tcsh"}}) {
		const outcome done = run(wrong);
		BOOST_TEST(done.status == 2);
		BOOST_TEST(done.out.empty());
		BOOST_TEST(has(done.err, "what to do: "));
	}
	BOOST_TEST(has(run({"status", "--frobnicate"}).err, "--frobnicate"));
}

BOOST_FIXTURE_TEST_CASE(without_xen_all_end_with_4, fake_machine)
{
	for (const char *sub : {"status", "advise", "doctor"}) {
		const outcome done = run({sub});
		BOOST_TEST(done.status == 4);
		BOOST_TEST(has(done.err, "no Xen guest"));
	}
	BOOST_TEST(has(run({"status", "--json"}).out, "\"none\""));
}

BOOST_FIXTURE_TEST_CASE(a_silent_xenstore_leaves_what_sysfs_has_and_ends_with_3, fake_machine)
{
	healthy_guest();
	ctx.open_store = []() -> std::unique_ptr<cli::store> { throw silent(); };
	for (const char *sub : {"status", "advise", "doctor"}) {
		const outcome done = run({sub});
		BOOST_TEST(done.status == (std::string(sub) == "advise" ? 1 : 3)); // PVH is advised without it
		BOOST_TEST(has(done.err, "does not answer"));
	}
	const std::string seen = run({"doctor", "--all"}).out;
	for (const char *check : {"xenstore states", "hotplug scripts", "queues", "features"})
		BOOST_TEST(has(seen, std::string("not seen: ") + check + ": xenstore does not tell"));
	BOOST_TEST(has(seen, "fine: unplug"));
	BOOST_TEST(has(run({"status"}).out, "xenpv_blkfront 0.3"));
}

BOOST_FIXTURE_TEST_CASE(a_xenstore_that_falls_silent_midway_is_asked_no_more, fake_machine)
{
	struct dying final : cli::store {
		unsigned *asked;
		explicit dying(unsigned *n) : asked(n) {}
		std::optional<std::string> read(const std::string &) override
		{
			if (++*asked > 3)
				throw silent();
			return "3";
		}
		std::vector<std::string> list(const std::string &) override
		{
			++*asked;
			throw silent();
		}
	};
	healthy_guest();
	unsigned asked = 0;
	ctx.open_store = [&asked] { return std::make_unique<dying>(&asked); };
	BOOST_TEST(run({"status"}).status == 3);
	BOOST_TEST(asked == 4U);
}

BOOST_FIXTURE_TEST_CASE(help_is_of_the_subcommand_that_is_named, fake_machine)
{
	const outcome all = run({"--help"});
	BOOST_TEST(all.status == 0);
	BOOST_TEST(has(all.out, "Exit status:"));
	const outcome one = run({"doctor", "--help"});
	BOOST_TEST(one.status == 0);
	BOOST_TEST(has(one.out, "hotplug scripts"));
	BOOST_TEST(has(run({"--version"}).out, "xenpv "));
}

BOOST_FIXTURE_TEST_CASE(colours_are_on_only_when_wanted, fake_machine)
{
	healthy_guest();
	BOOST_TEST(!has(run({"status"}).out, "\033["));
	BOOST_TEST(has(run({"status", "--color", "always"}).out, "\033[32m"));
	ctx.colour = true;
	BOOST_TEST(has(run({"status"}).out, "\033["));
	BOOST_TEST(!has(run({"--color=never", "status"}).out, "\033["));
}

BOOST_FIXTURE_TEST_CASE(every_option_is_in_every_document, fake_machine)
{
	const cli::outline all = cli::outline_of_command();
	const std::string bash = run({"--completion", "bash"}).out;
	const std::string zsh = run({"--completion", "zsh"}).out;
	const std::string fish = run({"--completion", "fish"}).out;
	BOOST_TEST(all.subcommands.size() == 5U);
	const std::string whole = run({"--man", "xenpv"}).out;
	for (const cli::outline &sub : all.subcommands) {
		const outcome man = run({"--man", sub.name});
		BOOST_TEST(man.status == 0);
		BOOST_TEST(has(whole, "xenpv\\-" + sub.name));
		for (const std::string &text : {bash, zsh, fish})
			BOOST_TEST(has(text, sub.name));
		for (const cli::outline_option &o : sub.options) {
			if (!o.names.back().starts_with("--"))
				continue;
			const std::string bare = o.names.back().substr(2);
			std::string in_roff = "\\-\\-";
			for (const char c : bare)
				in_roff += c == '-' ? std::string("\\-") : std::string(1, c);
			BOOST_TEST(has(man.out, in_roff));
			BOOST_TEST(has(bash, "--" + bare));
			BOOST_TEST(has(zsh, "--" + bare));
			BOOST_TEST(has(fish, "-l " + bare));
		}
	}
	BOOST_TEST(has(whole, ".SH EXIT STATUS"));
	std::string headings;
	std::istringstream bench(run({"--man", "bench"}).out);
	for (std::string line; std::getline(bench, line);)
		if (line.starts_with(".SH "))
			headings += line.substr(4) + "|";
	BOOST_TEST(headings == "NAME|SYNOPSIS|OPTIONS|DESCRIPTION|EXAMPLES|EXIT STATUS|SEE ALSO|");
	BOOST_TEST(!has(whole, "completion"));
	BOOST_TEST(has(run({"--man", "status"}).out, "[=\\fISECONDS\\fR]"));
	BOOST_TEST(has(fish, "-x -a 'auto always never'"));
}

BOOST_AUTO_TEST_CASE(roff_is_told_of_what_it_would_read_in_its_own_way)
{
	const cli::outline page{"x", "a -b", "Notes:\n  .TH evil\n  C:\\new\n", {}, {}};
	const std::string man = cli::man_page(page, page, "1");
	BOOST_TEST(has(man, "\n\\&.TH evil\n"));
	BOOST_TEST(has(man, "C:\\enew"));
}
