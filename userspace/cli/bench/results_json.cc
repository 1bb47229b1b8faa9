// SPDX-License-Identifier: GPL-2.0-only
// The only file that knows how results look in JSON.
#include <cli/bench/failure.hpp>
#include <cli/bench/results_file.hpp>
#include <cli/source/text.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

namespace xenpv::cli::bench {
namespace {

using json = nlohmann::ordered_json;

constexpr int deepest_shown = 6;
constexpr int deepest_nested = 32;

// Says where something is wrong.
struct place {
	const std::string &file;
	std::string what;

	[[noreturn]] void wrong(const std::string &how) const
	{
		throw bad_argument(file + ": " + what + " " + printable(how),
				   "the file is damaged or was not written by `xenpv bench`: measure again");
	}
};

std::string text_at(const json &in, const char *key, const place &at)
{
	const auto found = in.find(key);
	if (found == in.end() || !found->is_string())
		at.wrong("has no text \"" + std::string(key) + "\"");
	return found->get<std::string>();
}

std::vector<double> numbers_at(const json &in, const char *key, const place &at)
{
	const auto found = in.find(key);
	if (found == in.end() || !found->is_array() || found->empty())
		at.wrong("has no numbers \"" + std::string(key) + "\"");
	std::vector<double> numbers;
	for (const json &one : *found) {
		if (!one.is_number() || !std::isfinite(one.get<double>()))
			at.wrong("has in \"" + std::string(key) + "\" something that is no number: " + one.type_name());
		numbers.push_back(one.get<double>());
	}
	return numbers;
}

// Whatever it is, for people.
std::string flat(const json &value, int depth = 0)
{
	if (value.is_string())
		return value.get<std::string>();
	if (!value.is_structured())
		return value.dump();
	if (depth == deepest_shown)
		return "...";
	std::string all;
	for (const auto &[key, one] : value.items()) {
		if (!all.empty())
			all += depth == 0 ? "; " : ", ";
		if (value.is_object())
			all += key + (depth == 0 && one.is_structured() ? ": " : " ");
		all += flat(one, depth + 1);
	}
	return all;
}

void read_counters(const json &in, row &out, const place &at)
{
	const auto found = in.find("counters");
	if (found == in.end())
		return;
	if (!found->is_object())
		at.wrong("has \"counters\" that are no object");
	for (const auto &[unit, values] : found->items()) {
		if (!values.is_object())
			at.wrong("has counters \"" + unit + "\" that are no object");
		for (const auto &[name, value] : values.items()) {
			if (!value.is_number())
				at.wrong("has a counter \"" + name + "\" that is no number");
			out.counters.push_back({unit, name, value.get<double>()});
		}
	}
}

void read_histogram(const json &in, row &out, const place &at)
{
	const auto found = in.find("histogram");
	if (found == in.end())
		return;
	const place inside{at.file, at.what + " histogram"};
	if (!found->is_object())
		inside.wrong("is no object");
	out.latencies = {numbers_at(*found, "upper_us", inside), numbers_at(*found, "share", inside)};
	const auto &[upper, share] = out.latencies;
	// From a picosecond to a day, rising; and parts of a whole. A page is drawn to the scale of these.
	constexpr double least_us = 1e-6;
	constexpr double most_us = 86400e6;
	if (upper.size() != share.size() || upper.front() < least_us || upper.back() > most_us ||
	    std::adjacent_find(upper.begin(), upper.end(), std::greater_equal<>()) != upper.end() ||
	    std::any_of(share.begin(), share.end(), [](double one) { return !(one >= 0 && one <= 1); }))
		inside.wrong("does not fit together");
}

void read_counts(const json &in, const char *key, std::vector<std::pair<std::string, double>> &out, const place &at)
{
	const auto found = in.find(key);
	if (found == in.end())
		return;
	if (!found->is_object())
		at.wrong("has a \"" + std::string(key) + "\" that is no object");
	for (const auto &[name, value] : found->items()) {
		if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < 0)
			at.wrong("has in \"" + std::string(key) + "\" a \"" + name + "\" that is no number of things");
		out.emplace_back(name, value.get<double>());
	}
}

void read_turns(const json &in, row &out, const place &at)
{
	const auto found = in.find("turns");
	if (found == in.end())
		return; // of version 1: each run was in the turn of its number
	const std::vector<double> turns = numbers_at(in, "turns", at);
	const bool rising = std::adjacent_find(turns.begin(), turns.end(), std::greater_equal<>()) == turns.end();
	if (turns.size() != out.runs.size() || !rising || turns.front() < 1 || turns.back() > 1e6)
		at.wrong("has \"turns\" that do not fit its \"runs\"");
	out.turns.clear();
	for (const double turn : turns)
		out.turns.push_back(static_cast<unsigned>(turn));
}

void read_load(const json &in, row &out, const place &at)
{
	if (!in.contains("load"))
		return;
	out.load = text_at(in, "load", at);
	if (out.load != "none" && out.load != "dom0" && out.load != "guest")
		at.wrong("has a \"load\" that is none of none, dom0, guest: " + out.load);
}

row read_row(const json &in, const place &at)
{
	if (!in.is_object())
		at.wrong("is no object");
	row made = make_row(text_at(in, "workload", at), text_at(in, "device", at), text_at(in, "metric", at),
			    text_at(in, "unit", at), numbers_at(in, "runs", at));
	read_load(in, made, at);
	read_turns(in, made, at);
	read_counters(in, made, at);
	read_counts(in, "cost", made.cost, at);
	read_counts(in, "causes", made.causes, at);
	read_histogram(in, made, at);
	return made;
}

void read_calibration(const json &in, results &out, const place &at)
{
	const auto found = in.find("calibration");
	if (found == in.end())
		return;
	if (!found->is_object() || !found->contains("quiet") || !found->at("quiet").is_boolean())
		at.wrong("has a \"calibration\" that does not say whether the machine was \"quiet\"");
	calibration made{found->at("quiet").get<bool>(), {}};
	if (const auto why = found->find("why"); why != found->end() && why->is_array())
		for (const json &reason : *why)
			made.why.push_back(flat(reason));
	out.machine = made;
}

void check_version(const json &in, const std::string &name, results &out)
{
	const std::string old = name +
				" holds results of before version 2, which knew no turns, loads and costs: each run "
				"is taken as of the turn of its number, on a machine without load";

	const auto format = in.find("format");
	if (format == in.end()) {
		if (!in.contains("rows") || !in.contains("environment"))
			throw bad_argument(name + " is JSON, but holds no results",
					   "name a file that `xenpv bench` has written");
		out.notes.push_back(old); // the report of make demo
		return;
	}
	if (*format != file_format)
		throw bad_argument(name + " is of format " + printable(flat(*format)) + ", not \"" + file_format + "\"",
				   "name a file that `xenpv bench` has written");
	const auto version = in.find("version");
	if (version == in.end() || (*version != file_version && *version != oldest_version))
		throw bad_argument(name + " holds results of version " +
					   (version == in.end() ? "none" : printable(flat(*version))) +
					   "; this xenpv reads versions " + std::to_string(oldest_version) + " and " +
					   std::to_string(file_version),
				   "read it with the xenpv that wrote it, or measure again with this one");
	if (*version == oldest_version)
		out.notes.push_back(old);
}

// The demo has costs as rows of their own; here they belong to what they were the costs of.
void fold_costs(results &in)
{
	std::vector<row> kept, costs;
	for (row &r : in.rows)
		(r.unit.starts_with("per ") ? costs : kept).push_back(std::move(r));
	in.rows = std::move(kept);
	for (const row &cost : costs)
		for (row &r : in.rows)
			if (r.workload == cost.workload && r.device == cost.device) {
				r.counters.push_back({cost.unit, cost.metric, cost.spread.median});
				break;
			}
}

json row_json(const row &r)
{
	json made = {{"workload", r.workload},
		     {"device", r.device},
		     {"metric", r.metric},
		     {"unit", r.unit},
		     {"runs", r.runs},
		     {"median", rounded(r.spread.median)},
		     {"min", rounded(r.spread.min)},
		     {"max", rounded(r.spread.max)}};
	made["load"] = r.load;
	made["turns"] = r.turns;
	for (const counter &c : r.counters)
		made["counters"][c.unit][c.name] = rounded(c.value);
	for (const auto &[name, value] : r.cost)
		made["cost"][name] = value;
	for (const auto &[name, value] : r.causes)
		made["causes"][name] = value;
	if (!r.latencies.empty()) {
		std::vector<double> share;
		for (const double one : r.latencies.share)
			share.push_back(std::round(one * 1e6) / 1e6);
		made["histogram"] = {{"upper_us", r.latencies.upper}, {"share", share}};
	}
	return made;
}

} // namespace

