// SPDX-License-Identifier: GPL-2.0-only
// A device's two ends in xenstore, and what they agreed on.  Keys: xen/include/public/io/{blkif,netif}.h.
#include <cli/survey/parts.hpp>

#include <cli/source/text.hpp>

#include <algorithm>
#include <fmt/format.h>

namespace xenpv::cli {
namespace {

constexpr unsigned most_state = 8;
constexpr unsigned most_queues = 4096;
constexpr unsigned most_ring_order = 8;

struct ends {
	xenstore &xs;
	const device &d;

	std::string front(const char *key) { return xs.line(fmt::format("{}/{}", d.front_path, key)); }
	std::string back(const char *key) { return xs.line(fmt::format("{}/{}", d.back_path, key)); }
};

bool on(const std::string &value)
{
	return number(value).value_or(0) != 0;
}

// Both have to say it.
feature both(ends &e, const char *name, const char *front_key, const char *back_key)
{
	feature f{name, e.front(front_key), e.back(back_key), {}};
	f.outcome = on(f.front) && on(f.back) ? "yes" : "no";
	return f;
}

// The one offers, the other just uses it.
feature offered(ends &e, const char *name, const char *key)
{
	feature f{name, {}, e.back(key), {}};
	const auto count = number(f.back);
	f.outcome = !count || *count == 0 ? "no" : *count == 1 ? "yes" : fmt::format("{}", *count);
	return f;
}

feature wished(ends &e, const char *name, const char *key)
{
	feature f{name, e.front(key), {}, {}};
	f.outcome = on(f.front) ? "yes" : "no";
	return f;
}

std::optional<unsigned> small(const std::string &value, unsigned max)
{
	const auto n = number(value, max);
	return n ? std::optional(static_cast<unsigned>(*n)) : std::nullopt;
}

unsigned power_of_two_below(unsigned n)
{
	unsigned p = 1;
	while (p * 2 <= n)
		p *= 2;
	return p;
}

void see_disk(ends &e, device &d)
{
	// A front that says nothing of its ring's size has one page.
	if (const auto order = small(e.front("ring-page-order"), most_ring_order))
		d.ring_pages = 1U << *order;
	else if (const auto pages = small(e.front("num-ring-pages"), 1U << most_ring_order))
		d.ring_pages = *pages;
	else if (!e.front("ring-ref").empty() || !e.front("queue-0/ring-ref").empty())
		d.ring_pages = 1;
	// A slot has 112 bytes in the 64 bit layout, the header 64.
	if (d.ring_pages && *d.ring_pages > 0)
		d.rings = fmt::format("{} requests", power_of_two_below((*d.ring_pages * 4096 - 64) / 112));
	d.features.push_back(both(e, "persistent grants", "feature-persistent", "feature-persistent"));
	d.features.push_back(offered(e, "indirect segments", "feature-max-indirect-segments"));
	d.features.push_back(offered(e, "flush", "feature-flush-cache"));
	d.features.push_back(offered(e, "barrier", "feature-barrier"));
	d.features.push_back(offered(e, "discard", "feature-discard"));
	d.features.push_back({"ring page order", e.front("ring-page-order"), e.back("max-ring-page-order"),
			      d.ring_pages ? fmt::format("{} pages", *d.ring_pages) : "no"});
	d.features.push_back({"sector size", {}, e.back("sector-size"), e.back("sector-size")});
	d.features.push_back({"protocol", e.front("protocol"), {}, e.front("protocol")});
}

void see_nic(ends &e, device &d)
{
	if (d.mac.empty())
		d.mac = e.front("mac");
	const std::string queue = d.queues.value_or(1) > 1 ? "queue-0/" : "";
	if (!e.front((queue + "tx-ring-ref").c_str()).empty()) {
		d.ring_pages = 1;
		d.rings = "256 + 256 slots";
	}
	const bool split_front = !e.front((queue + "event-channel-tx").c_str()).empty();
	d.features.push_back({"split event channels", split_front ? "1" : "", e.back("feature-split-event-channels"),
			      split_front ? "yes" : "no"});
	d.features.push_back(both(e, "receive by copy", "request-rx-copy", "feature-rx-copy"));
	// Each end says what it takes: a large packet needs it of the receiver only.
	for (const auto &[name, key] : {std::pair{"scatter-gather", "feature-sg"},
					{"TSO over IPv4", "feature-gso-tcpv4"},
					{"TSO over IPv6", "feature-gso-tcpv6"}})
		d.features.push_back(both(e, name, key, key));
	d.features.push_back(
		both(e, "IPv6 checksums left out", "feature-ipv6-csum-offload", "feature-ipv6-csum-offload"));
	feature v4{
		"IPv4 checksums left out", e.front("feature-no-csum-offload"), e.back("feature-no-csum-offload"), {}};
	v4.outcome = on(v4.front) || on(v4.back) ? "no" : "yes";
	d.features.push_back(v4);
	d.features.push_back(both(e, "multicast filter", "request-multicast-control", "feature-multicast-control"));
	const bool control = !e.front("ctrl-ring-ref").empty();
	d.features.push_back({"control ring", control ? "1" : "", e.back("feature-ctrl-ring"),
			      control && on(e.back("feature-ctrl-ring")) ? "yes" : "no"});
	d.features.push_back(wished(e, "receive notifications", "feature-rx-notify"));
}

// error/PATH/error below the domain's own directory, in either's.
std::string error_of(xenstore &xs, const std::string &path)
{
	if (!path.starts_with("/local/domain/"))
		return xs.line(fmt::format("error/{}/error", path));
	const auto end = path.find('/', 14);
	if (end == std::string::npos)
		return {};
	return xs.line(fmt::format("{}/error/{}/error", path.substr(0, end), path.substr(end + 1)));
}

} // namespace

void see_pair(xenstore &xs, device &d)
{
	if (!xs.there() || d.front_path.empty())
		return;
	ends e{xs, d};
	if (d.back_path.empty())
		d.back_path = e.front("backend");
	if (d.back_path.empty())
		return;
	d.front_state = small(e.front("state"), most_state);
	d.back_state = small(e.back("state"), most_state);
	if (!d.peer) {
		d.peer = small(e.front("backend-id"), 65535);
		if (d.peer)
			d.peer_name = xs.line(fmt::format("/local/domain/{}/name", *d.peer));
	}
	d.hotplug_status = e.back("hotplug-status");
	d.hotplug_error = e.back("hotplug-error");
	d.error = error_of(xs, d.front_path);
	if (d.error.empty())
		d.error = error_of(xs, d.back_path);
	feature queues{"queues", e.front("multi-queue-num-queues"), e.back("multi-queue-max-queues"), {}};
	d.max_queues = small(queues.back, most_queues);
	d.queues = small(queues.front, most_queues);
	if (!d.queues && d.front_state == 4)
		d.queues = 1;
	queues.outcome = d.queues ? fmt::format("{}", *d.queues) : "no";
	d.features.push_back(queues);
	if (d.what == kind::disk)
		see_disk(e, d);
	else
		see_nic(e, d);
	if (!e.front("trusted").empty())
		d.features.push_back(
			{"backend trusted", e.front("trusted"), {}, on(e.front("trusted")) ? "yes" : "no"});
}

} // namespace xenpv::cli
