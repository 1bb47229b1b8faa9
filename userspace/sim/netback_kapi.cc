// SPDX-License-Identifier: GPL-2.0-only
// kapi/netback.h: what the engine asks of its adapter.
#include <userspace/sim/netback_adapter.hpp>

#include <kapi/evtchn.h>

#include <atomic>
#include <chrono>
#include <thread>

using xenpv::sim::might_sleep;

namespace {

std::atomic<int> naming = 0; // those who are between begin and end

} // namespace

void kapi_netback_unregister(kapi_xenbus *bus)
{
	bus->unregister();
}

int kapi_netback_connected(kapi_netback *net, const kapi_netback_info *info)
{
	might_sleep("kapi_netback_connected");
	return net->on_connected(*info);
}

void kapi_netback_disconnected(kapi_netback *net)
{
	might_sleep("kapi_netback_disconnected");
	net->on_disconnected();
}

void kapi_netback_describe(kapi_netback *net, void *cookie, kapi_net_layout *out)
{
	net->on_describe(cookie, out);
}

void kapi_netback_done(kapi_netback *net, uint32_t queue, void *cookie, bool ok)
{
	net->on_done(queue, cookie, ok);
}

void kapi_netback_wake(kapi_netback *net, uint32_t queue)
{
	net->on_wake(queue);
}

void *kapi_netback_alloc(kapi_netback *net, uint32_t queue, kapi_net_layout *layout)
{
	might_sleep("kapi_netback_alloc");
	return net->on_alloc(queue, layout);
}

void *kapi_netback_alloc_held(kapi_netback *net, uint32_t queue, kapi_net_layout *layout, const kapi_net_holder *holder,
			      void **held)
{
	might_sleep("kapi_netback_alloc_held");
	return net->on_alloc_held(queue, layout, *holder, held);
}

void kapi_netback_attach(kapi_netback *net, uint32_t queue, void *cookie, void *page, uint32_t offset, uint32_t length)
{
	might_sleep("kapi_netback_attach");
	net->on_attach(queue, cookie, page, offset, length);
}

int kapi_netback_naming_begin()
{
	++naming;
	return 0;
}

void kapi_netback_naming_end(int)
{
	--naming;
}

void kapi_netback_naming_wait()
{
	might_sleep("kapi_netback_naming_wait");
	while (naming != 0)
		std::this_thread::sleep_for(std::chrono::microseconds(20));
}

bool kapi_netback_leave(void *handle)
{
	return static_cast<xenpv::sim::held *>(handle)->leave();
}

bool kapi_netback_only_queued(void *handle)
{
	return !static_cast<xenpv::sim::held *>(handle)->at_device;
}

void kapi_netback_forget(void *handle)
{
	static_cast<xenpv::sim::held *>(handle)->forget();
}

void kapi_netback_inherit(void *handle, const kapi_map_op *ops, uint32_t count)
{
	might_sleep("kapi_netback_inherit");
	static_cast<xenpv::sim::held *>(handle)->inherit(ops, count);
}

void kapi_netback_deliver(kapi_netback *net, uint32_t queue, void *cookie, const kapi_net_meta *meta)
{
	might_sleep("kapi_netback_deliver");
	net->on_deliver(queue, cookie, *meta);
}

void kapi_netback_discard(kapi_netback *net, uint32_t queue, void *cookie)
{
	might_sleep("kapi_netback_discard");
	net->on_discard(queue, cookie);
}

void kapi_netback_flush(kapi_netback *net, uint32_t queue)
{
	might_sleep("kapi_netback_flush");
	net->on_flush(queue);
}

uint32_t kapi_netback_max_queues()
{
	const uint32_t wanted = kapi_netback::max_queues;
	return wanted != 0 ? wanted : kapi_cpu_count();
}
