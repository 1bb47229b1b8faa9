// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/log.h>
#include <kapi/xenbus.h>
#include <xen-back/net/terms.hpp>

#include <xenpv/keys.hpp>

namespace xenpv::netback {
namespace {

[[nodiscard]] bool exists(kapi_xenbus *bus, const char *key)
{
	char text[24];
	return kapi_xenbus_read(bus, KAPI_PEER, key, text, sizeof(text)) != to_errno(err::not_found);
}

[[nodiscard]] result<uint32_t> required(keys &front, const char *prefix, const char *name)
{
	char key[40];
	kapi_format(key, sizeof(key), "%s%s", prefix, name);
	return static_cast<uint32_t>(XENPV_TRY(front.required(key, 1, UINT32_MAX)));
}

} // namespace

result<terms> read_terms(kapi_xenbus *bus, reporter &log)
{
	keys front(bus, KAPI_PEER, log);
	terms t;
	t.peer_domain = kapi_xenbus_peer_domain(bus);
	if (!front.feature("request-rx-copy")) {
		log.say(KAPI_ERROR, "xenstore key request-rx-copy: not 1, and flipping pages is not supported");
		return err::not_supported;
	}
	t.rx_notify = front.feature("feature-rx-notify");
	const bool sg = front.feature("feature-sg");
	t.info.features = (sg ? KAPI_NET_SG : 0) | (front.feature("feature-no-csum-offload") ? 0 : KAPI_NET_CSUM4) |
			  (front.feature("feature-ipv6-csum-offload") ? KAPI_NET_CSUM6 : 0) |
			  (sg && front.feature("feature-gso-tcpv4") ? KAPI_NET_GSO4 : 0) |
			  (sg && front.feature("feature-gso-tcpv6") ? KAPI_NET_GSO6 : 0);
	// Live rings may be from a time when more CPUs were there and more was offered.
	t.info.queues =
		static_cast<uint32_t>(XENPV_TRY(front.optional("multi-queue-num-queues", 1, KAPI_NET_MAX_QUEUES, 1)));
	for (uint32_t i = 0; i < t.info.queues; ++i) {
		char prefix[12] = "";
		if (t.info.queues > 1)
			kapi_format(prefix, sizeof(prefix), "queue-%u/", i);
		queue_terms &q = t.at[i];
		q.tx_ref = XENPV_TRY(required(front, prefix, "tx-ring-ref"));
		q.rx_ref = XENPV_TRY(required(front, prefix, "rx-ring-ref"));
		char key[40];
		kapi_format(key, sizeof(key), "%sevent-channel-tx", prefix);
		// The first queue shows which of the two ways it is; where an earlier driver left
		// the one key behind, the two are newer.
		if (i == 0)
			t.split_channels = exists(bus, key);
		if (t.split_channels) {
			q.tx_port = XENPV_TRY(required(front, prefix, "event-channel-tx"));
			q.rx_port = XENPV_TRY(required(front, prefix, "event-channel-rx"));
		} else {
			q.tx_port = q.rx_port = XENPV_TRY(required(front, prefix, "event-channel"));
		}
	}
	// One without the other is a mistake that must not pass for a frontend without a ring.
	t.has_control = exists(bus, "ctrl-ring-ref") || exists(bus, "event-channel-ctrl");
	if (t.has_control) {
		t.control_ref = XENPV_TRY(required(front, "", "ctrl-ring-ref"));
		t.control_port = XENPV_TRY(required(front, "", "event-channel-ctrl"));
	}
	return t;
}

} // namespace xenpv::netback
