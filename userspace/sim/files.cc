// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/files.hpp>
#include <userspace/sim/world.hpp>

#include <cstdarg>
#include <cstdio>
#include <utility>

namespace xenpv::sim {

kapi_file *files::create(std::string path, void (*show)(void *ctx, kapi_text *out), void *ctx)
{
	const std::lock_guard held(mutex_);
	if (files_.count(path) != 0) {
		violation(("two files of one name: " + path).c_str());
		return nullptr;
	}
	auto file = std::make_shared<kapi_file>();
	file->path = path;
	file->show = show;
	file->ctx = ctx;
	files_[std::move(path)] = file;
	++world::get().live().files;
	return file.get();
}

void files::remove(kapi_file *file)
{
	std::shared_ptr<kapi_file> last;
	{
		const std::lock_guard held(mutex_);
		const auto at = files_.find(file->path);
		last = at->second;
		files_.erase(at);
	}
	// Waits for a reader.
	const std::lock_guard held(last->reading);
	last->show = nullptr;
	--world::get().live().files;
}

std::optional<std::string> files::read(const std::string &path)
{
	std::shared_ptr<kapi_file> file;
	{
		const std::lock_guard held(mutex_);
		const auto at = files_.find(path);
		if (at == files_.end())
			return std::nullopt;
		file = at->second;
	}
	const std::lock_guard held(file->reading);
	if (file->show == nullptr)
		return std::nullopt;
	kapi_text out;
	file->show(file->ctx, &out);
	return out.text;
}

} // namespace xenpv::sim

void kapi_print(kapi_text *out, const char *fmt, ...)
{
	char part[2048];
	va_list args;
	va_start(args, fmt);
	std::vsnprintf(part, sizeof(part), fmt, args);
	va_end(args);
	out->text += part;
}

kapi_file *kapi_file_create(const char *dir, const char *name, void (*show)(void *ctx, kapi_text *out), void *ctx)
{
	xenpv::sim::might_sleep("kapi_file_create");
	return xenpv::sim::world::get().files().create(std::string(dir) + "/" + name, show, ctx);
}

void kapi_file_remove(kapi_file *file)
{
	xenpv::sim::might_sleep("kapi_file_remove");
	if (file != nullptr)
		xenpv::sim::world::get().files().remove(file);
}
