// SPDX-License-Identifier: GPL-2.0-only
// Our backend with a frontend that has a control ring, and wishes.
#pragma once
#include "netback_fixture.hpp"

#include <sstream>

// Boost prints what differs.
namespace xenpv::netif {
inline std::ostream &operator<<(std::ostream &out, control_status s)
{
	return out << "status " << static_cast<uint32_t>(s);
}
} // namespace xenpv::netif

namespace xenpv::test {

using status = netif::control_status;
using wish = hand_netfront::wish;

inline constexpr uint32_t toeplitz = 1;

struct wishing : vif {
	void serve(uint32_t queues = 1)
	{
		start();
		attach({.queues = queues, .split = false, .control = true});
	}
	[[nodiscard]] status tell(wish type, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0)
	{
		return front->tell(type, a, b, c);
	}
	// A page of the guest's with these words at its beginning, readable only: enough.
	sim::granted_page &grant(const std::vector<uint32_t> &words)
	{
		sim::granted_page &p = *pages.emplace_back(std::make_unique<sim::granted_page>(guest, true));
		if (!words.empty())
			std::memcpy(p.bytes(), words.data(), words.size() * 4);
		return p;
	}
	[[nodiscard]] status set_key(uint32_t bytes = 40)
	{
		return tell(wish::set_hash_key, grant(std::vector<uint32_t>(10, 0x9e3779b9)).ref(), bytes);
	}
	[[nodiscard]] status set_mapping(const std::vector<uint32_t> &queues, uint32_t offset = 0)
	{
		return tell(wish::set_hash_mapping, grant(queues).ref(), static_cast<uint32_t>(queues.size()), offset);
	}
	void hash_everything()
	{
		BOOST_TEST(tell(wish::set_hash_algorithm, toeplitz) == status::success);
		BOOST_TEST(set_key() == status::success);
		BOOST_TEST(tell(wish::set_hash_flags, 0xf) == status::success);
	}
	// A packet of a flow of its own.
	to_guest &flowing(uint8_t number, uint8_t version = 4, bool tcp = true, uint32_t length = 1000,
			  const kapi_net_meta &meta = {})
	{
		to_guest &p = packet(length, pages_for(length), meta);
		p.flow.version = version;
		p.flow.tcp = tcp;
		p.flow.source[0] = 10;
		p.flow.source[version == 6 ? 15 : 3] = number;
		p.flow.source_port[1] = number;
		return p;
	}
	// The value of "control_NAME" or "hash_NAME" in debugfs.
	[[nodiscard]] std::string shown(const std::string &name)
	{
		std::istringstream text(world.files().read("vif-1-0/netback").value_or(""));
		for (std::string line; std::getline(text, line);)
			if (line.rfind(name + " ", 0) == 0)
				return line.substr(name.size() + 1);
		return "(absent)";
	}
	[[nodiscard]] uint64_t count(const std::string &name) { return std::stoull(shown("control_" + name)); }
	// Sends it and takes it: how the extra infos looked.
	hand_netfront::received pass(to_guest &p, uint32_t queue = 0)
	{
		hand_netfront::received r;
		front->post(6, queue);
		BOOST_TEST(back->send(queue, p) >= 0);
		BOOST_TEST_REQUIRE(front->take(&r, queue));
		BOOST_TEST(back->wait(p) == 1);
		for (size_t i = 0; i < r.slots.size(); ++i)
			BOOST_TEST(r.slots[i].id == static_cast<uint16_t>(r.indices[i]));
		return r;
	}
	~wishing()
	{
		back.reset();
		front.reset();
		pages.clear();
	}

	std::vector<std::unique_ptr<sim::granted_page>> pages;
};

inline uint32_t value_of(const netif::extra_info &e)
{
	return e.hash.value[0] | e.hash.value[1] << 8 | e.hash.value[2] << 16 |
	       static_cast<uint32_t>(e.hash.value[3]) << 24;
}

} // namespace xenpv::test
