// SPDX-License-Identifier: GPL-2.0-only
// What is alive in the world: a test that ends with more than it began leaks.
#pragma once
#include <atomic>
#include <cstdint>
#include <sstream>
#include <string>

namespace xenpv::sim {

struct census {
	std::atomic<int64_t> memory{0};
	std::atomic<int64_t> pages{0};
	std::atomic<int64_t> foreign_pages{0};
	std::atomic<int64_t> references{0};
	std::atomic<int64_t> accesses{0};
	std::atomic<int64_t> mappings{0};
	std::atomic<int64_t> rings{0};
	std::atomic<int64_t> channels{0};
	std::atomic<int64_t> workers{0};
	std::atomic<int64_t> delayed{0};
	std::atomic<int64_t> files{0};
	std::atomic<int64_t> disks{0};

	// Empty when nothing is left, else "pages=1 mappings=2".
	[[nodiscard]] std::string leftovers() const
	{
		std::ostringstream out;
		const auto say = [&out](const char *name, const std::atomic<int64_t> &n) {
			if (n.load() != 0)
				out << (out.tellp() > 0 ? " " : "") << name << '=' << n.load();
		};
		say("memory", memory);
		say("pages", pages);
		say("foreign_pages", foreign_pages);
		say("references", references);
		say("accesses", accesses);
		say("mappings", mappings);
		say("rings", rings);
		say("channels", channels);
		say("workers", workers);
		say("delayed", delayed);
		say("files", files);
		say("disks", disks);
		return out.str();
	}
};

// What was asked of the hypervisor, in calls and in operations.
struct hypercalls {
	std::atomic<uint64_t> map{0};
	std::atomic<uint64_t> map_operations{0};
	std::atomic<uint64_t> unmap{0};
	std::atomic<uint64_t> unmap_operations{0};
	std::atomic<uint64_t> copy{0};
	std::atomic<uint64_t> copy_operations{0};
	std::atomic<uint64_t> notify{0};
	// Not hypercalls, but batches of the domain's free list.
	std::atomic<uint64_t> reference_batches{0};
	std::atomic<uint64_t> references_ended{0};
};

} // namespace xenpv::sim
