// SPDX-License-Identifier: GPL-2.0-only
// Answers of a hostile backend (xen-front/blk; XSA-376, 396, 403).
#include "blkfront_fixture.hpp"

using namespace xenpv::test;

BOOST_FIXTURE_TEST_SUITE(blkfront_responses, asking)

BOOST_AUTO_TEST_CASE(an_honest_backend)
{
	start();
	const auto seen = ask(5);
	for (uint32_t i = 0; i < 5; ++i) {
		BOOST_TEST(seen[i].sector_number == i * 8u);
		BOOST_TEST(seen[i].nr_segments == 1);
		BOOST_TEST(seen[i].segments[0].first_sect == 0);
		BOOST_TEST(seen[i].segments[0].last_sect == 7);
		BOOST_TEST(seen[i].pad == 0u);
	}
	// In another order than asked.
	for (const uint32_t i : {4u, 0u, 3u, 1u, 2u})
		back->answer(seen[i].id, seen[i].operation, 0);
	back->push();
	for (auto &io : ios)
		BOOST_TEST(front->wait(*io) == 0);
	BOOST_TEST(world.live().accesses == 1, "the ring: frames are ours again when their request is");
}

// As disks do: one request takes long, and many others come and go meanwhile.
BOOST_AUTO_TEST_CASE(an_answer_that_comes_late)
{
	start();
	const auto first = ask(1)[0];
	for (int i = 0; i < 200; ++i) {
		const auto next = ask(1)[0];
		back->answer(next.id, next.operation, 0);
		back->push();
		BOOST_TEST(front->wait(*ios.back()) == 0);
	}
	back->answer(first.id, first.operation, 0);
	back->push();
	BOOST_TEST(front->wait(*ios.front()) == 0);
}

BOOST_AUTO_TEST_CASE(response_producer_out_of_range)
{
	for (const uint32_t bad : {3u, 33u, 0x7fffffffu, 0x80000000u, UINT32_MAX}) {
		start();
		static_cast<void>(ask(2));
		back->word(2) = bad;
		back->notify();
		expect_broken("rsp_prod");
		works_again();
		ios.clear();
		stop();
	}
}

BOOST_AUTO_TEST_CASE(response_producer_that_goes_back)
{
	start();
	const auto seen = ask(2);
	for (const auto &r : seen)
		back->answer(r.id, r.operation, 0);
	back->push();
	for (auto &io : ios)
		BOOST_TEST(front->wait(*io) == 0);
	ios.clear();
	back->word(2) = 1;
	back->notify();
	expect_broken("rsp_prod went back");
	works_again();
}

BOOST_AUTO_TEST_CASE(ids_that_are_no_ids)
{
	for (const uint64_t id :
	     {uint64_t{32}, uint64_t{255}, uint64_t{256}, uint64_t{0xffff}, uint64_t{1} << 32, UINT64_MAX}) {
		start();
		const auto seen = ask(2);
		back->answer(id, seen[0].operation, 0);
		back->push();
		expect_broken("id");
		works_again();
		ios.clear();
		stop();
	}
}

BOOST_AUTO_TEST_CASE(an_id_that_is_not_pending)
{
	start();
	const auto seen = ask(2);
	uint64_t other = 0;
	while (other == seen[0].id || other == seen[1].id)
		++other;
	back->answer(other, seen[0].operation, 0);
	back->push();
	expect_broken("not pending");
	works_again();
}

// What came before the violation still counts: it was answered.
BOOST_AUTO_TEST_CASE(an_id_answered_twice)
{
	start();
	const auto seen = ask(2);
	back->answer(seen[0].id, seen[0].operation, 0);
	back->answer(seen[0].id, seen[0].operation, 0);
	back->push();
	BOOST_TEST(front->wait(*ios[0]) == 0);
	ios.erase(ios.begin());
	expect_broken("duplicate");
	works_again();
}

BOOST_AUTO_TEST_CASE(another_operation_than_was_sent)
{
	for (const int op : {1, 2, 3, 5, 6, 255}) {
		start();
		const auto seen = ask(1);
		back->answer(seen[0].id, static_cast<uint8_t>(op), 0);
		back->push();
		expect_broken("operation");
		ios.clear();
		stop();
	}
}

BOOST_AUTO_TEST_CASE(unknown_statuses_are_errors_and_no_more)
{
	start();
	for (const int status : {-1, -2, -3, 1, 2, 255, 32767, -32768}) {
		const auto seen = ask(1);
		back->answer(seen[0].id, seen[0].operation, static_cast<int16_t>(status));
		back->push();
		BOOST_TEST(front->wait(*ios.back()) == -5, status);
	}
	const auto seen = ask(1);
	back->answer(seen[0].id, seen[0].operation, 0);
	back->push();
	BOOST_TEST(front->wait(*ios.back()) == 0);
}

