// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/files.hpp>

#include <cli/source/text.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace xenpv::cli::bench {

std::string text_of(const std::filesystem::path &path)
{
	std::ifstream file(path, std::ios::binary);
	std::ostringstream text;
	if (file && file.peek() != std::ifstream::traits_type::eof())
		text << file.rdbuf();
	return text.str();
}

std::string line_of(const std::filesystem::path &path)
{
	return std::string(trimmed(text_of(path)));
}

uint64_t number_in(const std::filesystem::path &path)
{
	return std::strtoull(line_of(path).c_str(), nullptr, 10);
}

std::string link_name(const std::filesystem::path &path)
{
	std::error_code none;
	return std::filesystem::read_symlink(path, none).filename().string();
}

} // namespace xenpv::cli::bench
