// SPDX-License-Identifier: GPL-2.0-only
// debugfs: what an administrator would read.
#pragma once
#include <kapi/debugfs.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

struct kapi_file {
	std::string path;
	void (*show)(void *ctx, kapi_text *out);
	void *ctx;
	std::mutex reading;
};

struct kapi_text {
	std::string text;
};

namespace xenpv::sim {

class files {
public:
	kapi_file *create(std::string path, void (*show)(void *ctx, kapi_text *out), void *ctx);
	void remove(kapi_file *file);
	// "DIR/NAME", nothing when there is no such file.
	[[nodiscard]] std::optional<std::string> read(const std::string &path);

private:
	std::mutex mutex_;
	std::map<std::string, std::shared_ptr<kapi_file>> files_;
};

} // namespace xenpv::sim
