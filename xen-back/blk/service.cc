// SPDX-License-Identifier: GPL-2.0-only
// A request's way: off the ring, checked, mapped, to the disk, answered.
#include <xen-back/blk/device.hpp>
#include <xen-back/blk/queue.hpp>

namespace xenpv::blkback {

queue::job *queue::get_job()
{
	// The ring bounds what is in service, so there is always one.
	job *j = free_jobs_;
	free_jobs_ = j->next;
	j->next = nullptr;
	return j;
}

// Takes what is on the ring, as far as barriers allow.  What cannot be carried out is
// answered here; the rest comes back in `batch`.
uint32_t queue::take(job **batch)
{
	const auto n = ring_.available();
	if (!n.ok()) {
		break_off("request producer index is out of range");
		return 0;
	}
	if (fence_)
		return 0;
	uint32_t count = 0;
	if (barrier_ != nullptr)
		return in_flight_ == 0 ? take_barrier(batch) : 0;
	if (n.value_or(0) != 0) {
		pace_.came(kapi_now_ns(), n.value_or(0), std::exchange(slept_, false));
		limits_ = owner_.limits();
	}
	for (uint32_t i = 0; i < n.value_or(0); ++i) {
		blkif::taken_request wire;
		blkif::take_request(ring_, layout_, wire);
		job *j = get_job();
		j->id = wire.id.unchecked(echoed_back{});
		j->operation = wire.operation.unchecked(echoed_back{});
		counters_.requests.add();
		j->status = check_request(wire, limits_, owner_.log(), j->todo);
		if (j->status != blkif::status::okay) {
			answer(j);
			continue;
		}
		if (j->todo.act == action::barrier) {
			// Everything before it is on the disk first, nothing after it passes.
			barrier_ = j;
			break;
		}
		if (prepare(*j))
			batch[count++] = j;
	}
	push();
	return count;
}

// What came before the barrier is done: its turn.
uint32_t queue::take_barrier(job **batch)
{
	fence_ = true;
	batch[0] = std::exchange(barrier_, nullptr);
	return prepare(*batch[0]) ? 1 : 0;
}

// Finds a page for each piece; false: answered with an error.
bool queue::prepare(job &j)
{
	const bool reads_frame = j.todo.act != action::read;
	for (uint32_t i = 0; i < j.todo.nr_pieces; ++i) {
		const uint32_t gref = j.todo.pieces[i].gref;
		j.page[i] = frames_.kept(gref);
		j.mapped_here[i] = j.page[i] == nullptr;
		if (!j.mapped_here[i])
			continue;
		const auto op = frames_.prepare(gref, reads_frame);
		if (!op.ok()) {
			while (i-- > 0)
				if (j.mapped_here[i])
					frames_.put_page(j.op[i].page);
			owner_.log().say(KAPI_ERROR, "queue %u: no memory to map a request's frames", number_);
			j.status = blkif::status::error;
			fence_ = fence_ && j.todo.act != action::barrier;
			answer(&j);
			push();
			return false;
		}
		j.op[i] = op.value_or({});
		j.page[i] = j.op[i].page;
	}
	return true;
}

// One hypercall for what the whole batch needs.
void queue::map(job **batch, uint32_t count)
{
	uint32_t n = 0;
	for (uint32_t b = 0; b < count; ++b)
		for (uint32_t i = 0; i < batch[b]->todo.nr_pieces; ++i)
			if (batch[b]->mapped_here[i])
				operations_[n++] = batch[b]->op[i];
	frames_.map(operations_, n);
	n = 0;
	for (uint32_t b = 0; b < count; ++b) {
		job &j = *batch[b];
		for (uint32_t i = 0; i < j.todo.nr_pieces; ++i) {
			if (!j.mapped_here[i])
				continue;
			j.op[i] = operations_[n++];
			if (j.op[i].status == KAPI_GNTST_OKAY) {
				j.mapped_here[i] = !frames_.keep(j.op[i]);
				continue;
			}
			// Each status counts for itself (XSA-361, 365): this piece was not mapped,
			// the others of the request were and will be unmapped.
			owner_.log().say(KAPI_ERROR, "queue %u: grant reference %u cannot be mapped (%d)", number_,
					 j.op[i].ref, j.op[i].status);
			frames_.put_page(j.op[i].page);
			j.mapped_here[i] = false;
			j.status = blkif::status::error;
		}
	}
}

void queue::submit(job **batch, uint32_t count)
{
	if (count == 0)
		return;
	kapi_plug plug;
	kapi_bdev_plug(&plug);
	for (uint32_t b = 0; b < count; ++b) {
		job &j = *batch[b];
		++in_flight_;
		if (j.status != blkif::status::okay) {
			on_done(&j, to_errno(err::io));
			continue;
		}
		kapi_bdev_segment segments[blkif::max_segments];
		for (uint32_t i = 0; i < j.todo.nr_pieces; ++i)
			segments[i] = {j.page[i], j.todo.pieces[i].offset, j.todo.pieces[i].length};
		kapi_bdev_op op = KAPI_BDEV_FLUSH;
		switch (j.todo.act) {
		case action::read:
			op = KAPI_BDEV_READ;
			counters_.reads.add();
			counters_.read_sectors.add(j.todo.sectors);
			break;
		case action::barrier:
			counters_.flushes.add();
			op = j.todo.nr_pieces != 0 ? KAPI_BDEV_WRITE_BARRIER : KAPI_BDEV_FLUSH;
			counters_.writes.add(j.todo.nr_pieces != 0 ? 1 : 0);
			counters_.write_sectors.add(j.todo.sectors);
			break;
		case action::write:
			op = KAPI_BDEV_WRITE;
			counters_.writes.add();
			counters_.write_sectors.add(j.todo.sectors);
			break;
		case action::flush:
			counters_.flushes.add();
			break;
		}
		const kapi_bdev_io io{j.todo.sector, op, j.todo.nr_pieces, segments, &queue::on_done, &j};
		kapi_bdev_submit(disk_, &io);
	}
	kapi_bdev_unplug(&plug);
}

// Any context.
void queue::on_done(void *ctx, int error)
{
	auto *j = static_cast<job *>(ctx);
	queue *q = j->owner;
	if (error != 0)
		j->status = error == to_errno(err::not_supported) ? blkif::status::not_supported : blkif::status::error;
	// All under the lock: once the thread has seen the job, this touches nothing of the
	// queue any more.  The thread itself, completing while it submits, is awake.
	q->done_.with([q, j](completions &d) {
		j->next = std::exchange(d.list, j);
		if (std::exchange(d.asleep, false))
			kapi_worker_wake(q->worker_);
	});
}

bool queue::pages_idle(const job &j) const
{
	for (uint32_t i = 0; i < j.todo.nr_pieces; ++i)
		if (j.mapped_here[i] && !frames::idle(j.op[i]))
			return false;
	return true;
}

// Answers what the disk has done: one unmap for all of it, then one push.
bool queue::finish()
{
	job *list = done_.with([](completions &d) { return std::exchange(d.list, nullptr); });
	for (job *j = list; j != nullptr; j = j->next)
		--in_flight_;
	if (list == nullptr && waiting_ == nullptr)
		return false;
	// Pages that network storage still holds must stay mapped: their requests wait.
	job *ready = nullptr;
	job *held = nullptr;
	for (job *from : {waiting_, list}) {
		while (from != nullptr) {
			job *j = from;
			from = j->next;
			job *&to = pages_idle(*j) ? ready : held;
			j->next = to;
			to = j;
		}
	}
	waiting_ = held;
	if (held != nullptr)
		kapi_delayed_schedule(retry_, 5);
	if (ready == nullptr)
		return list != nullptr;
	release(ready);
	push();
	return true;
}

void queue::release(job *list)
{
	uint32_t n = 0;
	for (job *j = list; j != nullptr; j = j->next)
		for (uint32_t i = 0; i < j->todo.nr_pieces; ++i)
			if (j->mapped_here[i])
				operations_[n++] = j->op[i];
	frames_.unmap(operations_, n);
	while (list != nullptr) {
		job *j = list;
		list = j->next;
		fence_ = fence_ && j->todo.act != action::barrier;
		answer(j);
	}
}

void queue::answer(job *j)
{
	if (j->status == blkif::status::error)
		counters_.errors.add();
	blkif::put_response(ring_, layout_, j->id, j->operation, j->status);
	j->next = free_jobs_;
	free_jobs_ = j;
}

} // namespace xenpv::blkback
