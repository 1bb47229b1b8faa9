// SPDX-License-Identifier: GPL-2.0-only
#include <evtchn/abi.h>
#include <evtchn/spread.hpp>
#include <kapi/debugfs.h>
#include <kapi/evtchn.h>
#include <kapi/log.h>
#include <kapi/xenbus.h>

#include <xenpv/counter.hpp>
#include <xenpv/owned.hpp>
#include <xenpv/result.hpp>

struct xenpv_channel {
	kapi_evtchn *line = nullptr;
	xenpv_channel_handler handler = nullptr;
	void *ctx = nullptr;
	kapi_file *file = nullptr;
	uint32_t cpu = 0;
	// received: the interrupt; spurious: whoever holds the debt, one at a time;
	// sent and suppressed: under the queue's lock or by its thread.
	xenpv::counter received;
	xenpv::counter spurious;
	xenpv::counter sent;
	xenpv::counter suppressed;
};

namespace {

void fired(void *ctx)
{
	auto *channel = static_cast<xenpv_channel *>(ctx);
	channel->received.add();
	channel->handler(channel->ctx);
}

void show(void *ctx, kapi_text *out)
{
	const auto *channel = static_cast<xenpv_channel *>(ctx);
	xenpv_channel_counters c{};
	xenpv_channel_read(channel, &c);
	kapi_print(out, "cpu %u\nreceived %llu\nspurious %llu\nsent %llu\nsuppressed %llu\n", channel->cpu,
		   static_cast<unsigned long long>(c.received), static_cast<unsigned long long>(c.spurious),
		   static_cast<unsigned long long>(c.sent), static_cast<unsigned long long>(c.suppressed));
}

} // namespace

int xenpv_channel_open(const xenpv_channel_config *config, xenpv_channel **out, uint32_t *port)
{
	auto channel = xenpv::make_owned<xenpv_channel>(xenpv::context::may_sleep);
	if (!channel)
		return xenpv::to_errno(xenpv::err::no_memory);
	channel->handler = config->handler;
	channel->ctx = config->ctx;
	channel->cpu = xenpv::evtchn::spread_cpu(config->queue, config->queues, kapi_cpu_count());

	// The handler may run before this returns and find its channel through *out.
	*out = channel.get();
	const char *device = kapi_xenbus_name(config->bus);
	char name[48];
	kapi_format(name, sizeof(name), "xenpv-%s-%s", device, config->name);
	const auto cpu = static_cast<int>(channel->cpu);
	const int rc = config->remote_port == 0
			       ? kapi_evtchn_alloc(config->bus, name, cpu, fired, channel.get(), &channel->line, port)
			       : kapi_evtchn_bind(config->bus, config->remote_port, name, cpu, fired, channel.get(),
						  &channel->line);
	if (rc != 0) {
		*out = nullptr;
		return rc;
	}
	kapi_format(name, sizeof(name), "event-%s", config->name);
	channel->file = kapi_file_create(device, name, show, channel.get());
	static_cast<void>(channel.release());
	return 0;
}

void xenpv_channel_close(xenpv_channel *channel)
{
	kapi_file_remove(channel->file);
	kapi_evtchn_unbind(channel->line);
	xenpv::owned<xenpv_channel>(channel).reset();
}

void xenpv_channel_notify(xenpv_channel *channel)
{
	channel->sent.add();
	kapi_evtchn_notify(channel->line);
}

void xenpv_channel_suppressed(xenpv_channel *channel)
{
	channel->suppressed.add();
}

void xenpv_channel_end(xenpv_channel *channel, bool spurious)
{
	if (spurious)
		channel->spurious.add();
	kapi_evtchn_eoi(channel->line, spurious);
}

void xenpv_channel_read(const xenpv_channel *channel, xenpv_channel_counters *counters)
{
	counters->received = channel->received.get();
	counters->spurious = channel->spurious.get();
	counters->sent = channel->sent.get();
	counters->suppressed = channel->suppressed.get();
}