std::string to_json(const results &what)
{
	json made = {{"format", file_format}, {"version", file_version}, {"environment", json::object()}};
	for (const auto &[key, value] : what.environment)
		made["environment"][key] = value;
	if (what.machine)
		made["calibration"] = {{"quiet", what.machine->quiet}, {"why", what.machine->why}};
	made["rows"] = json::array();
	for (const row &r : what.rows)
		made["rows"].push_back(row_json(r));
	return made.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

results from_json(const std::string &text, const std::string &name)
{
	json in;
	try {
		// The library copies what is inside of an object that grows, and each level takes stack.
		in = json::parse(text, [&](int depth, json::parse_event_t, const json &) {
			if (depth > deepest_nested)
				throw bad_argument(name + " is nested too deeply for results",
						   "name a file that `xenpv bench` has written");
			return true;
		});
	} catch (const json::parse_error &error) {
		// Only what began as results can have lost its end.
		if (text.find("\"rows\"") != std::string::npos && error.byte > text.size())
			throw bad_argument(name + " ends in the middle, after " + std::to_string(text.size()) +
						   " bytes",
					   "copy it again, or measure again: it was not written to its end");
		throw bad_argument(name + " is not JSON", "name a file that `xenpv bench` has written");
	} catch (const json::exception &) {
		throw bad_argument(name + " is not JSON", "name a file that `xenpv bench` has written");
	}
	if (!in.is_object())
		throw bad_argument(name + " is JSON, but holds no results",
				   "name a file that `xenpv bench` has written");
	results made;
	check_version(in, name, made);
	const auto environment = in.find("environment");
	if (environment == in.end() || !environment->is_object())
		place{name, "the file"}.wrong("has no object \"environment\"");
	for (const auto &[key, value] : environment->items())
		made.environment.emplace_back(key, flat(value));
	read_calibration(in, made, {name, "the file"});
	const auto rows = in.find("rows");
	if (rows == in.end() || !rows->is_array())
		place{name, "the file"}.wrong("has no list \"rows\"");
	for (size_t i = 0; i < rows->size(); ++i)
		made.rows.push_back(read_row((*rows)[i], {name, "row " + std::to_string(i)}));
	fold_costs(made);
	if (made.rows.empty())
		throw bad_argument(name + " holds no measurement", "measure again with `xenpv bench`");
	return made;
}

} // namespace xenpv::cli::bench
