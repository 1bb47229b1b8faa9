// SPDX-License-Identifier: GPL-2.0-only
#include <cli/source/store.hpp>

#include <cli/context.hpp>
#include <cli/source/text.hpp>

#include <algorithm>

namespace xenpv::cli {
namespace {

// A guest may fill its own directories: more than any device has is not looked at.
constexpr std::size_t most_names = 2048;

} // namespace

xenstore::xenstore(const context &ctx)
{
	try {
		store_ = ctx.open_store ? ctx.open_store() : open_xenstore();
	} catch (const failure &error) {
		why_not_ = error;
	}
}

template <typename Answer, typename Ask>
Answer xenstore::ask(Ask &&question)
{
	if (store_ == nullptr)
		return {};
	try {
		return question();
	} catch (const failure &error) {
		why_not_ = error;
		store_.reset();
		return {};
	}
}

std::optional<std::string> xenstore::read(const std::string &path)
{
	return ask<std::optional<std::string>>([&] { return store_->read(path); });
}

std::string xenstore::line(const std::string &path)
{
	const auto raw = read(path);
	return raw ? printable(*raw, 256) : std::string();
}

std::optional<std::uint64_t> xenstore::value(const std::string &path, std::uint64_t max)
{
	const auto raw = read(path);
	return raw ? number(*raw, max) : std::nullopt;
}

std::vector<std::string> xenstore::list(const std::string &path)
{
	auto names = ask<std::vector<std::string>>([&] { return store_->list(path); });
	// The protocol allows nothing else in a name; what says otherwise is not worth a path.
	std::erase_if(names, [](const std::string &name) {
		return name.empty() || name.size() > 128 || printable(name, 256) != name || contains(name, "/");
	});
	if (names.size() > most_names)
		names.resize(most_names);
	std::sort(names.begin(), names.end());
	return names;
}

} // namespace xenpv::cli
