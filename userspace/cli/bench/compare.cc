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
		if (r.workload == like.workload && r.metric == like.metric && r.load == like.load && is_pv(r.device)) {
			if (found)
				return nullptr;
			found = &r;
		}
	return found;
}

const row *match(const results &a, const row &of, const results &b)
{
	if (const row *same = find(b, of.workload, of.device, of.metric, of.load))
		return same->unit == of.unit ? same : nullptr;
	if (!is_pv(of.device) || only_pv(a, of) != &of)
		return nullptr;
	const row *other = only_pv(b, of);
	return other && other->unit == of.unit ? other : nullptr;
}

compared judge(const row &a, const row &b)
{
	const bool less = is_duration(a.metric);
	const std::optional<interval> span = less ? ratio_of_groups(a.runs, b.runs) : ratio_of_groups(b.runs, a.runs);
	const double ratio = span ? span->value : times_better(a.metric, b.spread.median, a.spread.median);
	const verdict what = !span                       ? verdict::not_told
			     : !span->shows_difference() ? verdict::no_difference
			     : span->low > 1             ? verdict::better
							 : verdict::worse;
	return {&a, &b, ratio, span, what};
}

const char *name_of(verdict what)
{
	switch (what) {
	case verdict::better:
		return "better";
	case verdict::worse:
		return "worse";
	case verdict::no_difference:
		return "no difference shown";
	case verdict::not_told:
		return "too few runs to tell";
	}
	return "";
}

// The ratios that both files have of the same devices.
void add_inner(const results &a, const row &of_a, const results &b, const row &of_b, std::vector<inner> &to)
{
	const std::vector<std::string> theirs = bases_of(b, of_b.device);
	for (const std::string &base : bases_of(a, of_a.device)) {
		if (std::find(theirs.begin(), theirs.end(), base) == theirs.end())
			continue;
		const auto in_a = compare_with(a, of_a, base), in_b = compare_with(b, of_b, base);
		if (in_a && in_b)
			to.push_back({&of_a, &of_b, *in_a, *in_b});
	}
}

std::string devices_of(const compared &one)
{
	return one.a->device == one.b->device ? one.a->device : one.a->device + " -> " + one.b->device;
}

std::vector<std::string> environment_differences(const results &a, const results &b)
{
	std::vector<std::string> found;
	for (const auto &[key, value] : a.environment) {
		if (key == "measured" || key == "load" || key == "loads")
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
		if (r.device == other->device)
			add_inner(a, r, b, *other, made.within);
	}
	for (const row &r : b.rows)
		if (std::find(taken.begin(), taken.end(), &r) == taken.end())
			made.only_b.push_back(&r);
	made.differences = environment_differences(a, b);
	made.unquiet = (told(a.machine).empty() ? "" : "A: " + told(a.machine)) +
		       (told(b.machine).empty() ? "" : "B: " + told(b.machine));
	return made;
}

namespace {

using lines = std::vector<std::vector<std::string>>;

lines of_ratios(const std::vector<inner> &all)
{
	lines made{{"workload", "load", "metric", "ratio", "in A", "in B", ""}};
	for (const inner &one : all)
		made.push_back({one.a->workload, one.a->load, one.a->metric, one.a->device + "/" + one.of_a.base,
				told(one.of_a.value, one.of_a.span), told(one.of_b.value, one.of_b.span),
				!one.known()  ? "too few turns to tell"
				: one.agree() ? "agree"
					      : "differ"});
	return made;
}

lines of_counts(const std::vector<compared> &all)
{
	lines made{{"per request or packet", "workload", "load", "device", "A", "B", "B/A"}};
	for (const compared &one : all) {
		const std::vector<counter> theirs = all_counts(*one.b);
		for (const counter &c : all_counts(*one.a))
			for (const counter &other : theirs)
				if (c.name == other.name && c.unit == other.unit)
					made.push_back({c.name, one.a->workload, one.a->load, devices_of(one),
							figure(c.value), figure(other.value),
							c.value > 0 ? times(other.value / c.value) : "-"});
	}
	return made;
}

} // namespace

std::string compare_table(const comparison &of, const std::string &name_a, const std::string &name_b)
{
	lines rows{{"workload", "load", "device", "metric", "unit", "A", "B", "B to A", ""}};
	for (const compared &one : of.both)
		rows.push_back({one.a->workload, one.a->load, devices_of(one), one.a->metric, one.a->unit,
				with_spread(one.a->spread), with_spread(one.b->spread),
				with_interval(one.ratio, one.span), name_of(one.what)});
	std::string all = "A is " + name_a + "\nB is " + name_b +
			  "\nB to A: how many times better B is, with the interval of 95 %\n\n" + aligned(rows);
	if (!of.within.empty())
		all += "\nRatios of neighbouring turns within each file, which is what should repeat:\n\n" +
		       aligned(of_ratios(of.within));
	if (const lines counts = of_counts(of.both); counts.size() > 1)
		all += "\nCosts, less is better:\n\n" + aligned(counts);
	all += of.unquiet.empty() ? "" : "\n" + of.unquiet;
	for (const auto &[rows, name] : {std::pair(&of.only_a, "A"), std::pair(&of.only_b, "B")})
		for (const row *r : *rows)
			all += std::string("only in ") + name + ": " +
			       printable(describe({r->workload, r->load}) + ", " + r->device + ", " + r->metric, 400) +
			       "\n";
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
	const auto bounds = [](const std::optional<interval> &span) {
		return span ? json{rounded(span->low), rounded(span->high)} : json(nullptr);
	};
	const auto ratio = [&](const times_better_than &one) {
		return json{{"value", rounded(one.value)}, {"interval", bounds(one.span)}};
	};
	json rows = json::array(), within = json::array();
	for (const inner &one : of.within)
		within.push_back({{"workload", one.a->workload},
				  {"load", one.a->load},
				  {"metric", one.a->metric},
				  {"device", one.a->device},
				  {"over", one.of_a.base},
				  {"a", ratio(one.of_a)},
				  {"b", ratio(one.of_b)},
				  {"agree", one.known() ? json(one.agree()) : json(nullptr)}});
	for (const compared &one : of.both)
		rows.push_back({{"workload", one.a->workload},
				{"load", one.a->load},
				{"metric", one.a->metric},
				{"unit", one.a->unit},
				{"a", side(*one.a)},
				{"b", side(*one.b)},
				{"times_better", rounded(one.ratio)},
				{"interval", bounds(one.span)},
				{"verdict", name_of(one.what)}});
	const auto names = [](const std::vector<const row *> &of_one) {
		json list = json::array();
		for (const row *r : of_one)
			list.push_back({{"workload", r->workload}, {"device", r->device}, {"metric", r->metric}});
		return list;
	};
	const json all{{"rows", rows},
		       {"ratios", within},
		       {"only_in_a", names(of.only_a)},
		       {"only_in_b", names(of.only_b)},
		       {"environment_differences", of.differences}};
	return all.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace xenpv::cli::bench
