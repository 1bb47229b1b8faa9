// SPDX-License-Identifier: GPL-2.0-only
// How fast a guest may send: so many bytes in so many microseconds, for all its queues
// together (xenstore key `rate`).
#pragma once
#include <xenpv/guarded.hpp>
#include <xenpv/result.hpp>
#include <xenpv/text.hpp>

#include <cstdint>

namespace xenpv::netback {

struct rate {
	uint64_t bytes = 0; // 0: no limit
	uint64_t usecs = 0;
};

// "BYTES,MICROSECONDS", as toolstacks write it; either of them 0 is no limit.
[[nodiscard]] constexpr result<rate> parse_rate(const char *text)
{
	constexpr uint64_t longest_usecs = 60'000'000;
	constexpr uint64_t second_usecs = 1'000'000;
	char part[2][24] = {};
	for (size_t i = 0; i < 2; ++i) {
		size_t n = 0;
		for (; *text != '\0' && *text != ','; ++text) {
			if (n + 1 == sizeof(part[i]))
				return err::range;
			part[i][n++] = *text;
		}
		if ((*text == ',') != (i == 0))
			return err::invalid;
		text += i == 0 ? 1 : 0;
	}
	rate r;
	r.bytes = XENPV_TRY(parse_number(part[0], 0, UINT32_MAX));
	r.usecs = XENPV_TRY(parse_number(part[1], 0, longest_usecs));
	if (r.bytes == 0 || r.usecs == 0)
		return rate{};
	// Per second at most, so that products of the two fit 64 bits.
	if (r.usecs > second_usecs) {
		r.bytes = r.bytes * second_usecs / r.usecs;
		r = {r.bytes != 0 ? r.bytes : 1, second_usecs};
	}
	return r;
}

// Any context.
class credit {
public:
	// At least this much is there after a pause, so that a slow limit still lets the
	// largest packet pass.
	static constexpr uint64_t least_burst = 131072;

	void set(const rate &r)
	{
		state_.with([&](state &s) {
			s.limit = r;
			s.bytes = static_cast<int64_t>(burst(r));
			s.since_ns = 0;
		});
	}
	// Whether a packet may pass now; 0, or how long to wait.  Its size is known only
	// when it is taken, so credit may become debt.
	[[nodiscard]] uint64_t wait_ns(uint64_t now_ns)
	{
		return state_.with([&](state &s) -> uint64_t {
			if (s.limit.bytes == 0)
				return 0;
			s.refill(now_ns);
			return s.bytes > 0 ? 0 : s.time_for(static_cast<uint64_t>(1 - s.bytes));
		});
	}
	void spend(uint64_t bytes)
	{
		state_.with([&](state &s) { s.bytes -= s.limit.bytes != 0 ? static_cast<int64_t>(bytes) : 0; });
	}

private:
	[[nodiscard]] static uint64_t burst(const rate &r) { return r.bytes > least_burst ? r.bytes : least_burst; }

	struct state {
		rate limit;
		int64_t bytes = 0;
		uint64_t since_ns = 0; // what came in until then is in `bytes`

		[[nodiscard]] uint64_t time_for(uint64_t n) const { return n * limit.usecs * 1000 / limit.bytes + 1; }
		void refill(uint64_t now_ns)
		{
			const uint64_t period = limit.usecs * 1000;
			if (since_ns == 0)
				since_ns = now_ns; // what set() gave is there
			// Queues read the clock before they come here, perhaps one after the other.
			if (now_ns <= since_ns)
				return;
			// What is more than fills it is lost, and no product overflows.
			const uint64_t longest = period * (burst(limit) / limit.bytes + 2);
			if (now_ns - since_ns > longest)
				since_ns = now_ns - longest;
			const uint64_t more = (now_ns - since_ns) * limit.bytes / period;
			if (more == 0)
				return;
			// Only the time that is paid for: the rest counts next time.
			since_ns += more * period / limit.bytes;
			bytes += static_cast<int64_t>(more);
			if (bytes > static_cast<int64_t>(burst(limit)))
				bytes = static_cast<int64_t>(burst(limit));
		}
	};
	guarded<state> state_;
};

} // namespace xenpv::netback
