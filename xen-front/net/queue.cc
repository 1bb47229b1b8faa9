// SPDX-License-Identifier: GPL-2.0-only
#include <xen-front/net/device.hpp>
#include <xen-front/net/queue.hpp>

namespace xenpv::netfront {

namespace {
constexpr unsigned int retry_ms = 50;
}

queue::~queue()
{
	disconnect();
	// The channels are gone and so is the poll: nobody schedules it any more.
	if (retry_ != nullptr)
		kapi_delayed_destroy(retry_);
}

result<void> queue::connect(kapi_xenbus *bus, const terms &t, grant::account &account)
{
	split_ = t.split_channels;
	awaited_ = {};
	stall_told_ = false;
	if (retry_ == nullptr)
		retry_ = kapi_delayed_create(&queue::on_retry, this);
	if (retry_ == nullptr)
		return err::no_memory;
	XENPV_CHECK(tx_.connect(t, account));
	XENPV_CHECK(rx_.connect(t, account));
	char name[12];
	kapi_format(name, sizeof(name), split_ ? "q%u-tx" : "q%u", number_);
	tx_port_ = XENPV_TRY(tx_channel_.open({bus, name, 0, number_, t.info.queues, &queue::on_tx_event, this}));
	rx_port_ = tx_port_;
	if (split_) {
		kapi_format(name, sizeof(name), "q%u-rx", number_);
		rx_port_ =
			XENPV_TRY(rx_channel_.open({bus, name, 0, number_, t.info.queues, &queue::on_rx_event, this}));
	}
	return {};
}

void queue::start()
{
	live_ = true;
	tx_.start();
}

void queue::disconnect()
{
	live_ = false;
	tx_channel_.close();
	rx_channel_.close();
	tx_.disconnect();
	rx_.disconnect();
}

void queue::on_tx_event(void *ctx)
{
	auto *self = static_cast<queue *>(ctx);
	self->tx_channel_.defer();
	kapi_netfront_schedule(self->owner_.net(), self->number_);
}

void queue::on_rx_event(void *ctx)
{
	auto *self = static_cast<queue *>(ctx);
	self->rx_channel_.defer();
	kapi_netfront_schedule(self->owner_.net(), self->number_);
}

void queue::on_retry(void *ctx)
{
	auto *self = static_cast<queue *>(ctx);
	kapi_netfront_schedule(self->owner_.net(), self->number_);
}

int queue::transmit(const kapi_net_packet &packet)
{
	return owner_.broken() ? to_errno(err::io) : tx_.send(packet);
}

void queue::commit()
{
	const auto how = tx_.push();
	if (how == tx_queue::pushed::nothing)
		return;
	owner_.sent_something();
	spinlock::guard held(telling_);
	tx_channel_.notify_if(how == tx_queue::pushed::to_be_told);
}

uint32_t queue::poll(uint32_t budget)
{
	if (!live_ || owner_.broken())
		return 0;
	const auto reaped = tx_.reap();
	const auto delivered = reaped.ok() ? rx_.deliver(budget) : reaped;
	if (!delivered.ok()) {
		// The channels stay masked: this peer has nothing more to say.
		owner_.peer_broke_protocol();
		return 0;
	}
	if (reaped.value_or(0) != 0)
		tx_channel_.found_work();
	delivered_ = delivered.value_or(0) != 0;
	if (delivered_)
		rx_channel().found_work();
	// Without a budget it may be netpoll, which has no memory to give.
	if (budget == 0)
		return 0;
	if (rx_.refill()) {
		spinlock::guard held(telling_);
		rx_channel().notify();
	}
	if (rx_.starved())
		kapi_delayed_schedule(retry_, retry_ms);
	return delivered.value_or(0);
}

bool queue::rest()
{
	if (!live_ || owner_.broken())
		return true;
	tx_channel_.before_last_look();
	rx_channel_.before_last_look();
	const auto tx = tx_.rest(owner_.tx_distance());
	// Where nothing came lately the first packet is told of at once.
	const auto rx = rx_.rest(delivered_ ? owner_.rx_distance() : 1);
	if (!tx.ok() || !rx.ok())
		return false; // the next poll says what is wrong
	return tx.value_or(true) && rx.value_or(true);
}

void queue::unmask()
{
	if (!live_ || owner_.broken())
		return;
	tx_channel_.settle();
	rx_channel_.settle();
}

void queue::kick()
{
	{
		spinlock::guard held(telling_);
		tx_channel_.notify();
	}
	kapi_netfront_schedule(owner_.net(), number_);
}

void queue::read(kapi_netfront_queue_stats &out) const
{
	const tx_counters &t = tx_.counters();
	const rx_counters &r = rx_.counters();
	const xenpv_channel_counters a = tx_channel_.counters();
	const xenpv_channel_counters b = rx_channel_.counters();
	out.tx_packets = t.packets.get();
	out.tx_bytes = t.bytes.get();
	out.tx_slots = t.slots.get();
	out.tx_errors = t.errors.get();
	out.tx_pushes = t.pushes.get();
	out.tx_copied = t.copied.get();
	out.tx_stalls = stalls_.get();
	out.rx_packets = r.packets.get();
	out.rx_bytes = r.bytes.get();
	out.rx_slots = r.slots.get();
	out.rx_errors = r.errors.get();
	out.rx_pushes = r.pushes.get();
	out.rx_recycled = r.recycled.get();
	out.rx_no_page = r.no_page.get();
	out.notifications_sent = a.sent + b.sent;
	out.notifications_suppressed = a.suppressed + b.suppressed;
	out.events_received = a.received + b.received;
	out.events_spurious = a.spurious + b.spurious;
}

} // namespace xenpv::netfront
