// SPDX-License-Identifier: GPL-2.0-only
#define XEN_NETIF_DEFINE_TOEPLITZ
#include "hashing.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

namespace handfront {
namespace {

using steady = std::chrono::steady_clock;
constexpr auto patience = std::chrono::seconds(60);
constexpr uint8_t sender[6] = {0x02, 0, 0, 0, 0, 0x99}; // flows.py's
// Any would do that is not all zeroes.
constexpr uint8_t key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
			     0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
			     0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

// What the bytes of a packet say its hash is, or that it has none.
struct expected {
	int type = -1;
	uint32_t value = 0;
};

expected expect(const uint8_t *frame, uint32_t length)
{
	const uint32_t protocol = frame[12] << 8 | frame[13];
	const uint8_t *ip = frame + 14;
	uint8_t input[36];
	if (protocol == 0x0800 && length >= 38) {
		// Fragments have no ports to agree on.
		const bool tcp = ip[9] == 6 && ((ip[6] & 0x3f) | ip[7]) == 0;
		memcpy(input, ip + 12, 8);
		memcpy(input + 8, ip + 20, 4);
		return {tcp ? _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP : _XEN_NETIF_CTRL_HASH_TYPE_IPV4,
			xen_netif_toeplitz_hash(key, sizeof(key), input, tcp ? 12 : 8)};
	}
	if (protocol == 0x86dd && length >= 58) {
		const bool tcp = ip[6] == 6;
		memcpy(input, ip + 8, 32);
		memcpy(input + 32, ip + 40, 4);
		return {tcp ? _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP : _XEN_NETIF_CTRL_HASH_TYPE_IPV6,
			xen_netif_toeplitz_hash(key, sizeof(key), input, tcp ? 36 : 32)};
	}
	return {};
}

} // namespace

void hashing::post(queue &q, uint16_t buffer)
{
	q.buffer_of[q.rx.req_prod_pvt % 256] = buffer;
	*RING_GET_REQUEST(&q.rx, q.rx.req_prod_pvt++) = {buffer, 0, q.refs[buffer]};
}

void hashing::push(queue &q)
{
	int notify = 0;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&q.rx, notify);
	if (notify != 0)
		peer_.notify(q.port);
}

void hashing::connect()
{
	if (peer_.theirs("feature-ctrl-ring").value_or("") != "1")
		fail("the backend offers no control ring");
	// What an earlier one left would say how many queues there are.
	peer_.start({"multi-queue-num-queues"});
	settings keys{{"request-rx-copy", "1"}, {"feature-rx-notify", "1"}};
	for (size_t i = 0; i < queues_.size(); ++i) {
		queue &q = queues_[i];
		grant_ref_t tx_ref = 0;
		grant_ref_t rx_ref = 0;
		auto *tx = reinterpret_cast<netif_tx_sring_t *>(peer_.share(1, &tx_ref));
		auto *rx = reinterpret_cast<netif_rx_sring_t *>(peer_.share(1, &rx_ref));
		SHARED_RING_INIT(tx);
		SHARED_RING_INIT(rx);
		FRONT_RING_INIT(&q.tx, tx, page_bytes);
		FRONT_RING_INIT(&q.rx, rx, page_bytes);
		q.pages = peer_.share(buffers, q.refs.data());
		q.port = peer_.channel();
		const std::string prefix = queues_.size() > 1 ? "queue-" + std::to_string(i) + "/" : "";
		keys[prefix + "tx-ring-ref"] = std::to_string(tx_ref);
		keys[prefix + "rx-ring-ref"] = std::to_string(rx_ref);
		keys[prefix + "event-channel"] = std::to_string(q.port);
	}
	grant_ref_t control_ref = 0;
	auto *control = reinterpret_cast<xen_netif_ctrl_sring_t *>(peer_.share(1, &control_ref));
	SHARED_RING_INIT(control);
	FRONT_RING_INIT(&control_, control, page_bytes);
	control_port_ = peer_.channel();
	keys["ctrl-ring-ref"] = std::to_string(control_ref);
	keys["event-channel-ctrl"] = std::to_string(control_port_);
	if (queues_.size() > 1)
		keys["multi-queue-num-queues"] = std::to_string(queues_.size());
	peer_.publish(std::move(keys));
	peer_.enter(XenbusStateConnected);
	peer_.await(XenbusStateConnected);
	for (queue &q : queues_) {
		for (uint16_t i = 0; i < buffers; ++i)
			post(q, i);
		push(q);
	}
}

// The data of a successful answer; any other ends the program.
uint32_t hashing::ask(uint16_t type, uint32_t a, uint32_t b, uint32_t c)
{
	static uint16_t id = 100;
	*RING_GET_REQUEST(&control_, control_.req_prod_pvt++) = {++id, type, {a, b, c}};
	RING_PUSH_REQUESTS(&control_);
	peer_.notify(control_port_);
	const auto deadline = steady::now() + patience;
	while (!RING_HAS_UNCONSUMED_RESPONSES(&control_)) {
		if (steady::now() > deadline)
			fail("no answer to control message %u", type);
		usleep(1000);
	}
	const xen_netif_ctrl_response r = *RING_GET_RESPONSE(&control_, control_.rsp_cons++);
	if (r.id != id || r.type != type || r.status != XEN_NETIF_CTRL_STATUS_SUCCESS)
		fail("control message %u, id %u: answered type %u, id %u, status %u", type, id, r.type, r.id, r.status);
	return r.data;
}

