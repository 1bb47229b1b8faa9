// SPDX-License-Identifier: GPL-2.0-only
#include "peer.hpp"

#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <poll.h>
#include <unistd.h>

namespace handfront {
namespace {

using steady = std::chrono::steady_clock;
constexpr int64_t patience_ms = 20'000;
constexpr int late_event_ms = 1'000;

// Indices of a ring's page, and where its slots begin (io/ring.h).
enum : uint32_t { req_prod, req_event, rsp_prod, rsp_event };
constexpr uint32_t header_bytes = 64;

template <typename T>
T *opened(T *handle, const char *what)
{
	if (handle == nullptr)
		fail("cannot open %s: %m", what);
	return handle;
}

std::optional<std::string> read(xs_handle *store, const std::string &path)
{
	unsigned int length = 0;
	char *text = static_cast<char *>(xs_read(store, XBT_NULL, path.c_str(), &length));
	if (text == nullptr)
		return std::nullopt;
	std::string value(text, length);
	free(text);
	return value;
}

std::string required(xs_handle *store, const std::string &path)
{
	auto value = read(store, path);
	if (!value)
		fail("xenstore has no %s: %m", path.c_str());
	return *value;
}

} // namespace

void fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("handfront: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

void ring::open(uint8_t *page, uint32_t slots, uint32_t slot_bytes)
{
	page_ = page;
	slots_ = slots;
	slot_bytes_ = slot_bytes;
	req_prod_ = rsp_cons_ = 0;
	*index(req_event) = 1;
	*index(rsp_event) = 1;
}

uint32_t *ring::index(uint32_t which) const
{
	return reinterpret_cast<uint32_t *>(page_) + which;
}

uint8_t *ring::slot(uint32_t number) const
{
	return page_ + header_bytes + number % slots_ * slot_bytes_;
}

uint32_t ring::put(const void *request, uint32_t bytes)
{
	memcpy(slot(req_prod_), request, bytes);
	return req_prod_++;
}

bool ring::push(uint32_t beyond)
{
	const uint32_t before = __atomic_load_n(index(req_prod), __ATOMIC_RELAXED);
	const uint32_t now = req_prod_ + beyond;
	__atomic_store_n(index(req_prod), now, __ATOMIC_RELEASE);
	// The backend sees the requests or we see that it wants an event for them.
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return now - __atomic_load_n(index(req_event), __ATOMIC_RELAXED) < now - before;
}

bool ring::ready()
{
	__atomic_store_n(index(rsp_event), rsp_cons_ + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(index(rsp_prod), __ATOMIC_ACQUIRE) != rsp_cons_;
}

uint32_t ring::take(void *response, uint32_t bytes)
{
	memcpy(response, slot(rsp_cons_), bytes);
	return rsp_cons_++;
}

peer::peer(const char *kind, const char *device)
	: store_(opened(xs_open(0), "xenstore")), grants_(opened(xengntshr_open(nullptr, 0), "/dev/xen/gntalloc")),
	  events_(opened(xenevtchn_open(nullptr, 0), "/dev/xen/evtchn")),
	  home_(std::string("device/") + kind + "/" + device), peer_(required(store_, home_ + "/backend")),
	  peer_domain_(static_cast<uint32_t>(std::stoul(required(store_, home_ + "/backend-id"))))
{
}

void peer::write(const std::string &name, const std::string &value)
{
	if (!xs_write(store_, XBT_NULL, (home_ + "/" + name).c_str(), value.data(),
		      static_cast<unsigned int>(value.size())))
		fail("cannot write %s: %m", name.c_str());
}

void peer::remove(const std::string &name)
{
	// Fails where there is nothing, which is as well.
	xs_rm(store_, XBT_NULL, (home_ + "/" + name).c_str());
}

int peer::peer_state()
{
	const auto text = theirs("state");
	return text ? atoi(text->c_str()) : XenbusStateUnknown;
}

std::string peer::own(const std::string &name) const
{
	return required(store_, home_ + "/" + name);
}

std::optional<std::string> peer::theirs(const std::string &name) const
{
	return read(store_, peer_ + "/" + name);
}

void peer::enter(int state)
{
	write("state", std::to_string(state));
}

void peer::await(int state)
{
	const auto deadline = steady::now() + std::chrono::milliseconds(patience_ms);
	while (peer_state() != state) {
		if (steady::now() > deadline)
			fail("the backend's state is %d, not %d", peer_state(), state);
		usleep(20'000);
	}
}

void peer::start(const std::vector<std::string> &left)
{
	for (const std::string &name : left)
		remove(name);
	enter(XenbusStateInitialising);
	await(XenbusStateInitWait);
}

void peer::publish(settings keys)
{
	for (const auto &[name, value] : overrides_)
		keys[name] = value;
	for (const auto &[name, value] : keys) {
		if (value)
			write(name, *value);
		else
			remove(name);
	}
}

void peer::close()
{
	enter(XenbusStateClosing);
	await(XenbusStateClosing);
	enter(XenbusStateClosed);
	await(XenbusStateClosed);
}

uint8_t *peer::share(uint32_t pages, grant_ref_t *refs, bool writable)
{
	auto *shared =
		static_cast<uint8_t *>(xengntshr_share_pages(grants_, peer_domain_, pages, refs, writable ? 1 : 0));
	if (shared == nullptr)
		fail("cannot grant pages: %m");
	memset(shared, 0, size_t{pages} * page_bytes);
	return shared;
}

evtchn_port_t peer::channel()
{
	const auto port = xenevtchn_bind_unbound_port(events_, peer_domain_);
	if (port < 0)
		fail("cannot bind an event channel: %m");
	return static_cast<evtchn_port_t>(port);
}

void peer::notify(evtchn_port_t port)
{
	if (xenevtchn_notify(events_, port) != 0)
		fail("cannot notify: %m");
}

bool peer::has_response(ring &r, int64_t milliseconds)
{
	const auto deadline = steady::now() + std::chrono::milliseconds(milliseconds);
	for (bool late = false; !r.ready();) {
		if (late)
			return false;
		const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady::now());
		pollfd waits{xenevtchn_fd(events_), POLLIN, 0};
		if (left.count() <= 0 || poll(&waits, 1, static_cast<int>(left.count())) != 1) {
			// There was an event to come with a response, so there is none, or it is about to come.
			if (r.ready() && poll(&waits, 1, late_event_ms) != 1)
				fail("a response came without an event");
			late = true;
			continue;
		}
		const auto port = xenevtchn_pending(events_);
		if (port < 0 || xenevtchn_unmask(events_, static_cast<evtchn_port_t>(port)) != 0)
			fail("the event channel is broken: %m");
	}
	return true;
}

void peer::await_response(ring &r)
{
	if (!has_response(r, patience_ms))
		fail("no response");
}

} // namespace handfront
