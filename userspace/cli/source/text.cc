// SPDX-License-Identifier: GPL-2.0-only
#include <cli/source/text.hpp>

#include <charconv>
#include <fmt/format.h>

namespace xenpv::cli {

std::string printable(std::string_view raw, std::size_t limit)
{
	std::string out;
	for (const char c : raw) {
		if (out.size() >= limit)
			return out + "...";
		const auto byte = static_cast<unsigned char>(c);
		if (byte >= 0x20 && byte < 0x7f)
			out += c;
		else
			out += fmt::format("\\x{:02x}", byte);
	}
	return out;
}

std::optional<std::uint64_t> number(std::string_view raw, std::uint64_t max)
{
	std::uint64_t value = 0;
	const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
	if (raw.empty() || error != std::errc{} || end != raw.data() + raw.size() || value > max)
		return std::nullopt;
	return value;
}

std::string_view trimmed(std::string_view raw)
{
	const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\0'; };
	while (!raw.empty() && blank(raw.front()))
		raw.remove_prefix(1);
	while (!raw.empty() && blank(raw.back()))
		raw.remove_suffix(1);
	return raw;
}

std::vector<std::string_view> split(std::string_view raw, char separator)
{
	std::vector<std::string_view> out;
	for (;;) {
		const auto at = raw.find(separator);
		out.push_back(raw.substr(0, at));
		if (at == std::string_view::npos)
			return out;
		raw.remove_prefix(at + 1);
	}
}

std::vector<std::string_view> words(std::string_view raw)
{
	std::vector<std::string_view> out;
	std::size_t at = 0;
	while (at < raw.size()) {
		const auto begin = raw.find_first_not_of(" \t\r\n", at);
		if (begin == std::string_view::npos)
			break;
		const auto end = raw.find_first_of(" \t\r\n", begin);
		out.push_back(raw.substr(begin, end == std::string_view::npos ? end : end - begin));
		at = end == std::string_view::npos ? raw.size() : end;
	}
	return out;
}

bool contains(std::string_view text, std::string_view part)
{
	return text.find(part) != std::string_view::npos;
}

} // namespace xenpv::cli
