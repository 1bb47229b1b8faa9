// SPDX-License-Identifier: GPL-2.0-only
// Hashes and the queues they lead to (xen-back/net/toeplitz, hash; io/netif.h, "Hash types";
// the values are those of Microsoft's "Verifying the RSS Hash Calculation").
#include "fixture.hpp"

#include <xen-back/net/hash.hpp>

#include <arpa/inet.h>

#include <cstring>
#include <set>
#include <vector>

using xenpv::peer;
using xenpv::netback::flow_hash;
namespace netif = xenpv::netif;

namespace {

constexpr uint8_t known_key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
				   0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
				   0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

kapi_net_flow flow(const char *source, uint16_t source_port, const char *destination, uint16_t destination_port,
		   bool tcp = true)
{
	kapi_net_flow f{};
	const bool v6 = std::strchr(source, ':') != nullptr;
	f.version = v6 ? 6 : 4;
	f.tcp = tcp;
	BOOST_REQUIRE(inet_pton(v6 ? AF_INET6 : AF_INET, source, f.source) == 1);
	BOOST_REQUIRE(inet_pton(v6 ? AF_INET6 : AF_INET, destination, f.destination) == 1);
	const uint16_t ports[2] = {htons(source_port), htons(destination_port)};
	std::memcpy(f.source_port, &ports[0], 2);
	std::memcpy(f.destination_port, &ports[1], 2);
	return f;
}

struct known {
	const char *destination;
	uint16_t destination_port;
	const char *source;
	uint16_t source_port;
	uint32_t addresses; // the hash of them
	uint32_t with_ports;
};

constexpr known known_hashes[] = {
	{"161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e8fc2, 0x51ccc178},
	{"65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718262a, 0xc626b0ea},
	{"12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0a5de, 0x5c2b394a},
	{"209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xafc7327f},
	{"202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d1809c5, 0x10e828a2},
	{"3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc18cd5, 0x40207d3d},
	{"ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c461c, 0xdde51bbf},
	{"fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, 0x4b61e985, 0x02d1feef},
};

struct hashing : xenpv::test::machine {
	hashing()
	{
		hash.reset(4);
		hash.set_algorithm(netif::hash_algorithm::toeplitz);
		hash.set_key(known_key, sizeof(known_key));
		set_flags(netif::all_hash_flags);
	}
	void set_flags(uint32_t flags) { BOOST_REQUIRE(hash.set_flags(flags).ok()); }
	[[nodiscard]] kapi_net_meta of(const kapi_net_flow &f) const
	{
		kapi_net_meta m{};
		m.hash = 0xdead;
		m.hash_of = 77;
		hash.calculate(f, m);
		return m;
	}
	[[nodiscard]] bool map(uint32_t offset, const std::vector<uint32_t> &queues)
	{
		std::vector<peer<uint32_t>> entries;
		for (const uint32_t q : queues)
			entries.emplace_back(q);
		return hash.set_mapping(offset, entries.data(), static_cast<uint32_t>(entries.size())).ok();
	}
	[[nodiscard]] int queue_of(const kapi_net_flow &f) const
	{
		const auto q = hash.queue_for(f);
		return q.ok() ? static_cast<int>(q.value_or(0)) : -1;
	}

	flow_hash hash;
	const kapi_net_flow tcp = flow("1.2.3.4", 1000, "5.6.7.8", 80);
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(netback_hash, hashing)

BOOST_AUTO_TEST_CASE(the_known_values)
{
	for (const known &k : known_hashes) {
		const bool v6 = std::strchr(k.source, ':') != nullptr;
		auto f = flow(k.source, k.source_port, k.destination, k.destination_port);
		set_flags(netif::all_hash_flags);
		BOOST_TEST(of(f).hash == k.with_ports, k.source);
		BOOST_TEST(of(f).hash_of == (v6 ? KAPI_NET_HASH_IPV6_TCP : KAPI_NET_HASH_IPV4_TCP));
		// The same addresses, no TCP: what is where ports would be does not count.
		f.tcp = 0;
		BOOST_TEST(of(f).hash == k.addresses, k.source);
		BOOST_TEST(of(f).hash_of == (v6 ? KAPI_NET_HASH_IPV6 : KAPI_NET_HASH_IPV4));
	}
}

// "the 'maximal' type of hash should always be chosen", of those that are asked for.
BOOST_AUTO_TEST_CASE(the_type_is_the_most_that_is_asked_for)
{
	for (uint32_t flags = 0; flags <= netif::all_hash_flags; ++flags) {
		set_flags(flags);
		BOOST_TEST(hash.on() == (flags != 0));
		for (const bool v6 : {false, true})
			for (const bool has_tcp : {false, true}) {
				const auto f = v6 ? flow("1::2", 5, "3::4", 6, has_tcp)
						  : flow("1.0.0.2", 5, "3.0.0.4", 6, has_tcp);
				const bool plain = (flags & (v6 ? 4u : 1u)) != 0;
				const bool ports = has_tcp && (flags & (v6 ? 8u : 2u)) != 0;
				const uint32_t expected = ports ? (v6 ? KAPI_NET_HASH_IPV6_TCP : KAPI_NET_HASH_IPV4_TCP)
							  : plain ? (v6 ? KAPI_NET_HASH_IPV6 : KAPI_NET_HASH_IPV4)
								  : KAPI_NET_HASH_NONE;
				BOOST_TEST(of(f).hash_of == expected, flags << " v6 " << v6 << " tcp " << has_tcp);
				BOOST_TEST((of(f).hash != 0) == (expected != KAPI_NET_HASH_NONE));
				BOOST_TEST((queue_of(f) >= 0) == (expected != KAPI_NET_HASH_NONE));
			}
		kapi_net_flow arp{};
		arp.tcp = 1;
		BOOST_TEST(of(arp).hash_of == KAPI_NET_HASH_NONE);
		BOOST_TEST(queue_of(arp) == -1);
	}
}

BOOST_AUTO_TEST_CASE(nothing_is_hashed_without_an_algorithm)
{
	hash.set_algorithm(netif::hash_algorithm::none);
	BOOST_TEST(!hash.on());
	BOOST_TEST(of(tcp).hash_of == KAPI_NET_HASH_NONE);
	BOOST_TEST(of(tcp).hash == 0u);
	BOOST_TEST(queue_of(tcp) == -1);
	BOOST_TEST((hash.set_flags(1).error() == xenpv::err::not_supported));
	// What was set is there again with it.
	const uint32_t value = (hash.set_algorithm(netif::hash_algorithm::toeplitz), of(tcp).hash);
	BOOST_TEST(value != 0u);
}

BOOST_AUTO_TEST_CASE(a_short_key_is_followed_by_zeroes)
{
	uint8_t padded[40] = {};
	std::memcpy(padded, known_key, 7);
	hash.set_key(padded, 40);
	const uint32_t expected = of(tcp).hash;
	hash.set_key(known_key, 40);
	BOOST_TEST(of(tcp).hash != expected);
	hash.set_key(known_key, 7);
	BOOST_TEST(of(tcp).hash == expected);
	BOOST_TEST(hash.read().key_bytes == 7u);
	// "which ensures that the calculated hash will always be zero"
	hash.set_key(known_key, 0);
	BOOST_TEST(of(tcp).hash == 0u);
	BOOST_TEST(of(tcp).hash_of == KAPI_NET_HASH_IPV4_TCP);
}

BOOST_AUTO_TEST_CASE(queues_by_mapping_and_by_arithmetic)
{
	for (const known &k : known_hashes) {
		const auto f = flow(k.source, k.source_port, k.destination, k.destination_port);
		hash.set_mapping_size(0);
		BOOST_TEST(queue_of(f) == static_cast<int>(k.with_ports % 4));
		for (const uint32_t size : {1u, 2u, 3u, 64u, 127u, 128u}) {
			hash.set_mapping_size(size);
			BOOST_TEST(queue_of(f) == 0);
			std::vector<uint32_t> table(size);
			for (uint32_t i = 0; i < size; ++i)
				table[i] = (i * 7 + size) % 4;
			BOOST_TEST(map(0, table));
			BOOST_TEST(queue_of(f) == static_cast<int>(table[k.with_ports % size]), size);
		}
	}
}

// XSA-270: no entry is a queue that is not there, and what is refused changes nothing.
BOOST_AUTO_TEST_CASE(entries_are_queues)
{
	hash.set_mapping_size(8);
	BOOST_TEST(map(0, {0, 1, 2, 3, 3, 2, 1, 0}));
	for (const uint32_t bad : {4u, 8u, 255u, 256u, 257u, 0x80000000u, UINT32_MAX})
		for (uint32_t at = 0; at < 8; ++at) {
			std::vector<uint32_t> table(8, 1);
			table[at] = bad;
			BOOST_TEST(!map(0, table));
			const auto s = hash.read();
			for (uint32_t i = 0; i < 8; ++i)
				BOOST_TEST(s.mapping[i] == (i < 4 ? i : 7 - i));
		}
	// A part leaves the rest as it is.
	BOOST_TEST(map(6, {3, 3}));
	BOOST_TEST(map(8, {}));
	const auto s = hash.read();
	const uint8_t expected[] = {0, 1, 2, 3, 3, 2, 3, 3};
	BOOST_TEST(std::memcmp(s.mapping, expected, 8) == 0);
	// A new frontend has set nothing, whatever its queues.
	hash.reset(2);
	BOOST_TEST(!hash.on());
	hash.set_algorithm(netif::hash_algorithm::toeplitz);
	set_flags(netif::all_hash_flags);
	BOOST_TEST(hash.mapping_size() == 0u);
	hash.set_mapping_size(8);
	BOOST_TEST(!map(0, {2}));
	BOOST_TEST(map(0, {1}));
}

BOOST_AUTO_TEST_CASE(a_guests_own_hash_counts_while_the_algorithm_is_set)
{
	kapi_net_meta m{};
	m.hash = 5;
	m.hash_of = KAPI_NET_HASH_IPV4;
	hash.admit(m);
	BOOST_TEST(m.hash == 5u);
	BOOST_TEST(m.hash_of == KAPI_NET_HASH_IPV4);
	set_flags(0);
	hash.admit(m);
	BOOST_TEST(m.hash == 5u);
	hash.set_algorithm(netif::hash_algorithm::none);
	hash.admit(m);
	BOOST_TEST(m.hash == 0u);
	BOOST_TEST(m.hash_of == KAPI_NET_HASH_NONE);
}

// Half of one key and half of another is a hash of neither; half of a table a queue of
// neither.
BOOST_AUTO_TEST_CASE(readers_see_whole_changes)
{
	uint8_t other_key[40];
	for (size_t i = 0; i < 40; ++i)
		other_key[i] = static_cast<uint8_t>(~known_key[i]);
	const uint32_t a = of(tcp).hash;
	hash.set_key(other_key, 40);
	const uint32_t b = of(tcp).hash;
	BOOST_REQUIRE(a != b);
	const std::vector<uint32_t> ones(128, 1);
	const std::vector<uint32_t> twos(128, 2);
	hash.set_mapping_size(128);
	BOOST_REQUIRE(map(0, ones));
	std::atomic<uint64_t> wrong{0};
	std::atomic<uint64_t> seen{0};
	{
		std::vector<std::jthread> readers;
		for (int i = 0; i < 2; ++i)
			readers.emplace_back([&](const std::stop_token &stop) {
				while (!stop.stop_requested()) {
					const uint32_t h = of(tcp).hash;
					wrong += h != a && h != b;
					const int q = queue_of(tcp);
					wrong += q != 1 && q != 2;
					const auto s = hash.read();
					for (uint32_t k = 0; k < 128; ++k)
						wrong += s.mapping[k] != s.mapping[0];
					++seen;
				}
			});
		for (int i = 0; i < 20000 || seen < 1000; ++i) {
			hash.set_key(i % 2 == 0 ? known_key : other_key, 40);
			if (!map(0, i % 3 == 0 ? twos : ones))
				++wrong;
		}
	}
	BOOST_TEST(wrong == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
