// SPDX-License-Identifier: GPL-2.0-only
#include <cli/bench/compare.hpp>
#include <cli/bench/table.hpp>
#include <cli/source/text.hpp>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace xenpv::cli::bench {
namespace {

bool is_pv(const std::string &device)
{
	return kind_of(device) == "intree" || kind_of(device) == "xenpv";
}

// The only PV device that has this workload, or null.
const row *only_pv(const results &in, const row &like)
{
	const row *found = nullptr;
	for (const row &r : in.rows)
		if (r.workload == like.workload && r.metric == like.metric && is_pv(r.device)) {
			if (found)
				return nullptr;
			found = &r;
		}
	return found;
}

const row *match(const results &a, const row &of, const results &b)
{
	if (const row *same = find(b, of.workload, of.device, of.metric))
		return same->unit == of.unit ? same : nullptr;
	if (!is_pv(of.device) || only_pv(a, of) != &of)
		return nullptr;
	const row *other = only_pv(b, of);
	return other && other->unit == of.unit ? other : nullptr;
}

compared judge(const row &a, const row &b)
{
	const double ratio = times_better(a.metric, b.spread.median, a.spread.median);
	const bool more = b.spread.median > a.spread.median;
	const verdict what = overlap(a.spread, b.spread)     ? verdict::within_spread
			     : more != is_duration(a.metric) ? verdict::better
							     : verdict::worse;
	return {&a, &b, ratio, what};
}

const char *name_of(verdict what)
{
	switch (what) {
	case verdict::better:
		return "better";
	case verdict::worse:
		return "worse";
	case verdict::within_spread:
		return "ranges overlap";
	}
	return "";
}

std::string devices_of(const compared &one)
{
	return one.a->device == one.b->device ? one.a->device : one.a->device + " -> " + one.b->device;
}

std::vector<std::string> environment_differences(const results &a, const results &b)
{
	std::vector<std::string> found;
	for (const auto &[key, value] : a.environment) {
		if (key == "measured" || key == "load")
			continue;
		for (const auto &[other, theirs] : b.environment)
			if (key == other && value != theirs)
				found.push_back(key + ": " + value + " | " + theirs);
	}
	return found;
}

} // namespace

comparison compare(const results &a, const results &b)
{
	comparison made;
	std::vector<const row *> taken;
	for (const row &r : a.rows) {
		const row *other = match(a, r, b);
		if (!other) {
			made.only_a.push_back(&r);
			continue;
		}
		taken.push_back(other);
		made.both.push_back(judge(r, *other));
	}
	for (const row &r : b.rows)
		if (std::find(taken.begin(), taken.end(), &r) == taken.end())
			made.only_b.push_back(&r);
	made.differences = environment_differences(a, b);
	return made;
}

std::string compare_table(const comparison &of, const std::string &name_a, const std::string &name_b)
{
	std::vector<std::vector<std::string>> lines{{"workload", "device", "metric", "unit", "A", "B", "B to A", ""}};
	for (const compared &one : of.both)
		lines.push_back({one.a->workload, devices_of(one), one.a->metric, one.a->unit,
				 with_spread(one.a->spread), with_spread(one.b->spread), times(one.ratio),
				 name_of(one.what)});
	std::string all = "A is " + name_a + "\nB is " + name_b + "\nB to A: how many times better B is\n\n";
	all += aligned(lines);
	for (const auto &[rows, name] : {std::pair(&of.only_a, "A"), std::pair(&of.only_b, "B")})
		for (const row *r : *rows)
			all += std::string("only in ") + name + ": " +
			       printable(r->workload + ", " + r->device + ", " + r->metric, 400) + "\n";
	if (!of.differences.empty())
		all += "\nmeasured under different circumstances (A | B):\n";
	for (const std::string &one : of.differences)
		all += "  " + printable(one, 400) + "\n";
	return all;
}

std::string compare_json(const comparison &of)
{
	using json = nlohmann::ordered_json;
	const auto side = [](const row &r) {
		return json{{"device", r.device},
			    {"runs", r.runs},
			    {"median", rounded(r.spread.median)},
			    {"min", rounded(r.spread.min)},
			    {"max", rounded(r.spread.max)}};
	};
	json rows = json::array();
	for (const compared &one : of.both)
		rows.push_back({{"workload", one.a->workload},
				{"metric", one.a->metric},
				{"unit", one.a->unit},
				{"a", side(*one.a)},
				{"b", side(*one.b)},
				{"times_better", rounded(one.ratio)},
				{"ranges_overlap", one.what == verdict::within_spread},
				{"verdict", name_of(one.what)}});
	const auto names = [](const std::vector<const row *> &of_one) {
		json list = json::array();
		for (const row *r : of_one)
			list.push_back({{"workload", r->workload}, {"device", r->device}, {"metric", r->metric}});
		return list;
	};
	const json all{{"rows", rows},
		       {"only_in_a", names(of.only_a)},
		       {"only_in_b", names(of.only_b)},
		       {"environment_differences", of.differences}};
	return all.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace xenpv::cli::bench
