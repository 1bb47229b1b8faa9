// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/log.h>
#include <kapi/xenbus.h>
#include <xen-back/blk/terms.hpp>

#include <xenpv/keys.hpp>

namespace xenpv::blkback {
namespace {

[[nodiscard]] result<blkif::layout> read_layout(kapi_xenbus *bus, reporter &log)
{
	char text[24];
	const int length = kapi_xenbus_read(bus, KAPI_PEER, "protocol", text, sizeof(text));
	// Frontends older than the key are 32-bit ones, or of our own width; Linux settled
	// for 32-bit, and so does everybody who must work with both.
	if (length == to_errno(err::not_found))
		return blkif::layout_32;
	if (length >= 0 && same_text(text, blkif::protocol_64))
		return blkif::layout_64;
	if (length >= 0 && same_text(text, blkif::protocol_32))
		return blkif::layout_32;
	log.say(KAPI_ERROR, "xenstore key protocol: \"%s\" is not a layout this backend knows",
		length >= 0 ? text : "(cannot be read)");
	return err::invalid;
}

} // namespace

result<terms> read_terms(kapi_xenbus *bus, reporter &log)
{
	keys front(bus, KAPI_PEER, log);
	terms t;
	t.layout = XENPV_TRY(read_layout(bus, log));
	t.persistent = front.feature("feature-persistent");
	// A live ring may be from a time when more CPUs were there and more was offered.
	t.queues = static_cast<uint32_t>(XENPV_TRY(front.optional("multi-queue-num-queues", 1, most_queues, 1)));
	// One page is all that is offered; a frontend that wants more is told here.
	static_cast<void>(XENPV_TRY(front.optional("ring-page-order", 0, 0, 0)));
	for (uint32_t i = 0; i < t.queues; ++i) {
		char prefix[12] = "";
		if (t.queues > 1)
			kapi_format(prefix, sizeof(prefix), "queue-%u/", i);
		char key[32];
		kapi_format(key, sizeof(key), "%sring-ref", prefix);
		t.at[i].ring_ref = static_cast<uint32_t>(XENPV_TRY(front.required(key, 1, UINT32_MAX)));
		kapi_format(key, sizeof(key), "%sevent-channel", prefix);
		t.at[i].port = static_cast<uint32_t>(XENPV_TRY(front.required(key, 1, UINT32_MAX)));
	}
	return t;
}

} // namespace xenpv::blkback
