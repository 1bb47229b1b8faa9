// SPDX-License-Identifier: GPL-2.0-only
/* blk-mq on one side, the engine on the other: a request becomes one descriptor. */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/cpumask.h>
#include <xen/page.h>

#include "blkfront.h"

/* When there was no memory or no grant, and nobody will say when there is. */
#define RETRY_MS 5

struct pdu {
	blk_status_t status;
};

size_t xenpv_blk_pdu_size(void)
{
	return sizeof(struct pdu);
}

/* False: not a shape the ring can carry, whatever limits we had set. */
static bool describe(const struct kapi_blkfront *bf, struct request *rq,
		     struct kapi_blk_request *out)
{
	struct kapi_blk_segment *last = NULL;
	struct req_iterator iter;
	struct bio_vec bv;

	out->cookie = rq;
	out->sector = blk_rq_pos(rq);
	/* Who does not know yet that there is a cache will not have it flushed. */
	out->fua = (rq->cmd_flags & REQ_FUA) ||
		   (READ_ONCE(bf->cache) & ~READ_ONCE(bf->told_cache) & XENPV_CACHE);
	out->pad = 0;
	out->nr_segments = 0;
	switch (req_op(rq)) {
	case REQ_OP_READ:
		out->op = KAPI_BLK_READ;
		break;
	case REQ_OP_WRITE:
		out->op = KAPI_BLK_WRITE;
		break;
	case REQ_OP_FLUSH:
		out->op = KAPI_BLK_FLUSH;
		out->sector = 0;
		return true;
	default:
		return false;
	}
	/* Each piece lies within one page, as the limits of the queue ask. */
	rq_for_each_segment(bv, rq, iter) {
		if ((bv.bv_offset | bv.bv_len) & (SECTOR_SIZE - 1))
			return false;
		if (last && last->page == bv.bv_page &&
		    last->offset + last->length == bv.bv_offset) {
			last->length += bv.bv_len;
			continue;
		}
		if (out->nr_segments == KAPI_BLK_MAX_SEGMENTS)
			return false;
		last = &out->segments[out->nr_segments++];
		last->page = bv.bv_page;
		last->addr = page_address(bv.bv_page);
		last->frame = xen_page_to_gfn(bv.bv_page);
		last->offset = bv.bv_offset;
		last->length = bv.bv_len;
	}
	return true;
}

/*
 * The engine had no room.  Stopped first, then asked again: room that came before
 * the stop is used now, and room that comes after wakes a stopped queue.
 */
static int stop_and_ask_again(struct kapi_blkfront *bf, struct blk_mq_hw_ctx *hctx,
			      const struct kapi_blk_request *request)
{
	int rc;

	blk_mq_stop_hw_queue(hctx);
	rc = xenpv_blkfront_queue(bf->front, hctx->queue_num, request);
	if (rc != -EBUSY)
		blk_mq_start_stopped_hw_queue(hctx, true);
	return rc;
}

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct kapi_blkfront *bf = hctx->queue->queuedata;
	struct kapi_blk_request request;
	int rc;

	/* Pausing waits for us, so a change of this is seen before the engine goes. */
	if (READ_ONCE(bf->gone))
		return BLK_STS_IOERR;
	if (WARN_ON_ONCE(!describe(bf, bd->rq, &request)))
		return BLK_STS_IOERR;
	/* Before the engine has it: the answer may overtake our return. */
	blk_mq_start_request(bd->rq);
	rc = xenpv_blkfront_queue(bf->front, hctx->queue_num, &request);
	/* What cannot go on must not keep what went before it from the peer. */
	if (rc)
		xenpv_blkfront_commit(bf->front, hctx->queue_num);
	if (rc == -EBUSY)
		rc = stop_and_ask_again(bf, hctx, &request);
	switch (rc) {
	case 0:
		if (bd->last)
			xenpv_blkfront_commit(bf->front, hctx->queue_num);
		return BLK_STS_OK;
	case -EBUSY:
		/* Not DEV_RESOURCE: that promises a later completion, and if the wake
		 * comes before blk-mq has put the request back there may be none.  The
		 * queue is stopped, so this does not poll. */
		return BLK_STS_RESOURCE;
	case -EAGAIN:
		blk_mq_stop_hw_queue(hctx);
		kblockd_mod_delayed_work_on(WORK_CPU_UNBOUND, &bf->retry_work,
					    msecs_to_jiffies(RETRY_MS));
		return BLK_STS_RESOURCE;
	default:
		return BLK_STS_IOERR;
	}
}

