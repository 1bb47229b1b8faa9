// SPDX-License-Identifier: GPL-2.0-only
// What any frontend is made of, played from user space: grants, event channels and xenstore through Xen's libraries,
// and rings as io/ring.h describes them. It shares no code with the drivers that it is to try.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

extern "C" {
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#include <xen/io/xenbus.h>
}

namespace handfront {

inline constexpr uint32_t page_bytes = 4096;

// Says why on standard error and ends the program with status 1.
[[noreturn, gnu::format(printf, 1, 2)]] void fail(const char *format, ...);

// The frontend's side of a ring on one zeroed page.
class ring {
public:
	void open(uint8_t *page, uint32_t slots, uint32_t slot_bytes);

	// The next request, not yet the backend's; returns its number since open.
	uint32_t put(const void *request, uint32_t bytes);
	// Makes what was put the backend's, and `beyond` slots more that nobody filled. True: it wants an event.
	[[nodiscard]] bool push(uint32_t beyond = 0);
	// True when there is a response; false: an event is coming with the next.
	[[nodiscard]] bool ready();
	// Copies the next response; returns its number since open.
	uint32_t take(void *response, uint32_t bytes);

	[[nodiscard]] uint32_t put_so_far() const { return req_prod_; }

private:
	[[nodiscard]] uint32_t *index(uint32_t which) const;
	[[nodiscard]] uint8_t *slot(uint32_t number) const;

	uint8_t *page_ = nullptr;
	uint32_t slots_ = 0;
	uint32_t slot_bytes_ = 0;
	uint32_t req_prod_ = 0;
	uint32_t rsp_cons_ = 0;
};

using settings = std::map<std::string, std::optional<std::string>>;

class peer {
public:
	// kind: "vbd" or "vif"; device: its number in xenstore.
	peer(const char *kind, const char *device);

	// Publishes this instead of the right value; nothing: the key is left out.
	void key(const std::string &name, std::optional<std::string> value) { overrides_[name] = std::move(value); }
	// Removes what an earlier frontend may have left and waits for a backend that is ready for a new one.
	void start(const std::vector<std::string> &left);
	void publish(settings keys);
	void close();
	void enter(int state);
	void await(int state);
	[[nodiscard]] std::string own(const std::string &name) const;
	[[nodiscard]] std::optional<std::string> theirs(const std::string &name) const;

	// Zeroed pages; refs has room for as many.
	[[nodiscard]] uint8_t *share(uint32_t pages, grant_ref_t *refs, bool writable = true);
	[[nodiscard]] evtchn_port_t channel();
	void notify(evtchn_port_t port);
	// Waits for a response, half a minute at most.
	void await_response(ring &r);
	// The same for so many milliseconds; false: none came.
	[[nodiscard]] bool has_response(ring &r, int64_t milliseconds);

private:
	void write(const std::string &name, const std::string &value);
	void remove(const std::string &name);
	[[nodiscard]] int peer_state();

	xs_handle *store_;
	xengntshr_handle *grants_;
	xenevtchn_handle *events_;
	std::string home_;
	std::string peer_;
	uint32_t peer_domain_;
	settings overrides_;
};

} // namespace handfront
