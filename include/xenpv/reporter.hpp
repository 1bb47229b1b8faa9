// SPDX-License-Identifier: GPL-2.0-only
// Messages a peer can provoke, bounded (XSA-43): ten in five seconds for each
// device, and then how many were left out.  Whatever text of the peer's is in one, it
// is one line, and cannot look like another.
#pragma once
#include <kapi/log.h>
#include <kapi/time.h>
#include <kapi/xenbus.h>

#include <xenpv/guarded.hpp>

#include <cstddef>
#include <cstdint>

namespace xenpv {

class reporter {
public:
	static constexpr uint32_t burst = 10;
	static constexpr uint64_t interval_ns = 5'000'000'000;

	explicit reporter(const char *who) : who_(who) {}

	// Any context.
	[[gnu::format(printf, 3, 4)]] void say(kapi_level level, const char *format, ...)
	{
		const auto [allowed, missed] = window_.with([](window &w) { return w.admit(kapi_now_ns()); });
		if (!allowed)
			return;
		if (missed != 0)
			kapi_log(KAPI_WARN, who_, "%u messages left out", missed);
		char line[160];
		__builtin_va_list args;
		__builtin_va_start(args, format);
		kapi_vformat(line, sizeof(line), format, args);
		__builtin_va_end(args);
		char shown[sizeof(line)];
		escape(shown, line);
		kapi_log(level, who_, "%s", shown);
	}

	// The device failed: also under error/ in xenstore, however often.  Process context.
	void fail(kapi_xenbus *bus, int error, const char *text)
	{
		say(KAPI_ERROR, "%s (%d)", text, error);
		kapi_xenbus_error(bus, error, text);
	}

private:
	// What is not printable ASCII becomes \xNN.
	template <size_t size>
	static void escape(char (&out)[size], const char *text)
	{
		constexpr char digits[] = "0123456789abcdef";
		size_t n = 0;
		for (; *text != '\0'; ++text) {
			const auto c = static_cast<unsigned char>(*text);
			const bool printable = c >= 0x20 && c <= 0x7e;
			if (n + (printable ? 1 : 4) >= size)
				break;
			if (printable) {
				out[n++] = *text;
				continue;
			}
			for (const char e : {'\\', 'x', digits[c / 16], digits[c % 16]})
				out[n++] = e;
		}
		out[n] = '\0';
	}
	struct verdict {
		bool allowed;
		uint32_t missed;
	};
	struct window {
		uint64_t began = 0;
		uint32_t said = 0;
		uint32_t missed = 0;

		verdict admit(uint64_t now)
		{
			if (began == 0 || now - began >= interval_ns) {
				const uint32_t left_out = missed;
				began = now;
				said = 1;
				missed = 0;
				return {true, left_out};
			}
			if (said == burst) {
				++missed;
				return {false, 0};
			}
			++said;
			return {true, 0};
		}
	};

	const char *who_;
	guarded<window> window_;
};

} // namespace xenpv
