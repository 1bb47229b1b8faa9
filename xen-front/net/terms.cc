// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/evtchn.h>
#include <kapi/xenbus.h>
#include <xen-front/net/terms.hpp>

#include <xenpv/keys.hpp>
#include <xenpv/netif.hpp>

namespace xenpv::netfront {
namespace {

constexpr uint32_t ethernet_mtu = 1500;
constexpr uint32_t largest_mtu = netif::max_packet - netif::ethernet_header;

[[nodiscard]] result<void> read_mac(kapi_xenbus *own, reporter &log, uint8_t (&mac)[6])
{
	char text[24];
	const int length = kapi_xenbus_read(own, KAPI_OWN, "mac", text, sizeof(text));
	if (length >= 0 && parse_mac(text, mac))
		return {};
	log.say(KAPI_ERROR, "xenstore key mac: \"%s\" is not an Ethernet address of one station",
		length >= 0 ? text : "(absent or too long)");
	return err::invalid;
}

} // namespace

bool read_carrier(kapi_xenbus *bus, reporter &log)
{
	return keys(bus, KAPI_PEER, log).feature("carrier", true);
}

result<terms> read_terms(kapi_xenbus *bus, reporter &log)
{
	keys back(bus, KAPI_PEER, log);
	keys own(bus, KAPI_OWN, log);
	terms t;
	t.peer_domain = kapi_xenbus_peer_domain(bus);
	XENPV_CHECK(read_mac(bus, log, t.info.mac));
	// Page flipping, the alternative, is gone from every backend and from the header.
	if (!back.feature("feature-rx-copy")) {
		log.say(KAPI_ERROR, "xenstore key feature-rx-copy: not 1, and flipping pages is not supported");
		return err::not_supported;
	}

	const uint64_t offered = XENPV_TRY(back.optional("multi-queue-max-queues", 1, UINT32_MAX, 1));
	t.max_queues = static_cast<uint32_t>(offered < KAPI_NET_MAX_QUEUES ? offered : KAPI_NET_MAX_QUEUES);
	t.info.max_queues = t.max_queues;
	const uint32_t cpus = kapi_cpu_count();
	t.info.queues = cpus < t.max_queues ? cpus : t.max_queues;

	t.split_channels = back.feature("feature-split-event-channels");
	t.trusted = own.feature("trusted", true);

	const bool sg = back.feature("feature-sg");
	t.info.features = (sg ? KAPI_NET_SG : 0) | (back.feature("feature-no-csum-offload") ? 0 : KAPI_NET_CSUM4) |
			  (back.feature("feature-ipv6-csum-offload") ? KAPI_NET_CSUM6 : 0) |
			  (sg && back.feature("feature-gso-tcpv4") ? KAPI_NET_GSO4 : 0) |
			  (sg && back.feature("feature-gso-tcpv6") ? KAPI_NET_GSO6 : 0);
	t.info.max_mtu = sg ? largest_mtu : ethernet_mtu;
	// A toolstack's wish that cannot be met is no reason to have no network.
	t.info.mtu =
		static_cast<uint32_t>(own.optional("mtu", 68, t.info.max_mtu, ethernet_mtu).value_or(ethernet_mtu));
	t.info.speed = static_cast<uint32_t>(own.optional("speed", 0, UINT32_MAX, 0).value_or(0));
	t.info.carrier = read_carrier(bus, log) ? 1 : 0;
	return t;
}

} // namespace xenpv::netfront
