// SPDX-License-Identifier: GPL-2.0-only
// What the shells offer after a Tab.
#include <cli/documents/documents.hpp>

#include <cli/source/text.hpp>

#include <fmt/format.h>

namespace xenpv::cli {
namespace {

std::string joined(const std::vector<std::string> &words, const char *with)
{
	std::string out;
	for (const std::string &word : words)
		out += (out.empty() ? "" : with) + word;
	return out;
}

std::vector<std::string> names(const outline &page)
{
	std::vector<std::string> out;
	for (const outline_option &o : page.options)
		for (const std::string &name : o.names)
			if (name.starts_with('-'))
				out.push_back(name);
	return out;
}

std::vector<std::string> subcommands(const outline &all)
{
	std::vector<std::string> out;
	for (const outline &sub : all.subcommands)
		out.push_back(sub.name);
	return out;
}

bool takes_file(const outline_option &o)
{
	return contains(o.value, "FILE") || contains(o.value, "PATH") || contains(o.value, "DIR") ||
	       (!o.names.empty() && !o.names[0].starts_with('-'));
}

std::string in_quotes(std::string_view text)
{
	std::string out = "'";
	for (const char c : text)
		out += c == '\'' ? std::string("'\\''") : std::string(1, c);
	return out + "'";
}

// Brackets and colons end a description for zsh's _arguments.
std::string for_zsh(std::string_view text)
{
	std::string out;
	for (const char c : text) {
		if (c == '[' || c == ']' || c == ':')
			out += '\\';
		out += c;
	}
	return out;
}

std::string bash_values(const outline &page)
{
	std::string out;
	for (const outline_option &o : page.options) {
		std::vector<std::string> dashed;
		for (const std::string &name : o.names)
			if (name.starts_with('-'))
				dashed.push_back(name);
		if (dashed.empty() || o.value.empty() || o.optional_value)
			continue;
		out += fmt::format("\t\t\t{})\n\t\t\t\t", joined(dashed, "|"));
		if (!o.choices.empty())
			out += fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")\n",
					   joined(o.choices, " "));
		else if (takes_file(o))
			out += "mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n";
		else
			out += "COMPREPLY=()\n";
		out += "\t\t\t\treturn\n\t\t\t\t;;\n";
	}
	return out;
}

bool has_files(const outline &page)
{
	for (const outline_option &o : page.options)
		if (!o.names.empty() && !o.names[0].starts_with('-'))
			return true;
	return false;
}

} // namespace

std::string bash_completion(const outline &all)
{
	std::string out =
		"# bash completion for xenpv, made from the command's own help.\n"
		"_xenpv() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} sub='' w\n"
		"\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n\t\tcase $w in\n";
	out += fmt::format("\t\t{}) sub=$w; break ;;\n\t\tesac\n\tdone\n\tcase $sub in\n",
			   joined(subcommands(all), "|"));
	for (const outline &sub : all.subcommands) {
		out += fmt::format("\t{})\n", sub.name);
		if (const std::string values = bash_values(sub); !values.empty())
			out += fmt::format("\t\tcase $before in\n{}\t\tesac\n", values);
		out += fmt::format("\t\tmapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")\n",
				   joined(names(sub), " "));
		if (has_files(sub))
			out += "\t\t[[ $word == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n";
		out += "\t\t;;\n";
	}
	out += "\t*)\n";
	if (const std::string values = bash_values(all); !values.empty())
		out += fmt::format("\t\tcase $before in\n{}\t\tesac\n", values);
	return out + fmt::format("\t\tmapfile -t COMPREPLY < <(compgen -W '{} {}' -- "
				 "\"$word\")\n\t\t;;\n\tesac\n}}\ncomplete -F _xenpv xenpv\n",
				 joined(subcommands(all), " "), joined(names(all), " "));
}

std::string zsh_completion(const outline &all)
{
	const auto arguments = [](const outline &page) {
		std::string out;
		for (const outline_option &o : page.options) {
			std::string value;
			if (!o.value.empty())
				value = fmt::format(":{}:{}", for_zsh(o.value),
						    !o.choices.empty() ? "(" + joined(o.choices, " ") + ")"
						    : takes_file(o)    ? "_files"
								       : " ");
			for (const std::string &name : o.names)
				out += name.starts_with('-')
					       ? fmt::format(" \\\n\t\t\t{}",
							     in_quotes(fmt::format(
								     "{}{}[{}]{}", name, o.optional_value ? "=-" : "",
								     for_zsh(o.help),
								     o.optional_value ? ":" + value : value)))
					       : std::string(" \\\n\t\t\t'*:file:_files'");
		}
		return out;
	};
	std::string out = "#compdef xenpv\n# zsh completion for xenpv, made from the command's own help.\n_xenpv() {\n"
			  "\tlocal context state line\n\tlocal -a subcommands\n\tsubcommands=(\n";
	for (const outline &sub : all.subcommands)
		out += fmt::format("\t\t{}\n", in_quotes(fmt::format("{}:{}", sub.name, for_zsh(sub.summary))));
	out += fmt::format(
		"\t)\n\t_arguments -C{} \\\n\t\t\t'1:subcommand:->subcommand' \\\n\t\t\t'*::options:->options'\n"
		"\tcase $state in\n\tsubcommand)\n\t\t_describe subcommand subcommands\n\t\t;;\n\toptions)\n"
		"\t\tcase $words[1] in\n",
		arguments(all));
	for (const outline &sub : all.subcommands)
		out += fmt::format("\t\t{})\n\t\t\t_arguments{}\n\t\t\t;;\n", sub.name, arguments(sub));
	return out + "\t\tesac\n\t\t;;\n\tesac\n}\n_xenpv \"$@\"\n";
}

std::string fish_completion(const outline &all)
{
	std::string out = "# fish completion for xenpv, made from the command's own help.\ncomplete -c xenpv -f\n";
	const auto lines = [](const outline &page, const std::string &when) {
		std::string text;
		for (const outline_option &o : page.options) {
			std::string line = fmt::format("complete -c xenpv -n {}", in_quotes(when));
			bool dashed = false;
			for (const std::string &name : o.names) {
				if (name.starts_with("--"))
					line += " -l " + name.substr(2);
				else if (name.starts_with('-'))
					line += " -s " + name.substr(1);
				dashed = dashed || name.starts_with('-');
			}
			if (!dashed) {
				text += line + " -F\n";
				continue;
			}
			if (!o.value.empty() && !o.optional_value)
				line += !o.choices.empty() ? fmt::format(" -x -a {}", in_quotes(joined(o.choices, " ")))
					: takes_file(o)    ? " -r -F"
							   : " -x";
			text += fmt::format("{} -d {}\n", line, in_quotes(o.help));
		}
		return text;
	};
	const std::string none = "not __fish_seen_subcommand_from " + joined(subcommands(all), " ");
	for (const outline &sub : all.subcommands)
		out += fmt::format("complete -c xenpv -n {} -a {} -d {}\n", in_quotes(none), sub.name,
				   in_quotes(sub.summary));
	out += lines(all, none);
	for (const outline &sub : all.subcommands)
		out += lines(sub, "__fish_seen_subcommand_from " + sub.name);
	return out;
}

} // namespace xenpv::cli
