// SPDX-License-Identifier: GPL-2.0-only
// Xenstore through libxenstore.  The library is looked for at run time, since a guest need not have it, and
// waits for ever for a daemon that does not answer: it is called by a thread that can be given up.
#include <cli/source/store.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <dlfcn.h>
#include <fmt/format.h>
#include <future>
#include <mutex>
#include <thread>

namespace xenpv::cli {
namespace {

constexpr auto patience = std::chrono::seconds(3);

struct xs_handle;

// The library's interface, which has not changed since it has been called libxenstore.so.3.
struct library {
	xs_handle *(*open)(unsigned long flags) = nullptr;
	void (*close)(xs_handle *) = nullptr;
	void *(*read)(xs_handle *, std::uint32_t transaction, const char *path, unsigned *length) = nullptr;
	char **(*directory)(xs_handle *, std::uint32_t transaction, const char *path, unsigned *count) = nullptr;

	[[nodiscard]] bool load()
	{
		void *handle = nullptr;
		for (const char *name : {"libxenstore.so.4", "libxenstore.so.3.0", "libxenstore.so"})
			handle = handle != nullptr ? handle : dlopen(name, RTLD_NOW | RTLD_LOCAL);
		if (handle == nullptr)
			return false;
		open = reinterpret_cast<decltype(open)>(dlsym(handle, "xs_open"));
		close = reinterpret_cast<decltype(close)>(dlsym(handle, "xs_close"));
		read = reinterpret_cast<decltype(read)>(dlsym(handle, "xs_read"));
		directory = reinterpret_cast<decltype(directory)>(dlsym(handle, "xs_directory"));
		return open != nullptr && close != nullptr && read != nullptr && directory != nullptr;
	}
};

// Shared with the thread, which may outlive everybody else.
struct desk {
	std::mutex lock;
	std::condition_variable work;
	std::deque<std::function<void()>> jobs;
	bool closing = false;
	library lib;
	xs_handle *handle = nullptr; // the thread's

	void serve()
	{
		for (;;) {
			std::unique_lock held(lock);
			work.wait(held, [this] { return closing || !jobs.empty(); });
			if (jobs.empty())
				break;
			const auto job = std::move(jobs.front());
			jobs.pop_front();
			held.unlock();
			job();
		}
		if (handle != nullptr)
			lib.close(handle);
	}
};

class live final : public store {
public:
	live()
	{
		if (!desk_->lib.load())
			throw failure(exit_code::blind, "xenstore cannot be read: libxenstore.so.4 is not installed",
				      "apt install libxenstore4");
		thread_ = std::thread([desk = desk_] { desk->serve(); });
		// Whoever has an object has a connection, or has been told.
		const int error = ask<int>("opening it", [desk = desk_] {
			desk->handle = desk->lib.open(0);
			return desk->handle != nullptr ? 0 : errno;
		});
		if (error == 0)
			return;
		finish();
		if (error == EACCES || error == EPERM)
			throw failure(exit_code::blind, "xenstore cannot be read: permission denied", "run it as root");
		throw failure(exit_code::blind, fmt::format("xenstore cannot be opened: {}", std::strerror(error)),
			      "in a guest, mount xenfs (mount -t xenfs xenfs /proc/xen); in dom0, see that xenstored "
			      "runs (service xenstored status)");
	}

	~live() override { finish(); }
	live(const live &) = delete;
	live &operator=(const live &) = delete;

	std::optional<std::string> read(const std::string &path) override
	{
		return ask<std::optional<std::string>>(path, [desk = desk_, path]() -> std::optional<std::string> {
			unsigned length = 0;
			void *raw = desk->lib.read(desk->handle, 0, path.c_str(), &length);
			if (raw == nullptr)
				return std::nullopt;
			std::string value(static_cast<char *>(raw), length);
			std::free(raw);
			return value;
		});
	}

	std::vector<std::string> list(const std::string &path) override
	{
		return ask<std::vector<std::string>>(path, [desk = desk_, path] {
			unsigned count = 0;
			char **raw = desk->lib.directory(desk->handle, 0, path.c_str(), &count);
			std::vector<std::string> names;
			for (unsigned i = 0; raw != nullptr && i < count; ++i)
				names.emplace_back(raw[i]);
			std::free(raw);
			return names;
		});
	}

private:
	template <typename Answer, typename Job>
	Answer ask(const std::string &what, Job &&job)
	{
		auto task = std::make_shared<std::packaged_task<Answer()>>(std::forward<Job>(job));
		auto answer = task->get_future();
		{
			const std::lock_guard held(desk_->lock);
			desk_->jobs.emplace_back([task] { (*task)(); });
		}
		desk_->work.notify_one();
		if (answer.wait_for(patience) != std::future_status::ready) {
			thread_.detach();
			throw failure(
				exit_code::blind,
				fmt::format("xenstore does not answer (waited {} s for {})", patience.count(), what),
				"in dom0, see that xenstored runs and is not stuck (ps, /var/log/xen); a guest can "
				"only tell its host's administrator");
		}
		return answer.get();
	}

	void finish()
	{
		if (!thread_.joinable())
			return;
		{
			const std::lock_guard held(desk_->lock);
			desk_->closing = true;
		}
		desk_->work.notify_one();
		thread_.join();
	}

	std::shared_ptr<desk> desk_ = std::make_shared<desk>();
	std::thread thread_;
};

} // namespace

std::unique_ptr<store> open_xenstore()
{
	return std::make_unique<live>();
}

} // namespace xenpv::cli
