// SPDX-License-Identifier: GPL-2.0-only
#include <grant/ledger.hpp>
#include <kapi/debugfs.h>
#include <kapi/log.h>

#include <xenpv/owned.hpp>
#include <xenpv/result.hpp>

// One device's account.  Its lock is taken once for a batch of references, never
// for a request.
struct xenpv_grant_account {
	struct books {
		xenpv_ref_cache *caches = nullptr;
		uint64_t reserved = 0; // taken from the domain: in use, cached or parked
		uint64_t peak = 0;
		uint64_t parked = 0;
		uint64_t parked_total = 0;
		uint64_t exhausted = 0;
		uint64_t mapped = 0;
		bool exhaustion_said = false;
		bool closed = false;
		uint32_t holders = 1; // the device, and each parked reference

		[[nodiscard]] uint64_t cached() const
		{
			uint64_t n = 0;
			for (const xenpv_ref_cache *c = caches; c != nullptr; c = c->next)
				n += __atomic_load_n(&c->count, __ATOMIC_RELAXED);
			return n;
		}
		[[nodiscard]] uint64_t in_use() const
		{
			const uint64_t idle = cached() + parked;
			return reserved > idle ? reserved - idle : 0;
		}
	};

	xenpv::guarded<books> state;
	kapi_file *file = nullptr;
	char owner[40] = {};

	void release()
	{
		const bool last = state.with([](books &b) { return --b.holders == 0; });
		if (last)
			xenpv::owned<xenpv_grant_account>(this).reset();
	}
};

namespace xenpv::grant {

// A peer may keep this many frames of one device hostage; then the device gets
// no more references until some come back.
constexpr uint64_t parked_limit = 1024;

static void show(void *ctx, kapi_text *out)
{
	xenpv_grant_usage u{};
	xenpv_grant_account_usage(static_cast<xenpv_grant_account *>(ctx), &u);
	kapi_print(out,
		   "in_use %llu\npeak %llu\ncached %llu\nparked %llu\nparked_total %llu\nexhausted %llu\nmapped %llu\n",
		   static_cast<unsigned long long>(u.in_use), static_cast<unsigned long long>(u.peak),
		   static_cast<unsigned long long>(u.cached), static_cast<unsigned long long>(u.parked),
		   static_cast<unsigned long long>(u.parked_total), static_cast<unsigned long long>(u.exhausted),
		   static_cast<unsigned long long>(u.mapped));
}

void count_parked(xenpv_grant_account *account)
{
	account->state.with([](auto &b) {
		++b.parked;
		++b.parked_total;
		++b.holders;
	});
}

void count_unparked(xenpv_grant_account *account)
{
	account->state.with([](auto &b) {
		--b.parked;
		--b.reserved;
	});
	account->release();
}

void count_revoked(xenpv_grant_account *account)
{
	account->state.with([](auto &b) { --b.reserved; });
}

void count_mapped(xenpv_grant_account *account, int64_t change)
{
	account->state.with([change](auto &b) { b.mapped += static_cast<uint64_t>(change); });
}

} // namespace xenpv::grant

xenpv_grant_account *xenpv_grant_account_create(const char *owner)
{
	auto account = xenpv::make_owned<xenpv_grant_account>(xenpv::context::may_sleep);
	if (!account)
		return nullptr;
	kapi_format(account->owner, sizeof(account->owner), "%s", owner);
	account->file = kapi_file_create(account->owner, "grants", xenpv::grant::show, account.get());
	return account.release();
}

void xenpv_grant_account_destroy(xenpv_grant_account *account)
{
	kapi_file_remove(account->file);
	account->file = nullptr;
	account->release();
}

void xenpv_grant_account_usage(xenpv_grant_account *account, xenpv_grant_usage *usage)
{
	account->state.with([usage](auto &b) {
		usage->in_use = b.in_use();
		// What came out of the caches since the last batch was not looked at yet.
		b.peak = usage->in_use > b.peak ? usage->in_use : b.peak;
		usage->peak = b.peak;
		usage->cached = b.cached();
		usage->parked = b.parked;
		usage->parked_total = b.parked_total;
		usage->exhausted = b.exhausted;
		usage->mapped = b.mapped;
	});
}

void xenpv_ref_cache_attach(xenpv_ref_cache *cache, xenpv_grant_account *account)
{
	cache->account = account;
	cache->count = 0;
	account->state.with([cache](auto &b) {
		cache->next = b.caches;
		b.caches = cache;
	});
}

void xenpv_ref_cache_detach(xenpv_ref_cache *cache)
{
	if (cache->count != 0)
		kapi_grant_free(cache->refs, cache->count);
	cache->account->state.with([cache](auto &b) {
		b.reserved -= cache->count;
		for (xenpv_ref_cache **at = &b.caches; *at != nullptr; at = &(*at)->next) {
			if (*at == cache) {
				*at = cache->next;
				break;
			}
		}
	});
	cache->count = 0;
	cache->account = nullptr;
}

int xenpv_ref_cache_refill(xenpv_ref_cache *cache)
{
	xenpv_grant_account *account = cache->account;
	const bool hostage = account->state.with([](auto &b) { return b.parked >= xenpv::grant::parked_limit; });
	// Near the end of the table one reference is still worth having.
	uint32_t got = hostage ? 0 : XENPV_REF_CACHE_BATCH;
	while (got != 0 && kapi_grant_alloc(cache->refs, got) != 0)
		got /= 2;
	const bool first = account->state.with([cache, got](auto &b) {
		if (got == 0) {
			++b.exhausted;
			return !std::exchange(b.exhaustion_said, true);
		}
		b.reserved += got;
		__atomic_store_n(&cache->count, got, __ATOMIC_RELAXED);
		// The caller is about to take one: this is where in_use grows.
		const uint64_t now = b.in_use() + 1;
		b.peak = now > b.peak ? now : b.peak;
		return false;
	});
	if (first)
		kapi_log(KAPI_WARN, account->owner,
			 hostage ? "the peer keeps %u granted frames: no more until it lets go"
				 : "grant table exhausted (parked limit %u): raise gnttab_max_frames",
			 static_cast<unsigned>(xenpv::grant::parked_limit));
	return got == 0 ? xenpv::to_errno(xenpv::err::no_space) : 0;
}

void xenpv_ref_cache_drain(xenpv_ref_cache *cache)
{
	const uint32_t n = cache->count < XENPV_REF_CACHE_BATCH ? cache->count : XENPV_REF_CACHE_BATCH;
	const uint32_t left = cache->count - n;
	kapi_grant_free(cache->refs + left, n);
	cache->account->state.with([cache, n, left](auto &b) {
		b.reserved -= n;
		__atomic_store_n(&cache->count, left, __ATOMIC_RELAXED);
	});
}
