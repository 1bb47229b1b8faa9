// SPDX-License-Identifier: GPL-2.0-only
// Whether a queue's backend has stopped answering.
//
// That something waits for an answer is no sign of it: a backend may keep a packet for as
// long as nobody in its domain takes it.  It is one when nothing at all is answered while
// more packets cannot be sent for want of answers.
#pragma once
#include <cstdint>

namespace xenpv::netfront {

// One look at a queue.
struct outlook {
	uint32_t unanswered = 0; // slots
	uint64_t answers = 0; // slots, ever, taken or not
	bool held_back = false; // packets wait in front of the queue
	bool untaken = false; // answers are there that nobody has taken
};

// Of whoever looks, one at a time.
class progress {
public:
	// Longer than the largest packet takes at any rate limit that is of use (7 kB/s).
	static constexpr uint64_t patience_ns = 10'000'000'000;

	void look(uint64_t now_ns, const outlook &o)
	{
		const bool answered = o.answers != answers_;
		answers_ = o.answers;
		if (answered)
			answered_ns_ = now_ns;
		if (answered || o.unanswered == 0)
			since_ns_ = 0;
		if (o.unanswered != 0 && since_ns_ == 0)
			since_ns_ = now_ns;
		// Once found it lasts until an answer comes, whoever else holds packets back then. What
		// is held back for the first time may be a burst that the backend has yet to see, behind
		// a packet that it has kept for long.
		stalled_ =
			o.unanswered != 0 && (stalled_ || (o.held_back && held_back_)) && age_ns(now_ns) >= patience_ns;
		held_back_ = o.held_back;
	}
	// For how long nothing has been answered of what waits.
	[[nodiscard]] uint64_t age_ns(uint64_t now_ns) const { return since_ns_ != 0 ? now_ns - since_ns_ : 0; }
	[[nodiscard]] bool stalled() const { return stalled_; }
	[[nodiscard]] bool answered_lately(uint64_t now_ns) const
	{
		return answered_ns_ != 0 && now_ns - answered_ns_ < patience_ns;
	}

private:
	uint64_t answers_ = 0;
	uint64_t answered_ns_ = 0; // 0: never
	uint64_t since_ns_ = 0; // nothing is answered of what waits; 0: nothing waits
	bool held_back_ = false; // at the last look
	bool stalled_ = false;
};

} // namespace xenpv::netfront
