// SPDX-License-Identifier: GPL-2.0-only
#include <cli/documents/documents.hpp>

#include <cli/source/text.hpp>

#include <fmt/format.h>
#include <utility>

namespace xenpv::cli {
namespace {

// roff reads a backslash, a leading dot and a dash in its own way.
std::string escaped(std::string_view text)
{
	std::string out;
	for (const char c : text) {
		if (c == '\\')
			out += "\\e";
		else if (c == '-')
			out += "\\-";
		else
			out += c;
	}
	return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

std::string upper(std::string text)
{
	for (char &c : text)
		c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
	return text;
}

std::string heading(const outline_option &o)
{
	std::string out;
	for (const std::string &name : o.names) {
		out += (out.empty() ? "" : ", ") + std::string("\\fB") + escaped(name) + "\\fR";
		if (!o.value.empty() && name.starts_with('-'))
			out += o.optional_value ? fmt::format("[=\\fI{}\\fR]", escaped(o.value))
						: fmt::format(" \\fI{}\\fR", escaped(o.value));
	}
	return out;
}

// A heading is a line of its own that ends in a colon; deeper lines below it are kept as they are.
std::string sections(const std::string &text)
{
	std::string out;
	bool kept = false;
	bool after_empty = true;
	for (const auto line : split(text, '\n')) {
		const bool indented = line.starts_with("  ");
		const bool begins = std::exchange(after_empty, trimmed(line).empty());
		if (begins && line.ends_with(':') && line.find(' ') == line.rfind(' ')) {
			out += fmt::format(".SH {}\n", escaped(upper(std::string(line.substr(0, line.size() - 1)))));
			continue;
		}
		if (trimmed(line).empty()) {
			if (kept)
				out += ".fi\n";
			kept = false;
			out += ".PP\n";
			continue;
		}
		if (indented && !kept) {
			out += ".nf\n";
			kept = true;
		}
		out += escaped(trimmed(line)) + "\n";
	}
	return kept ? out + ".fi\n" : out;
}

} // namespace

std::string man_page(const outline &all, const outline &page, const std::string &version)
{
	const bool whole = &all == &page;
	const std::string name = whole ? all.name : all.name + "-" + page.name;
	const std::string command = whole ? all.name : all.name + " " + page.name;
	std::string out = fmt::format(
		".\\\" Made from the command's own help.\n.TH {} 1 \"\" \"xenpv {}\" \"xenpv\"\n.SH NAME\n{} \\- {}\n",
		upper(escaped(name)), version, escaped(name), escaped(page.summary));
	std::string positionals;
	for (const outline_option &o : page.options)
		if (!o.names.empty() && !o.names[0].starts_with('-'))
			positionals += fmt::format(" [\\fI{}\\fR ...]", escaped(o.names[0]));
	out += fmt::format(".SH SYNOPSIS\n\\fB{}\\fR{} [\\fIOPTION\\fR ...]{}\n", escaped(command),
			   whole ? " \\fISUBCOMMAND\\fR" : "", positionals);
	if (whole) {
		out += ".SH SUBCOMMANDS\n";
		for (const outline &sub : page.subcommands)
			out += fmt::format(".TP\n\\fB{}\\fR\n{}: see \\fB{}\\-{}\\fR(1)\n", escaped(sub.name),
					   escaped(sub.summary), escaped(all.name), escaped(sub.name));
	}
	out += ".SH OPTIONS\n";
	for (const outline_option &o : page.options)
		out += fmt::format(".TP\n{}\n{}\n", heading(o), escaped(o.help));
	out += sections(page.text);
	if (!whole)
		out += fmt::format(".SH EXIT STATUS\nThat of \\fB{}\\fR(1).\n", escaped(all.name));
	out += ".SH SEE ALSO\n";
	if (!whole)
		out += fmt::format("\\fB{}\\fR(1)\n", escaped(all.name));
	else
		out += "\\fBxl\\fR(1), \\fBxenstore\\-ls\\fR(1)\n";
	return out;
}

} // namespace xenpv::cli
