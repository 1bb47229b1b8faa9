// SPDX-License-Identifier: GPL-2.0-only
// The store: paths, values, and who wants to hear of changes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xenpv::sim {

class domain;

class xenstore {
public:
	using changes = std::vector<std::pair<std::string, std::string>>;
	using watch_id = uint64_t;

	[[nodiscard]] std::optional<std::string> read(const std::string &path) const;
	void write(const std::string &path, const std::string &value);
	// All at once; false on a conflict, and then nothing is written.
	[[nodiscard]] bool commit(const changes &all);
	// The path and what is below it.
	void remove(const std::string &path);
	[[nodiscard]] std::vector<std::string> list(const std::string &below) const;

	// `changed` runs in the domain's xenwatch thread, once at first and then after
	// changes of the path or below; several before it runs are one (XSA-349).
	watch_id watch(domain &who, const std::string &path, std::function<void()> changed);
	// Waits for a running callback, unless called by it.
	void unwatch(watch_id id);

private:
	struct watcher {
		domain *who;
		std::string path;
		std::function<void()> changed;
		std::mutex mutex;
		bool queued = false;
		bool gone = false;
	};
	void fire(const std::string &path);
	static void queue(const std::shared_ptr<watcher> &w);

	mutable std::mutex mutex_;
	std::map<std::string, std::string> values_;
	std::map<watch_id, std::shared_ptr<watcher>> watchers_;
	watch_id next_ = 1;
};

} // namespace xenpv::sim