BOOST_AUTO_TEST_CASE(a_flush_that_is_refused_is_not_sent_again)
{
	start({{"feature-flush-cache", "1"}});
	const auto seen = ask(1, KAPI_BLK_FLUSH);
	BOOST_TEST(seen[0].operation == 3);
	BOOST_TEST(seen[0].nr_segments == 0);
	back->answer(seen[0].id, 3, -2);
	back->push();
	BOOST_TEST(front->wait(*ios[0]) == 0);
	BOOST_TEST(front->seen().no_flush == 1u);
}

BOOST_AUTO_TEST_CASE(barriers_serve_for_flushes_and_durable_writes)
{
	start({{"feature-barrier", "1"}});
	BOOST_TEST(front->seen().ready.at(0).fua == 1u);
	auto seen = ask(1, KAPI_BLK_FLUSH);
	BOOST_TEST(seen[0].operation == 2);
	back->answer(seen[0].id, 2, 0);
	ios.push_back(std::make_unique<block_io>(KAPI_BLK_WRITE, 0));
	ios.back()->add(0, 4096);
	ios.back()->request.fua = 1;
	BOOST_TEST_REQUIRE(front->queue(0, *ios.back()) == 0);
	front->commit(0);
	BOOST_TEST_REQUIRE(back->take(&seen[0]));
	BOOST_TEST(seen[0].operation == 2);
	BOOST_TEST(seen[0].nr_segments == 1);
	back->answer(seen[0].id, 2, 0);
	back->push();
	for (auto &io : ios)
		BOOST_TEST(front->wait(*io) == 0);
}

// XSA-396: answered, and still mapped: the page is parked, its user is told that it
// is not good, and the device ends.
BOOST_AUTO_TEST_CASE(a_grant_that_stays_mapped_after_the_answer)
{
	start();
	const auto seen = ask(1);
	auto held = back->map(seen[0].segments[0].gref, false);
	BOOST_TEST_REQUIRE(held.status == 0);
	back->answer(seen[0].id, seen[0].operation, 0);
	back->push();
	BOOST_TEST(front->wait(*ios[0]) == -5);
	expect_broken("held");
	ios.clear(); // its user gives the page back, and the enemy writes to it
	std::memset(kapi_foreign_addr(held.page), 0x66, KAPI_PAGE_SIZE);
	BOOST_TEST(world.live().accesses >= 1);
	back->unmap(held);
	works_again();
}

// What a write lets the backend do, and what a read does.
BOOST_AUTO_TEST_CASE(rights_are_what_the_request_needs)
{
	start();
	const auto write = ask(1, KAPI_BLK_WRITE);
	auto writable = back->map(write[0].segments[0].gref, false);
	BOOST_TEST(writable.status == KAPI_GNTST_GENERAL_ERROR, "a write's page is read-only");
	back->unmap(writable);
	auto readable = back->map(write[0].segments[0].gref, true);
	BOOST_TEST(readable.status == 0);
	back->unmap(readable);
	back->answer(write[0].id, 1, 0);
	const auto read = ask(1, KAPI_BLK_READ);
	auto filled = back->map(read[0].segments[0].gref, false);
	BOOST_TEST(filled.status == 0);
	back->unmap(filled);
	back->answer(read[0].id, 0, 0);
	back->push();
	for (auto &io : ios)
		BOOST_TEST(front->wait(*io) == 0);
}

// XSA-403: an untrusted backend sees what was asked for, and zeroes.
BOOST_AUTO_TEST_CASE(an_untrusted_backend_sees_only_the_data)
{
	make_vbd();
	tools->set_front("trusted", "0");
	front = std::make_unique<kapi_blkfront>(*tools);
	back = std::make_unique<hand_back>(*tools);
	BOOST_TEST_REQUIRE(front->probe() == 0);
	BOOST_TEST_REQUIRE(back->connect());
	ios.push_back(std::make_unique<block_io>(KAPI_BLK_WRITE, 0));
	ios.back()->add(1024, 512);
	std::memset(ios.back()->pages[0].addr, 0x55, KAPI_PAGE_SIZE); // secrets around it
	BOOST_TEST_REQUIRE(front->queue(0, *ios.back()) == 0);
	front->commit(0);
	request seen{};
	BOOST_TEST_REQUIRE(back->take(&seen));
	auto page = back->map(seen.segments[0].gref, true);
	BOOST_TEST_REQUIRE(page.status == 0);
	const auto *bytes = static_cast<const unsigned char *>(kapi_foreign_addr(page.page));
	for (uint32_t i = 0; i < KAPI_PAGE_SIZE; ++i)
		BOOST_REQUIRE_EQUAL(bytes[i], i >= 1024 && i < 1536 ? 0x55 : 0);
	back->unmap(page);
	back->answer(seen.id, seen.operation, 0);
	back->push();
	BOOST_TEST(front->wait(*ios.back()) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
