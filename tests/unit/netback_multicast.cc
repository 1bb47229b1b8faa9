// SPDX-License-Identifier: GPL-2.0-only
// Which groups a guest hears (xen-back/net/multicast.hpp): what it says of them in extra infos, and what then comes.
#include "netback_fixture.hpp"

#include <xen-back/net/multicast.hpp>

#include <cerrno>
#include <cstring>

using namespace xenpv::test;
namespace netif = xenpv::netif;
using xenpv::netback::multicast_filter;

namespace {

struct groups : vif {
	struct address {
		uint8_t bytes[6];
	};
	static address group(uint8_t last) { return {{0x01, 0x00, 0x5e, 0x00, 0x00, last}}; }

	void serve(bool by_list)
	{
		start();
		tools->set_front("request-multicast-control", by_list ? "1" : "0");
		attach();
	}
	static netif::extra_info info(netif::extra type, address of)
	{
		netif::extra_info e{};
		e.type = static_cast<uint8_t>(type);
		std::memcpy(e.mcast.addr, of.bytes, sizeof(e.mcast.addr));
		return e;
	}
	// How the backend answers a change of the list.
	netif::status tell(netif::extra type, address of)
	{
		const auto id = front->put_packet(pattern(60, 1), 1, 0, {info(type, of)});
		front->tx().push();
		const auto a = front->take_answers(2);
		BOOST_TEST(a.came);
		BOOST_TEST(a.nulls == 1u);
		return static_cast<netif::status>(a.by_id.at(id).at(0));
	}
	netif::status add(address of) { return tell(netif::extra::mcast_add, of); }
	netif::status remove(address of) { return tell(netif::extra::mcast_del, of); }
	bool hears(address of)
	{
		front->post(1);
		auto &p = packet(60);
		std::memcpy(p.destination, of.bytes, sizeof(p.destination));
		if (const int rc = back->transmit(0, p); rc < 0) {
			BOOST_TEST(rc == -ENOENT);
			return false;
		}
		BOOST_TEST(back->wait(p) == 1);
		hand_netfront::received r;
		BOOST_TEST(front->take(&r));
		return true;
	}
};

constexpr groups::address broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr groups::address station{{0x00, 0x16, 0x3e, 0x01, 0x02, 0x03}};

} // namespace

BOOST_FIXTURE_TEST_SUITE(netback_multicast, groups)

BOOST_AUTO_TEST_CASE(only_what_was_joined_is_heard)
{
	serve(true);
	BOOST_TEST(hears(broadcast));
	BOOST_TEST(hears(station));
	BOOST_TEST(!hears(group(1)));
	BOOST_TEST((add(group(1)) == netif::status::okay));
	BOOST_TEST(hears(group(1)));
	BOOST_TEST(!hears(group(2)));
	BOOST_TEST((add(group(2)) == netif::status::okay));
	BOOST_TEST((remove(group(1)) == netif::status::okay));
	BOOST_TEST(!hears(group(1)));
	BOOST_TEST(hears(group(2)));
	// What it never joined it may leave.
	BOOST_TEST((remove(group(9)) == netif::status::okay));
	BOOST_TEST(hears(group(2)));
	BOOST_TEST(back->arrived() == 0u, "a change of the list is no packet");
}

// "feature-dynamic-multicast-control": the list is kept, and applied when the guest says so.
BOOST_AUTO_TEST_CASE(the_list_is_applied_when_the_guest_says_so)
{
	serve(false);
	BOOST_TEST(hears(group(1)));
	BOOST_TEST((add(group(2)) == netif::status::okay));
	BOOST_TEST(hears(group(1)));
	tools->set_front("request-multicast-control", "1");
	world.settle();
	BOOST_TEST(!hears(group(1)));
	BOOST_TEST(hears(group(2)));
	tools->set_front("request-multicast-control", "0");
	world.settle();
	BOOST_TEST(hears(group(1)));
	// What is neither is named, and does not apply it.
	tools->set_front("request-multicast-control", "all");
	world.settle();
	BOOST_TEST(hears(group(1)));
	BOOST_TEST(world.console().count("xenstore key request-multicast-control: \"all\"") == 1u);
}

BOOST_AUTO_TEST_CASE(a_full_list_refuses)
{
	serve(true);
	for (uint32_t i = 0; i < multicast_filter::capacity; ++i)
		BOOST_TEST_REQUIRE((add(group(static_cast<uint8_t>(i))) == netif::status::okay));
	BOOST_TEST((add(group(200)) == netif::status::error));
	BOOST_TEST(!hears(group(200)));
	// What is in it takes no second place.
	BOOST_TEST((add(group(63)) == netif::status::okay));
	BOOST_TEST(hears(group(63)));
	BOOST_TEST((remove(group(0)) == netif::status::okay));
	BOOST_TEST((add(group(200)) == netif::status::okay));
	BOOST_TEST(hears(group(200)));
	BOOST_TEST(!hears(group(0)));
	for (uint8_t i = 1; i < multicast_filter::capacity; ++i)
		BOOST_TEST(hears(group(i)));
}

BOOST_AUTO_TEST_CASE(another_frontend_begins_with_an_empty_list)
{
	serve(true);
	BOOST_TEST((add(group(1)) == netif::status::okay));
	leave();
	attach();
	BOOST_TEST(!hears(group(1)));
}

// With something odd beside it, nothing of it counts.
BOOST_AUTO_TEST_CASE(an_odd_message_changes_nothing)
{
	serve(true);
	auto joins = info(netif::extra::mcast_add, group(1));
	joins.flags = netif::extra_more;
	auto unknown = info(netif::extra::mcast_add, group(1));
	unknown.type = 77;
	const auto first = front->put_packet(pattern(60, 1), 1, 0, {joins, unknown});
	expect_refused("a type that nobody knows", first, 1, 2);
	BOOST_TEST(!hears(group(1)));
}

BOOST_AUTO_TEST_SUITE_END()
