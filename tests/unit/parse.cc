// SPDX-License-Identifier: GPL-2.0-only
// Numbers out of hostile text (text.hpp).
#include "fixture.hpp"

#include <xenpv/text.hpp>

using xenpv::err;
using xenpv::parse_device;
using xenpv::parse_number;

BOOST_AUTO_TEST_SUITE(parse)

BOOST_AUTO_TEST_CASE(whole_numbers_are_read)
{
	BOOST_TEST(parse_number("0", 0, 10).value() == 0u);
	BOOST_TEST(parse_number("10", 0, 10).value() == 10u);
	BOOST_TEST(parse_number("007", 0, 10).value() == 7u);
	BOOST_TEST(parse_number("18446744073709551615", 0, UINT64_MAX).value() == UINT64_MAX);
}

BOOST_AUTO_TEST_CASE(what_is_no_number_is_invalid)
{
	for (const char *text :
	     {"", " ", "-", "-1", "+1", " 1", "1 ", "1\n", "0x10", "1e3", "1.0", "ten", "1,2", "\xff", "١"})
		BOOST_TEST((parse_number(text, 0, UINT64_MAX).error() == err::invalid), text);
}

BOOST_AUTO_TEST_CASE(what_is_outside_is_out_of_range)
{
	BOOST_TEST((parse_number("11", 0, 10).error() == err::range));
	BOOST_TEST((parse_number("4", 5, 10).error() == err::range));
	BOOST_TEST((parse_number("0", 1, UINT64_MAX).error() == err::range));
	BOOST_TEST((parse_number("4294967296", 0, UINT32_MAX).error() == err::range));
}

BOOST_AUTO_TEST_CASE(huge_numbers_do_not_wrap)
{
	for (const char *text : {"18446744073709551616", "18446744073709551625", "18446744073709551620",
				 "36893488147419103233", "99999999999999999999999999999999999999999999999999"})
		BOOST_TEST((parse_number(text, 0, UINT64_MAX).error() == err::range), text);
}

BOOST_AUTO_TEST_CASE(device_numbers_are_hexadecimal)
{
	const auto check = [](const char *text, uint32_t major, uint32_t minor) {
		auto r = parse_device(text);
		BOOST_TEST_REQUIRE(r.ok(), text);
		BOOST_TEST(r.value().major == major);
		BOOST_TEST(r.value().minor == minor);
	};
	check("7:0", 7, 0);
	check("fd:1f", 0xfd, 0x1f);
	check("FD:1F", 0xfd, 0x1f);
	check("0:0", 0, 0);
	check("fff:fffff", 0xfff, 0xfffff);
	check("0000007:0000001", 7, 1);
}

BOOST_AUTO_TEST_CASE(bad_device_numbers_are_refused)
{
	for (const char *text : {"", ":", "7", "7:", ":7", "7:0:", "7:0 ", " 7:0", "7 :0", "7;0", "-7:0", "7:-1", "g:0",
				 "7:g", "7:0x1", "7::0", "7:0:0"})
		BOOST_TEST((parse_device(text).error() == err::invalid), text);
	for (const char *text : {"1000:0", "0:100000", "00000000:0", "0:00000000", "ffffffffffffffff:0", "100000007:0"})
		BOOST_TEST((parse_device(text).error() == err::range), text);
}

BOOST_AUTO_TEST_CASE(texts_are_the_same_only_as_a_whole)
{
	BOOST_TEST(xenpv::same_text("", ""));
	BOOST_TEST(xenpv::same_text("x86_64-abi", "x86_64-abi"));
	BOOST_TEST(!xenpv::same_text("x86_64-abi", "x86_64-ab"));
	BOOST_TEST(!xenpv::same_text("x86_64-ab", "x86_64-abi"));
	BOOST_TEST(!xenpv::same_text("", "a"));
	BOOST_TEST(!xenpv::same_text("a", ""));
}

BOOST_AUTO_TEST_SUITE_END()
