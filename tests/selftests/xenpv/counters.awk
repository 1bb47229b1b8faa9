# SPDX-License-Identifier: GPL-2.0-only
# Reads the settled text of one blkfront or blkback file in debugfs; prints what is wrong with it and exits with 1.
# -v end=blkfront or end=blkback. Counters that are younger than this test are welcome.

function wrong(text)
{
	print (where ? where ": " : "") text
	bad = 1
}

# Counters of the queue that has just been read.
function at_most(a, b)
{
	if (value[a] > value[b])
		wrong(a " is " value[a] ", more than " b " with " value[b])
}

function check_queue(i)
{
	for (i = 1; i <= wanted; i++)
		if (!(name[i] in value))
			wrong("no counter " name[i])
	if (bad)
		return
	at_most("events_spurious", "events_received")
	at_most("errors", "requests")
	if (end == "blkfront") {
		at_most("passes", "responses")
		if (value["pushes"] > value["requests"] + value["own_flushes"])
			wrong("pushes " value["pushes"] " of " value["requests"] " requests and " value["own_flushes"] " flushes")
		# Quiet: all that was asked has been answered, or was handed back and asked again.
		if (value["responses"] + value["handed_back"] != value["requests"] + value["own_flushes"])
			wrong("responses " value["responses"] " and handed_back " value["handed_back"] \
				", but requests " value["requests"] " and own_flushes " value["own_flushes"])
		at_most("errors", "responses")
		at_most("copied_bytes", "bytes")
		if (value["bytes"] > value["segments"] * 4096)
			wrong("bytes " value["bytes"] " do not fit in " value["segments"] " segments of a page")
		if (value["bytes"] < value["segments"] * 512)
			wrong("segments " value["segments"] " of less than a sector: bytes " value["bytes"])
		return
	}
	if (value["reads"] + value["writes"] > value["requests"])
		wrong("reads " value["reads"] " and writes " value["writes"] ", but requests " value["requests"])
	at_most("flushes", "requests")
	at_most("reads", "read_sectors")
	at_most("map_hypercalls", "map_operations")
	at_most("unmap_hypercalls", "unmap_operations")
	at_most("pushes", "requests")
	at_most("notifications_sent", "pushes")
	# Quiet: what is mapped is what is kept.
	if (value["errors"] == 0 && value["map_operations"] - value["unmap_operations"] != value["kept_frames"])
		wrong("mapped " value["map_operations"] ", unmapped " value["unmap_operations"] ", kept " value["kept_frames"])
}

function end_queue()
{
	if (queues_seen)
		check_queue()
	split("", value)
}

BEGIN {
	common = "requests passes pushes errors " \
		"notifications_sent notifications_suppressed events_received events_spurious"
	if (end == "blkfront")
		list = common " segments bytes copied_bytes responses no_room no_grant handed_back own_flushes"
	else
		list = common " reads writes flushes read_sectors write_sectors wakeups naps " \
			"nap_ns gather_target kept_frames map_hypercalls map_operations unmap_hypercalls unmap_operations"
	wanted = split(list, name, " ")
	split("state queues sectors", head, " ")
}

NR <= 3 {
	if ($1 != head[NR] || NF != 2 || (NR > 1 && $2 !~ /^[0-9]+$/))
		wrong("line " NR " is \"" $0 "\", not " head[NR] " and a value")
	if (NR == 2)
		queues = $2
	if (NR == 3 && $2 == 0)
		wrong("a connected disk without sectors")
	next
}

/^queue [0-9]+$/ {
	end_queue()
	if ($2 != queues_seen)
		wrong("queue " $2 " where " (queues_seen + 0) " is next")
	where = "queue " $2
	queues_seen++
	next
}

/^  [a-z_]+ [0-9]+$/ {
	if (!queues_seen)
		wrong("counter " $1 " of no queue")
	else if ($1 in value)
		wrong("counter " $1 " twice")
	value[$1] = $2 + 0
	next
}

{
	wrong("cannot be read: \"" $0 "\"")
}

END {
	end_queue()
	where = ""
	if (queues_seen != queues || !queues)
		wrong("says queues " queues ", shows " (queues_seen + 0))
	exit bad
}
