// SPDX-License-Identifier: GPL-2.0-only
// Whether a queue's thread that has run out of work naps and looks again, or sleeps.
//
// Asleep it costs both ends: the frontend a notification, this end an interrupt and a
// wakeup, each time something comes.  So under a stream the thread naps while a batch
// comes, and nobody is told of anything.  But peers that wait for each other's answers
// are slowed down by naps, and always seem to send just what a nap brings.  What tells
// the two apart is the rate: how long a slot takes to come is measured with naps and
// without, and naps are kept up only as long as it is the same.
#pragma once
#include <cstdint>

namespace xenpv::netback {

class linger {
public:
	static constexpr uint64_t shortest_ns = 20'000;
	static constexpr uint64_t longest_ns = 1'000'000;
	// Slots to nap for: an eighth of a ring, or less than a large packet each way.
	static constexpr uint32_t most = 32;
	static constexpr uint32_t least = 4;

	// The thread has run out of work, and found `slots` since the last time; how long to
	// nap, or 0: sleep.
	[[nodiscard]] uint64_t found(uint64_t now_ns, uint32_t slots)
	{
		const uint64_t took = now_ns - since_ns_;
		since_ns_ = now_ns;
		rate &was = napped_ ? napping_ : sleeping_;
		// A pause is nobody's rate.
		if (took < pause_ns)
			was.add(took, slots);
		// Woken for nothing, as happens: that is no try.
		napped_ = napped_ ? goes_on(slots) : slots != 0 && tries();
		return napped_ ? length() : 0;
	}
	[[nodiscard]] uint64_t length() const
	{
		const uint64_t n = sleeping_.gap_ns() * hope_;
		return n < shortest_ns ? shortest_ns : n > longest_ns ? longest_ns : n;
	}

private:
	static constexpr uint64_t pause_ns = 20'000'000;
	static constexpr uint32_t first_try = 8; // after so many sleeps
	static constexpr uint32_t last_try = 512;
	// After so many naps a few sleeps show the rate without; one alone would begin in the
	// middle between two slots.
	static constexpr uint32_t look_back = 128;
	static constexpr uint32_t looks = 6;
	static constexpr uint32_t warm_up = 4; // naps before they are judged

	// Times of the last few rounds, the older the lighter.
	struct rate {
		uint64_t ns = 0;
		uint64_t slots = 0; // 1/16

		void add(uint64_t took, uint32_t n)
		{
			ns = ns - ns / 4 + took;
			slots = slots - slots / 4 + uint64_t{n} * 16;
		}
		[[nodiscard]] uint64_t gap_ns() const { return slots != 0 ? ns * 16 / slots : 0; }
	};

	// After a sleep.
	[[nodiscard]] bool tries()
	{
		if (looks_left_ != 0)
			return --looks_left_ == 0;
		if (--until_try_ != 0)
			return false;
		naps_ = 0;
		napping_ = {};
		return true;
	}
	// After a nap.
	[[nodiscard]] bool goes_on(uint32_t slots)
	{
		++naps_;
		const bool slower = napping_.slots == 0 || napping_.gap_ns() > sleeping_.gap_ns() * 5 / 4;
		if (slots == 0 || (naps_ >= warm_up && slower)) {
			give_up();
			return false;
		}
		if (naps_ >= warm_up)
			put_off_ = first_try;
		if (naps_ % look_back == 0) {
			// All is well: perhaps longer ones are, too.
			hope_ = hope_ < most ? hope_ * 2 : most;
			looks_left_ = looks;
			return false;
		}
		return true;
	}
	void give_up()
	{
		hope_ = hope_ > least ? hope_ / 2 : least;
		put_off_ = put_off_ < last_try ? put_off_ * 2 : last_try;
		until_try_ = put_off_;
	}

	rate sleeping_;
	rate napping_;
	uint64_t since_ns_ = 0;
	uint32_t hope_ = most;
	uint32_t naps_ = 0; // in this try
	uint32_t until_try_ = first_try;
	uint32_t put_off_ = first_try;
	uint32_t looks_left_ = 0;
	bool napped_ = false;
};

} // namespace xenpv::netback
