// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/xenbus.h>
#include <xen-back/net/control.hpp>
#include <xen-back/net/device.hpp>

#include <utility>

namespace xenpv::netback {

result<void> control::open(kapi_xenbus *bus, const terms &agreed)
{
	bus_ = bus;
	peer_ = agreed.peer_domain;
	broken_ = false;
	if (auto r = from_rc(kapi_xenbus_map_ring(bus, agreed.control_ref, &addr_)); !r.ok()) {
		owner_.log().say(KAPI_ERROR, "xenstore key ctrl-ring-ref: %u cannot be mapped (%d)", agreed.control_ref,
				 to_errno(r.error()));
		return r;
	}
	auto ring = back_ring::attach(ring_page(addr_, sizeof(netif::control_request)));
	if (!ring.ok()) {
		owner_.log().say(KAPI_ERROR, "xenstore key ctrl-ring-ref: %u is not a ring", agreed.control_ref);
		return ring.error();
	}
	ring_ = ring.value();
	XENPV_CHECK(from_rc(kapi_page_alloc(&page_, KAPI_MAY_SLEEP)));
	work_ = kapi_delayed_create_slow(&control::run, this);
	if (work_ == nullptr)
		return err::no_memory;
	served_.with([](bool &served) { served = true; });
	const auto port =
		channel_.open({bus, "ctrl", agreed.control_port, 0, agreed.info.queues, &control::on_event, this});
	if (!port.ok()) {
		owner_.log().say(KAPI_ERROR, "xenstore key event-channel-ctrl: %u cannot be bound (%d)",
				 agreed.control_port, to_errno(port.error()));
		return port.error();
	}
	// Requests may have been there before the channel was.
	wake();
	return {};
}

void control::close()
{
	served_.with([](bool &served) { served = false; });
	// While it runs, it may want to schedule itself: it is forgotten when it has ended.
	if (work_ != nullptr)
		kapi_delayed_destroy(work_);
	work_ = nullptr;
	channel_.close();
	ring_ = {};
	if (page_.page != nullptr)
		kapi_page_release(std::exchange(page_, {}).page);
	if (addr_ != nullptr)
		kapi_xenbus_unmap_ring(bus_, std::exchange(addr_, nullptr));
}

// From events, which may come while it closes.
void control::wake()
{
	served_.with([this](const bool &served) {
		if (served)
			kapi_delayed_schedule(work_, 0);
	});
}

void control::on_event(void *ctx)
{
	auto *self = static_cast<control *>(ctx);
	self->channel_.defer();
	self->wake();
}

void control::run(void *ctx)
{
	auto *self = static_cast<control *>(ctx);
	self->runs_.add();
	self->serve();
}

void control::serve()
{
	if (broken_)
		return; // the channel stays masked
	const auto there = ring_.available();
	if (!there.ok())
		return break_off();
	const uint32_t left = there.value_or(0);
	const uint32_t count = left < most_requests ? left : most_requests;
	for (uint32_t i = 0; i < count; ++i) {
		// A frame that Xen has to fetch takes a while, and nobody waits for all of them.
		if (!served_.with([](const bool &served) { return served; }))
			return;
		const netif::taken_control request = netif::take_control(ring_);
		const answer a = carry_out(request);
		requests_.add();
		refused_.add(a.status == netif::control_status::success ? 0 : 1);
		netif::put_control_response(ring_, request.id.unchecked(echoed_back{}),
					    request.type.unchecked(echoed_back{}), a.status, a.data);
	}
	if (count != 0) {
		channel_.found_work();
		pushes_.add();
		channel_.notify_if(ring_.push());
	}
	channel_.before_last_look();
	const auto more = ring_.arm();
	if (!more.ok())
		return break_off();
	if (more.value_or(0) != 0)
		kapi_delayed_schedule(work_, pause_ms);
	else
		channel_.settle();
}

// The data that a message does not use is not looked at: frontends leave old words there.
control::answer control::carry_out(const netif::taken_control &request)
{
	using netif::control_status;
	flow_hash &hash = owner_.hash();
	switch (static_cast<netif::control>(request.type.unchecked(every_value_is_valid{}))) {
	case netif::control::get_hash_flags:
		if (hash.read().algorithm == netif::hash_algorithm::none)
			return {control_status::not_supported};
		return {control_status::success, netif::all_hash_flags};
	case netif::control::set_hash_flags: {
		const auto flags = request.data[0].at_most(netif::all_hash_flags);
		if (!flags.ok())
			return {control_status::invalid_parameter};
		return {hash.set_flags(flags.value_or(0)).ok() ? control_status::success
							       : control_status::not_supported};
	}
	case netif::control::set_hash_key:
		return set_key(request);
	case netif::control::get_hash_mapping_size:
		return {control_status::success, flow_hash::max_mapping};
	case netif::control::set_hash_mapping_size: {
		const auto size = request.data[0].at_most(flow_hash::max_mapping);
		if (!size.ok())
			return {control_status::invalid_parameter};
		hash.set_mapping_size(size.value_or(0));
		return {control_status::success};
	}
	case netif::control::set_hash_mapping:
		return set_mapping(request);
	case netif::control::set_hash_algorithm: {
		const auto a = request.data[0].at_most(static_cast<uint32_t>(netif::hash_algorithm::toeplitz));
		if (!a.ok())
			return {control_status::invalid_parameter};
		hash.set_algorithm(static_cast<netif::hash_algorithm>(a.value_or(0)));
		return {control_status::success};
	}
	}
	return {control_status::not_supported};
}

control::answer control::set_key(const netif::taken_control &request)
{
	const auto bytes = request.data[1].at_most(toeplitz_key_bytes);
	if (!bytes.ok())
		return {netif::control_status::buffer_overflow};
	if (!fetch(request.data[0], bytes.value_or(0)))
		return {netif::control_status::invalid_parameter};
	owner_.hash().set_key(static_cast<const uint8_t *>(page_.addr), bytes.value_or(0));
	return {netif::control_status::success};
}

// An empty part is none to object to: Windows sends it along with an empty table.
control::answer control::set_mapping(const netif::taken_control &request)
{
	const auto count = request.data[1].at_most(flow_hash::max_mapping);
	if (!count.ok())
		return {netif::control_status::buffer_overflow};
	const uint32_t n = count.value_or(0);
	const uint32_t size = owner_.hash().mapping_size();
	// Without a sum that could run over (XSA-270).
	const auto offset = n <= size ? request.data[2].at_most(size - n) : result<uint32_t>(err::range);
	if (!offset.ok() || !fetch(request.data[0], n * sizeof(uint32_t)))
		return {netif::control_status::invalid_parameter};
	peer<uint32_t> entries[flow_hash::max_mapping];
	for (uint32_t i = 0; i < n; ++i)
		entries[i] = peer(static_cast<const uint32_t *>(page_.addr)[i]);
	return {owner_.hash().set_mapping(offset.value_or(0), entries, n).ok()
			? netif::control_status::success
			: netif::control_status::invalid_parameter};
}

// From the beginning of what the guest granted to that of our page, which it never sees.
bool control::fetch(peer<uint32_t> gref, uint32_t bytes)
{
	if (bytes == 0)
		return true;
	kapi_copy_op op{};
	op.source.ref = gref.unchecked(hypervisor_checks{});
	op.source.domid = static_cast<uint16_t>(peer_);
	op.dest = {{page_.frame}, KAPI_SELF, 0};
	op.length = static_cast<uint16_t>(bytes);
	op.flags = KAPI_COPY_SOURCE_REF;
	xenpv_grant_copy(&op, 1, KAPI_MAY_SLEEP, &costs_);
	copy_hypercalls_.set(costs_.copy_hypercalls);
	copy_operations_.set(costs_.copy_operations);
	if (op.status != KAPI_GNTST_OKAY)
		owner_.log().say(KAPI_ERROR, "control: grant reference %u cannot be copied from (%d)", op.source.ref,
				 op.status);
	return op.status == KAPI_GNTST_OKAY;
}

void control::break_off()
{
	owner_.log().say(KAPI_ERROR, "control: request producer index is out of range");
	broken_ = true;
	owner_.frontend_broke_protocol();
}

} // namespace xenpv::netback
