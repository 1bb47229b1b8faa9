// SPDX-License-Identifier: GPL-2.0-only
// Map, unmap and copy in batches, with every status read (XSA-361, 365, 367).
#include <grant/ledger.hpp>
#include <kapi/time.h>

namespace xenpv::grant {
namespace {

constexpr uint64_t patience = 1'000'000'000; // ns

// Runs `call` on the batch, then again on the operations that were told "try
// again", until none is left or patience ends: at once for who must not sleep.  Those
// become errors.
template <typename Op, typename Call>
void run_batch(Op *ops, uint32_t count, uint32_t batch, uint64_t patience_ns, uint64_t &hypercalls,
	       uint64_t &operations, Call call)
{
	for (uint32_t i = 0; i < count; ++i)
		ops[i].status = KAPI_GNTST_GENERAL_ERROR;
	for (uint32_t at = 0; at < count; at += batch) {
		const uint32_t n = count - at < batch ? count - at : batch;
		++hypercalls;
		operations += n;
		if (call(ops + at, n) != 0)
			for (uint32_t i = at; i < at + n; ++i)
				ops[i].status = KAPI_GNTST_GENERAL_ERROR;
	}
	uint64_t began = 0;
	unsigned int pause_ms = 1;
	for (uint32_t i = 0; i < count; ++i) {
		while (ops[i].status == KAPI_GNTST_EAGAIN) {
			const uint64_t now = kapi_now_ns();
			began = began == 0 ? now : began;
			if (now - began >= patience_ns) {
				ops[i].status = KAPI_GNTST_GENERAL_ERROR;
				break;
			}
			kapi_sleep_ms(pause_ms);
			pause_ms = pause_ms < 16 ? pause_ms * 2 : pause_ms;
			++hypercalls;
			++operations;
			if (call(ops + i, 1) != 0)
				ops[i].status = KAPI_GNTST_GENERAL_ERROR;
		}
		// Positive is not a status of Xen.
		if (ops[i].status > 0)
			ops[i].status = KAPI_GNTST_GENERAL_ERROR;
	}
}

} // namespace
} // namespace xenpv::grant

void xenpv_grant_map(xenpv_grant_account *account, kapi_map_op *ops, uint32_t count, xenpv_grant_costs *costs)
{
	if (count == 0)
		return; // no hypercall for nothing
	xenpv::grant::run_batch(ops, count, KAPI_MAP_BATCH, xenpv::grant::patience, costs->map_hypercalls,
				costs->map_operations, kapi_grant_map);
	int64_t mapped = 0;
	for (uint32_t i = 0; i < count; ++i)
		mapped += ops[i].status == KAPI_GNTST_OKAY;
	xenpv::grant::count_mapped(account, mapped);
}

uint32_t xenpv_grant_unmap(xenpv_grant_account *account, kapi_map_op *ops, uint32_t count, xenpv_grant_costs *costs)
{
	// Only what was mapped, moved together so that a batch stays one hypercall.
	uint32_t live = 0;
	for (uint32_t i = 0; i < count; ++i)
		if (ops[i].status == KAPI_GNTST_OKAY)
			ops[live++] = ops[i];
	if (live == 0)
		return 0;
	for (uint32_t at = 0; at < live; at += KAPI_MAP_BATCH) {
		const uint32_t n = live - at < KAPI_MAP_BATCH ? live - at : KAPI_MAP_BATCH;
		++costs->unmap_hypercalls;
		costs->unmap_operations += n;
		for (uint32_t i = at; i < at + n; ++i)
			ops[i].status = KAPI_GNTST_GENERAL_ERROR;
		kapi_grant_unmap(ops + at, n);
	}
	int64_t gone = 0;
	for (uint32_t i = 0; i < live; ++i)
		gone += ops[i].status == KAPI_GNTST_OKAY;
	xenpv::grant::count_mapped(account, -gone);
	return live;
}

uint32_t xenpv_grant_replace(xenpv_grant_account *account, kapi_map_op *ops, uint32_t count, xenpv_grant_costs *costs)
{
	for (uint32_t i = 0; i < count; ++i)
		ops[i].status = KAPI_GNTST_GENERAL_ERROR;
	for (uint32_t at = 0; at < count; at += KAPI_MAP_BATCH) {
		const uint32_t n = count - at < KAPI_MAP_BATCH ? count - at : KAPI_MAP_BATCH;
		// Xen is asked for each by itself.
		costs->unmap_hypercalls += n;
		costs->unmap_operations += n;
		kapi_grant_replace(ops + at, n);
	}
	uint32_t gone = 0;
	for (uint32_t i = 0; i < count; ++i)
		gone += ops[i].status == KAPI_GNTST_OKAY;
	xenpv::grant::count_mapped(account, -int64_t{gone});
	return gone;
}

void xenpv_grant_copy(kapi_copy_op *ops, uint32_t count, kapi_context ctx, xenpv_grant_costs *costs)
{
	if (count == 0)
		return;
	xenpv::grant::run_batch(ops, count, KAPI_COPY_BATCH, ctx == KAPI_MAY_SLEEP ? xenpv::grant::patience : 0,
				costs->copy_hypercalls, costs->copy_operations, kapi_grant_copy);
}