void xenpv_queue_retry(struct work_struct *work)
{
	struct kapi_blkfront *bf =
		container_of(to_delayed_work(work), struct kapi_blkfront, retry_work);
	uint32_t i;

	for (i = 0; i < bf->nr_queues; ++i)
		kapi_blkfront_wake(bf, i);
}

static void commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	struct kapi_blkfront *bf = hctx->queue->queuedata;

	if (!READ_ONCE(bf->gone))
		xenpv_blkfront_commit(bf->front, hctx->queue_num);
}

static void complete_rq(struct request *rq)
{
	struct pdu *pdu = blk_mq_rq_to_pdu(rq);

	blk_mq_end_request(rq, pdu->status);
}

/*
 * A slow disk is waited for.  But while the disk is removed nobody watches the backend
 * any more: if it goes too, or starts over and wants new rings, the engine has to be
 * told here, or the wait has no end.
 */
static enum blk_eh_timer_return timed_out(struct request *rq)
{
	struct kapi_blkfront *bf = rq->q->queuedata;

	if (READ_ONCE(bf->draining))
		xenpv_blkfront_backend_changed(bf->front, kapi_xenbus_peer_state(kapi_of(bf->dev)));
	return BLK_EH_RESET_TIMER;
}

static int init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	struct kapi_blkfront *bf = data;

	bf->hctx[index] = hctx;
	return 0;
}

/*
 * A CPU's requests go to the queue whose interrupts come nearest to it: the last
 * queue that the event layer puts at or before it (evtchn/spread.hpp).
 */
static void map_queues(struct blk_mq_tag_set *set)
{
	struct blk_mq_queue_map *map = &set->map[HCTX_TYPE_DEFAULT];
	unsigned int cpus = num_online_cpus();
	unsigned int at = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		map->mq_map[cpu] = ((at % cpus + 1) * map->nr_queues - 1) / cpus;
		if (map->mq_map[cpu] >= map->nr_queues)
			map->mq_map[cpu] = map->nr_queues - 1;
		++at;
	}
}

const struct blk_mq_ops xenpv_blk_mq_ops = {
	.queue_rq = queue_rq,
	.commit_rqs = commit_rqs,
	.complete = complete_rq,
	.timeout = timed_out,
	.init_hctx = init_hctx,
	.map_queues = map_queues,
};

void kapi_blkfront_complete(struct kapi_blkfront *bf, void *cookie, int error)
{
	struct request *rq = cookie;
	struct pdu *pdu = blk_mq_rq_to_pdu(rq);

	pdu->status = errno_to_blk_status(error);
	if (likely(!blk_should_fake_timeout(rq->q)))
		blk_mq_complete_request(rq);
}

void kapi_blkfront_requeue(struct kapi_blkfront *bf, void *cookie)
{
	struct request *rq = cookie;
	/* Any kick may run the request to its end, but not the queue. */
	struct request_queue *q = rq->q;

	blk_mq_requeue_request(rq, false);
	blk_mq_delay_kick_requeue_list(q, RETRY_MS);
}

void kapi_blkfront_wake(struct kapi_blkfront *bf, uint32_t queue)
{
	/* Acquire pairs with the publication of the disk: its queues are there. */
	if (smp_load_acquire(&bf->disk) && queue < bf->nr_queues)
		blk_mq_start_stopped_hw_queue(bf->hctx[queue], true);
}
