// SPDX-License-Identifier: GPL-2.0-only
#include <xen-back/net/hash.hpp>

namespace xenpv::netback {
namespace {

struct hashed {
	kapi_net_hash of = KAPI_NET_HASH_NONE;
	uint32_t value = 0;
};

// The most that is wanted of what the flow has ("the 'maximal' type").
kapi_net_hash choose(uint32_t flags, const kapi_net_flow &flow)
{
	using netif::hash_type;
	const bool v4 = flow.version == 4;
	if (!v4 && flow.version != 6)
		return KAPI_NET_HASH_NONE;
	if (flow.tcp != 0 && (flags & netif::hash_flag(v4 ? hash_type::ipv4_tcp : hash_type::ipv6_tcp)) != 0)
		return v4 ? KAPI_NET_HASH_IPV4_TCP : KAPI_NET_HASH_IPV6_TCP;
	if ((flags & netif::hash_flag(v4 ? hash_type::ipv4 : hash_type::ipv6)) != 0)
		return v4 ? KAPI_NET_HASH_IPV4 : KAPI_NET_HASH_IPV6;
	return KAPI_NET_HASH_NONE;
}

hashed hash(const flow_hash::state &s, const kapi_net_flow &flow)
{
	if (s.algorithm != netif::hash_algorithm::toeplitz)
		return {};
	const kapi_net_hash of = choose(s.flags, flow);
	if (of == KAPI_NET_HASH_NONE)
		return {};
	uint8_t data[2 * sizeof(flow.source) + 4];
	const size_t address = flow.version == 4 ? 4 : sizeof(flow.source);
	size_t length = 0;
	const auto add = [&](const uint8_t *from, size_t bytes) {
		__builtin_memcpy(data + length, from, bytes);
		length += bytes;
	};
	add(flow.source, address);
	add(flow.destination, address);
	if (of == KAPI_NET_HASH_IPV4_TCP || of == KAPI_NET_HASH_IPV6_TCP) {
		add(flow.source_port, sizeof(flow.source_port));
		add(flow.destination_port, sizeof(flow.destination_port));
	}
	return {of, toeplitz(s.key, data, length)};
}

} // namespace

void flow_hash::show()
{
	shown_.write(now_);
	on_.store(now_.algorithm != netif::hash_algorithm::none && now_.flags != 0, std::memory_order_relaxed);
}

void flow_hash::reset(uint32_t queues)
{
	now_ = {};
	now_.queues = queues;
	show();
}

void flow_hash::set_algorithm(netif::hash_algorithm algorithm)
{
	now_.algorithm = algorithm;
	show();
}

result<void> flow_hash::set_flags(uint32_t flags)
{
	if (now_.algorithm == netif::hash_algorithm::none)
		return err::not_supported;
	now_.flags = flags;
	show();
	return {};
}

void flow_hash::set_key(const uint8_t *key, uint32_t bytes)
{
	__builtin_memset(now_.key, 0, sizeof(now_.key));
	__builtin_memcpy(now_.key, key, bytes);
	now_.key_bytes = bytes;
	show();
}

void flow_hash::set_mapping_size(uint32_t size)
{
	__builtin_memset(now_.mapping, 0, sizeof(now_.mapping));
	now_.mapping_size = size;
	show();
}

result<void> flow_hash::set_mapping(uint32_t offset, const peer<uint32_t> *entries, uint32_t count)
{
	uint8_t checked[max_mapping];
	for (uint32_t i = 0; i < count; ++i)
		checked[i] = static_cast<uint8_t>(XENPV_TRY(entries[i].below(now_.queues)));
	__builtin_memcpy(now_.mapping + offset, checked, count);
	show();
	return {};
}

void flow_hash::calculate(const kapi_net_flow &flow, kapi_net_meta &meta) const
{
	const hashed h = on() ? hash(shown_.read(), flow) : hashed{};
	meta.hash = h.value;
	meta.hash_of = h.of;
}

result<uint32_t> flow_hash::queue_for(const kapi_net_flow &flow) const
{
	if (!on())
		return err::not_found;
	const state s = shown_.read();
	const hashed h = hash(s, flow);
	if (h.of == KAPI_NET_HASH_NONE || s.queues == 0)
		return err::not_found;
	return s.mapping_size == 0 ? h.value % s.queues : uint32_t{s.mapping[h.value % s.mapping_size]};
}

void flow_hash::admit(kapi_net_meta &meta) const
{
	if (meta.hash_of == KAPI_NET_HASH_NONE || shown_.read().algorithm == netif::hash_algorithm::toeplitz)
		return;
	meta.hash = 0;
	meta.hash_of = KAPI_NET_HASH_NONE;
}

} // namespace xenpv::netback