void hashing::set_up()
{
	grant_ref_t refs[2] = {};
	uint8_t *data = peer_.share(2, refs, false);
	memcpy(data, key, sizeof(key));
	for (uint32_t i = 0; i < table_size; ++i)
		table_[i] = (i * 5 + 1) % static_cast<uint32_t>(queues_.size());
	memcpy(data + page_bytes, table_.data(), sizeof(table_));
	ask(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ);
	if (ask(XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE, 0) < table_size)
		fail("the backend's tables are small");
	ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, table_size);
	ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, refs[1], table_size, 0);
	ask(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, refs[0], sizeof(key));
	ask(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, ask(XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS, 0));
}

// A frame of nobody's protocol, with a hash of ours.
void hashing::send_with_hash()
{
	queue &q = queues_[0];
	grant_ref_t ref = 0;
	uint8_t *frame = peer_.share(1, &ref, false);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\0\0\0\0\x01\x88\xb5", 8);
	*RING_GET_REQUEST(&q.tx, q.tx.req_prod_pvt++) = {ref, 0, NETTXF_extra_info, 7, 60};
	netif_extra_info_t extra{};
	extra.type = XEN_NETIF_EXTRA_TYPE_HASH;
	extra.u.hash.type = _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP;
	extra.u.hash.algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;
	extra.u.hash.value[0] = 0x42;
	memcpy(RING_GET_REQUEST(&q.tx, q.tx.req_prod_pvt++), &extra, sizeof(extra));
	RING_PUSH_REQUESTS(&q.tx);
	peer_.notify(q.port);
	const auto deadline = steady::now() + patience;
	while (__atomic_load_n(&q.tx.sring->rsp_prod, __ATOMIC_ACQUIRE) != 2) {
		if (steady::now() > deadline)
			fail("a packet with a hash was not answered");
		usleep(1000);
	}
	if (RING_GET_RESPONSE(&q.tx, 0)->status != NETIF_RSP_OKAY ||
	    RING_GET_RESPONSE(&q.tx, 1)->status != NETIF_RSP_NULL)
		fail("a packet with a hash was answered %d and %d", RING_GET_RESPONSE(&q.tx, 0)->status,
		     RING_GET_RESPONSE(&q.tx, 1)->status);
}

// Holds a packet to what its bytes say.
void hashing::judge(uint32_t queue, const uint8_t *frame, uint32_t length, const netif_extra_info_t *extra)
{
	const expected e = expect(frame, length);
	++seen_[e.type >= 0 ? static_cast<size_t>(e.type) : 4];
	if ((extra != nullptr) != (e.type >= 0))
		fail("a packet of protocol %02x%02x, %u bytes, has %s hash", frame[12], frame[13], length,
		     extra != nullptr ? "a" : "no");
	if (extra == nullptr)
		return;
	uint32_t value = 0;
	memcpy(&value, extra->u.hash.value, sizeof(value));
	if (extra->type != XEN_NETIF_EXTRA_TYPE_HASH || extra->flags != 0 || extra->u.hash.type != e.type ||
	    extra->u.hash.algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ || value != e.value)
		fail("extra %u, flags %u: hash type %u, algorithm %u, value %#x, not type %d, value %#x", extra->type,
		     extra->flags, extra->u.hash.type, extra->u.hash.algorithm, value, e.type, e.value);
	if (table_[value % table_size] != queue)
		fail("hash %#x came on queue %u, not %u", value, queue, table_[value % table_size]);
}

// The next packet of a queue, if there is one. True: it was a sender's.
bool hashing::take(uint32_t number)
{
	queue &q = queues_[number];
	const netif_rx_response r = *RING_GET_RESPONSE(&q.rx, q.rx.rsp_cons);
	const uint16_t buffer = q.buffer_of[q.rx.rsp_cons++ % 256];
	if (r.id != buffer || r.status < 14 || (r.flags & NETRXF_more_data) != 0)
		fail("queue %u: response id %u in the place of %u, status %d, flags %#x", number, r.id, buffer,
		     r.status, r.flags);
	netif_extra_info_t extra{};
	const bool has_extra = (r.flags & NETRXF_extra_info) != 0;
	uint16_t unused = 0;
	if (has_extra) {
		memcpy(&extra, RING_GET_RESPONSE(&q.rx, q.rx.rsp_cons), sizeof(extra));
		unused = q.buffer_of[q.rx.rsp_cons++ % 256];
	}
	const uint8_t *frame = q.pages + size_t{buffer} * page_bytes + r.offset;
	// Dom0 has its own to say, some of it before we had set anything up.
	const bool of_sender = memcmp(frame + 6, sender, sizeof(sender)) == 0;
	if (of_sender)
		judge(number, frame, static_cast<uint32_t>(r.status), has_extra ? &extra : nullptr);
	q.taken += of_sender;
	post(q, buffer);
	if (has_extra)
		post(q, unused);
	return of_sender;
}

void hashing::receive(uint32_t packets)
{
	const auto deadline = steady::now() + patience;
	uint32_t taken = 0;
	while (taken < packets) {
		bool any = false;
		for (uint32_t i = 0; i < queues_.size(); ++i) {
			queue &q = queues_[i];
			while (RING_HAS_UNCONSUMED_RESPONSES(&q.rx) && taken < packets) {
				taken += take(i);
				any = true;
			}
			push(q);
		}
		if (!any && steady::now() > deadline)
			fail("%u packets of %u came", taken, packets);
		if (!any)
			usleep(2000);
	}
	printf("ipv4 %u ipv4_tcp %u ipv6 %u ipv6_tcp %u other %u", seen_[0], seen_[1], seen_[2], seen_[3], seen_[4]);
	for (size_t i = 0; i < queues_.size(); ++i)
		printf(" queue%zu %u", i, queues_[i].taken);
	puts("");
}

void hashing::run(uint32_t packets)
{
	connect();
	set_up();
	send_with_hash();
	puts("ready");
	receive(packets);
}

} // namespace handfront
