// SPDX-License-Identifier: GPL-2.0-only
#include "nic.hpp"

#include "hashing.hpp"

#include <cstddef>
#include <cstdio>
#include <cstring>

namespace handfront {
namespace {

static_assert(offsetof(netif_tx_sring, ring) == 64 && sizeof(netif_tx_sring_entry) == 12);
static_assert(offsetof(netif_rx_sring, ring) == 64 && sizeof(netif_rx_sring_entry) == 8);

constexpr grant_ref_t usual = 0;
constexpr int64_t retry_ms = 2'000;
constexpr int retries = 15;

// Who has 10.77.0.1, which is the bridge?  To all, from an address that nobody else has.
struct [[gnu::packed]] question {
	uint8_t destination[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t source[6];
	uint8_t ethertype[2] = {0x08, 0x06};
	uint8_t types[6] = {0, 1, 8, 0, 6, 4};
	uint8_t operation[2] = {0, 1};
	uint8_t sender[6];
	uint8_t sender_ip[4] = {10, 77, 0, 253};
	uint8_t target[6] = {};
	uint8_t target_ip[4] = {10, 77, 0, 1};
	uint8_t padding[18] = {};
};
static_assert(sizeof(question) == 60);

} // namespace

void nic::start()
{
	peer_.start({"tx-ring-ref", "rx-ring-ref", "event-channel", "event-channel-tx", "event-channel-rx",
		     "multi-queue-num-queues", "request-rx-copy"});
}

void nic::publish()
{
	grant_ref_t tx_ref = 0;
	grant_ref_t rx_ref = 0;
	tx_.open(peer_.share(1, &tx_ref), nic_slots, sizeof(netif_tx_sring_entry));
	rx_.open(peer_.share(1, &rx_ref), nic_slots, sizeof(netif_rx_sring_entry));
	tx_data_ = peer_.share(tx_pages, tx_refs_);
	rx_data_ = peer_.share(rx_pages, rx_refs_);
	tx_port_ = peer_.channel();
	rx_port_ = split_ ? peer_.channel() : tx_port_;

	settings keys{{"tx-ring-ref", std::to_string(tx_ref)},
		      {"rx-ring-ref", std::to_string(rx_ref)},
		      {"request-rx-copy", "1"},
		      {"feature-rx-notify", "1"},
		      {"feature-sg", "1"},
		      {"feature-gso-tcpv4", "1"}};
	if (split_) {
		keys["event-channel-tx"] = std::to_string(tx_port_);
		keys["event-channel-rx"] = std::to_string(rx_port_);
	} else {
		keys["event-channel"] = std::to_string(tx_port_);
	}
	peer_.publish(std::move(keys));
	peer_.enter(XenbusStateConnected);
}

void nic::connect()
{
	start();
	publish();
	peer_.await(XenbusStateConnected);
}

void nic::send(const netif_tx_request &r)
{
	tx_.put(&r, sizeof(r));
	unanswered_.insert(r.id);
}

void nic::push()
{
	if (tx_.push())
		peer_.notify(tx_port_);
}

void nic::put_slot(words &w)
{
	const uint32_t page = tx_.put_so_far() % tx_pages;
	netif_tx_request r{};
	r.gref = tx_refs_[page];
	r.id = static_cast<uint16_t>(0x7700 + tx_.put_so_far());
	r.size = 60;
	while (const auto s = w.next_setting()) {
		if (s->field == "gref")
			r.gref = static_cast<grant_ref_t>(s->number());
		else if (s->field == "offset")
			r.offset = static_cast<uint16_t>(s->number());
		else if (s->field == "size")
			r.size = static_cast<uint16_t>(s->number());
		else if (s->field == "flags")
			r.flags = static_cast<uint16_t>(s->number());
		else
			fail("a slot has no field %s", s->field.c_str());
	}
	send(r);
}

void nic::put_extra(words &w)
{
	netif_extra_info e{};
	e.type = XEN_NETIF_EXTRA_TYPE_GSO;
	e.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
	e.u.gso.size = 1448;
	while (const auto s = w.next_setting()) {
		if (s->field == "type")
			e.type = static_cast<uint8_t>(s->number());
		else if (s->field == "flags")
			e.flags = static_cast<uint8_t>(s->number());
		else if (s->field == "size")
			e.u.gso.size = static_cast<uint16_t>(s->number());
		else if (s->field == "gso")
			e.u.gso.type = static_cast<uint8_t>(s->number());
		else
			fail("an extra info has no field %s", s->field.c_str());
	}
	tx_.put(&e, sizeof(e));
	++extras_unanswered_;
}

void nic::take_answer(int status)
{
	peer_.await_response(tx_);
	netif_tx_response r;
	tx_.take(&r, sizeof(r));
	if (r.status != status)
		fail("the response to %#x has status %d, not %d", r.id, r.status, status);
	if (r.status == NETIF_RSP_NULL) {
		if (extras_unanswered_-- == 0)
			fail("an extra info was answered that was not sent");
	} else if (const auto found = unanswered_.find(r.id); found != unanswered_.end()) {
		unanswered_.erase(found);
	} else {
		fail("a response is to id %#x, which waits for none", r.id);
	}
}

void nic::offer(uint32_t count, grant_ref_t gref)
{
	for (; count != 0; --count, ++offered_) {
		const uint32_t number = rx_.put_so_far();
		const netif_rx_request r{static_cast<uint16_t>(number % nic_slots), 0,
					 gref == usual ? rx_refs_[number % rx_pages] : gref};
		rx_.put(&r, sizeof(r));
	}
	if (rx_.push())
		peer_.notify(rx_port_);
}

netif_rx_response nic::take_received()
{
	netif_rx_response r;
	const uint32_t number = rx_.take(&r, sizeof(r));
	--offered_;
	// The slot says which buffer; an extra info lies where the id would be.
	r.id = static_cast<uint16_t>(number % rx_pages);
	return r;
}

std::string nic::hear(int64_t milliseconds)
{
	std::string packet;
	bool more = true;
	for (bool first = true; more; first = false) {
		if (!peer_.has_response(rx_, milliseconds)) {
			if (first)
				return {};
			fail("a packet has no end");
		}
		const netif_rx_response r = take_received();
		if (r.status < 0 || r.offset + r.status > static_cast<int>(page_bytes))
			fail("a received part has status %d, offset %u", r.status, r.offset);
		packet.append(reinterpret_cast<char *>(rx_data_) + r.id * page_bytes + r.offset,
			      static_cast<size_t>(r.status));
		more = (r.flags & NETRXF_more_data) != 0;
		for (bool extra = first && (r.flags & NETRXF_extra_info) != 0; extra;) {
			peer_.await_response(rx_);
			netif_extra_info e;
			rx_.take(&e, sizeof(e));
			--offered_;
			extra = (e.flags & XEN_NETIF_EXTRA_FLAG_MORE) != 0;
		}
	}
	return packet;
}

void nic::ask()
{
	const std::string mac = peer_.own("mac");
	question q{};
	unsigned int part[6];
	if (sscanf(mac.c_str(), "%x:%x:%x:%x:%x:%x", &part[0], &part[1], &part[2], &part[3], &part[4], &part[5]) != 6)
		fail("the NIC's address is %s", mac.c_str());
	for (int i = 0; i < 6; ++i)
		q.source[i] = q.sender[i] = static_cast<uint8_t>(part[i]);
	const uint32_t page = tx_.put_so_far() % tx_pages;
	memcpy(tx_data_ + page * page_bytes, &q, sizeof(q));
	netif_tx_request r{};
	r.gref = tx_refs_[page];
	r.id = static_cast<uint16_t>(0x7700 + tx_.put_so_far());
	r.size = sizeof(q);
	send(r);
	push();
	take_answer(NETIF_RSP_OKAY);
}

void nic::arp()
{
	const question q{};
	for (int i = 0; i < retries; ++i) {
		offer(rx_pages - offered_, usual);
		ask();
		// Others talk to all as well.
		for (std::string heard = hear(retry_ms); !heard.empty(); heard = hear(retry_ms)) {
			offer(rx_pages - offered_, usual);
			if (heard.size() < offsetof(question, target) || memcmp(&heard[12], q.ethertype, 2) != 0)
				continue;
			if (heard[offsetof(question, operation) + 1] == 2 &&
			    memcmp(&heard[offsetof(question, sender_ip)], q.target_ip, 4) == 0)
				return;
		}
	}
	fail("nobody says who has the bridge's address");
}

void nic::odd(uint32_t count)
{
	for (; count != 0; --count) {
		const netif_tx_request r{tx_refs_[0], 0, 0, static_cast<uint16_t>(count), 5};
		send(r);
		push();
		take_answer(NETIF_RSP_ERROR);
	}
}

void nic::flood()
{
	const auto put_next = [this](uint32_t i) {
		const uint32_t page = i % tx_pages;
		memset(tx_data_ + page * page_bytes, 0xff, 12); // to all
		send({tx_refs_[page], 0, 0, static_cast<uint16_t>(i % nic_slots), 1514});
		push();
	};
	for (uint32_t i = 0; i < nic_slots; ++i)
		put_next(i);
	for (uint32_t i = 0;; ++i) {
		take_answer(NETIF_RSP_OKAY);
		put_next(i);
		if (i == 4 * nic_slots)
			puts("flooding");
	}
}

bool nic::obey(const std::string &command, words &w)
{
	if (command == "single") {
		split_ = false;
	} else if (command == "slot") {
		put_slot(w);
	} else if (command == "extra") {
		put_extra(w);
	} else if (command == "push") {
		push();
	} else if (command == "answer") {
		const uint64_t count = w.number();
		const int status = static_cast<int>(w.number());
		for (uint64_t i = 0; i < count; ++i)
			take_answer(status);
	} else if (command == "buffers") {
		const auto count = static_cast<uint32_t>(w.number());
		grant_ref_t gref = usual;
		if (const auto s = w.next_setting(); s && s->value == "readonly")
			static_cast<void>(peer_.share(1, &gref, false));
		else if (s)
			gref = static_cast<grant_ref_t>(s->number());
		offer(count, gref);
	} else if (command == "refused") {
		const int status = static_cast<int>(w.number());
		peer_.await_response(rx_);
		if (const netif_rx_response r = take_received(); r.status != status)
			fail("a response to a buffer has status %d, not %d", r.status, status);
	} else if (command == "ask") {
		ask();
	} else if (command == "arp") {
		arp();
	} else if (command == "odd") {
		odd(static_cast<uint32_t>(w.number()));
	} else if (command == "produce") {
		const std::string which = w.next();
		const auto beyond = static_cast<uint32_t>(w.number());
		const bool tx = which == "tx";
		if ((tx ? tx_ : rx_).push(beyond))
			peer_.notify(tx ? tx_port_ : rx_port_);
	} else if (command == "flood") {
		flood();
	} else if (command == "hashing") {
		const auto queues = static_cast<uint32_t>(w.number());
		hashing(peer_, queues).run(static_cast<uint32_t>(w.number()));
	} else {
		return false;
	}
	return true;
}

} // namespace handfront
