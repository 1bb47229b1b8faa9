// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/net_buffer.hpp>

#include <cstring>
#include <new>

namespace xenpv::sim {

net_buffer::~net_buffer()
{
	for (const piece &p : pieces_)
		kapi_page_release(p.page.page);
}

void net_buffer::add(uint32_t offset, uint32_t length, int filler)
{
	page *p = world::get().memory().allocate(home_); // a test's own pages do not fail
	if (p == nullptr)
		throw std::bad_alloc();
	std::memset(p->addr, filler, KAPI_PAGE_SIZE);
	pieces_.push_back({{p, p->addr, p->frame}, offset, length});
}

void net_buffer::fill(const std::vector<std::byte> &bytes)
{
	size_t at = 0;
	for (const piece &p : pieces_) {
		std::memcpy(static_cast<std::byte *>(p.page.addr) + p.offset, bytes.data() + at, p.length);
		at += p.length;
	}
}

std::vector<std::byte> net_buffer::bytes() const
{
	std::vector<std::byte> out;
	for (const piece &p : pieces_) {
		const auto *from = static_cast<const std::byte *>(p.page.addr) + p.offset;
		out.insert(out.end(), from, from + p.length);
	}
	return out;
}

uint32_t net_buffer::length() const
{
	uint32_t sum = 0;
	for (const piece &p : pieces_)
		sum += p.length;
	return sum;
}

void check_meta(const kapi_net_meta &meta)
{
	if (meta.length == 0 || meta.length > KAPI_NET_MAX_PACKET)
		violation("a packet of no or too many bytes");
	if (meta.gso > KAPI_NET_GSO_TCPV6 || (meta.gso == KAPI_NET_GSO_NONE) != (meta.gso_size == 0))
		violation("a packet whose gso type and size do not belong together");
	if (meta.csum > KAPI_NET_CSUM_BLANK)
		violation("a packet whose checksum is in no known state");
	if (meta.hash_of > KAPI_NET_HASH_IPV6_TCP || (meta.hash_of == KAPI_NET_HASH_NONE && meta.hash != 0))
		violation("a packet with a hash of nothing");
}

} // namespace xenpv::sim
