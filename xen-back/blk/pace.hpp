// SPDX-License-Identifier: GPL-2.0-only
// When a queue's thread tells the frontend of responses.
//
// Telling costs this end a hypercall and the frontend an interrupt; going to sleep
// makes the frontend's next request cost a notification there and an interrupt and a
// wakeup here.  One of each per request is what both ends then spend their time on,
// also when many requests are outstanding.  So responses are gathered: the thread
// naps and looks at the ring again, and the frontend is told when as many are there
// as experience says come by themselves, or when a nap brought nothing.
//
// Experience is made by trying: now and then the thread gathers twice as many as it
// knows will come.  A frontend with one request outstanding sends no second one
// before it is told of the first: that costs it one nap, and the next try is put off
// further and further.
#pragma once
#include <cstdint>

namespace xenpv::blkback {

class pace {
public:
	static constexpr uint64_t longest_ns = 2'000'000;
	static constexpr uint64_t shortest_ns = 20'000;
	// Half a ring: the other half keeps this end busy while the frontend works.
	static constexpr uint32_t most = 16;
	static constexpr uint32_t first_try = 16;
	static constexpr uint32_t last_try = 1024;

	// `count` requests came, `slept`: to a thread that had nothing to tell or do.  Where
	// responses are gathered, such a gap is the frontend's, not the stream's.
	void came(uint64_t now_ns, uint32_t count, bool slept)
	{
		if (last_came_ns_ != 0 && (target_ == 1 || !slept)) {
			const uint64_t gap = (now_ns - last_came_ns_) / count;
			gap_ns_ = (gap_ns_ * 7 + (gap < longest_ns ? gap : longest_ns)) / 8;
		}
		last_came_ns_ = now_ns;
	}

	// Whether to wait for more before telling of `count` responses.
	[[nodiscard]] bool gathers(uint32_t count) const { return count < goal(); }
	// How long to nap with `count` untold responses: while half of what is hoped for
	// comes, at least two requests.
	[[nodiscard]] uint64_t nap_ns(uint32_t count) const
	{
		const uint32_t half = count < goal() ? (goal() - count) / 2 : 0;
		const uint64_t n = gap_ns_ * (half > 2 ? half : 2);
		return n < shortest_ns ? shortest_ns : n > longest_ns ? longest_ns : n;
	}

	// The frontend is told of `count`: all that was hoped for came, or a nap brought
	// nothing more.
	void told(uint32_t count)
	{
		if (count < goal()) {
			// Nothing more came: `count` is all there is outstanding, unless the
			// frontend paused.  Half of it leaves both ends something to do.
			if (!trying_ || count < target_) {
				const uint32_t most_now = (count + 1) / 2 > target_ / 2 ? (count + 1) / 2 : target_ / 2;
				target_ = most_now < target_ ? most_now : target_;
			}
			if (trying_ && put_off_ < last_try)
				put_off_ *= 2;
			trying_ = false;
			next_try_ = put_off_;
		} else if (trying_) {
			target_ = goal();
			put_off_ = first_try;
			trying_ = target_ < most;
			next_try_ = put_off_;
		} else if (--next_try_ == 0) {
			trying_ = target_ < most;
			next_try_ = put_off_;
		}
	}
	[[nodiscard]] uint32_t target() const { return target_; }

private:
	[[nodiscard]] uint32_t goal() const
	{
		const uint32_t wish = trying_ ? target_ * 2 : target_;
		return wish < most ? wish : most;
	}

	uint64_t gap_ns_ = 0;
	uint64_t last_came_ns_ = 0;
	uint32_t target_ = 1;
	uint32_t next_try_ = first_try;
	uint32_t put_off_ = first_try;
	bool trying_ = false;
};

} // namespace xenpv::blkback
