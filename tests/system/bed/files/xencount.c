// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts what a domain holds of the hypervisor's shared resources: granted entries in its grant table, those that
 * a peer is using at this moment, and open event channels. Read from the hypervisor, so it needs no help of the
 * domain and tells the truth about any driver. For each line of its input, the number of a domain, it prints
 * "frames N granted N used N evtchn N", or what went wrong.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* First: it says that we are a tool, and Xen's headers then declare more. */
#include <xenctrl.h>

#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xenforeignmemory.h>

#define RESERVED_ENTRIES 8 /* set up by the toolstack for console and xenstore; they live as long as the domain */

static xc_interface *xc;
static xenforeignmemory_handle *foreign;

/* Adds what is in a domain's table of so many frames; false: the table cannot be read. */
static bool count_grants(domid_t domain, unsigned int frames, unsigned long *granted, unsigned long *used)
{
	void *table = NULL;
	/* Exactly the frames there are: asking for more would make the table grow. */
	xenforeignmemory_resource_handle *map = xenforeignmemory_map_resource(
		foreign, domain, XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_shared, 0, frames, &table,
		1 /* PROT_READ */, 0);
	if (!map)
		return false;

	const grant_entry_v1_t *entries = table;
	size_t count = frames * 4096ul / sizeof(*entries);

	for (size_t i = RESERVED_ENTRIES; i < count; i++) {
		uint16_t flags = entries[i].flags;

		*granted += (flags & GTF_type_mask) != GTF_invalid;
		*used += (flags & (GTF_reading | GTF_writing)) != 0;
	}
	xenforeignmemory_unmap_resource(foreign, map);
	return true;
}

static unsigned long count_channels(domid_t domain)
{
	unsigned long channels = 0;

	for (evtchn_port_t port = 0;; port++) {
		xc_evtchn_status_t status = {.dom = domain, .port = port};

		if (!xc_evtchn_status(xc, &status))
			channels += status.status != EVTCHNSTAT_closed;
		else if (errno != EACCES) /* Xen's own ports of this domain are not shown */
			return channels; /* past the last port the domain ever had */
	}
}

static void count(domid_t domain)
{
	struct gnttab_query_size size = {.dom = domain};
	unsigned long granted = 0, used = 0;

	if (xc_gnttab_query_size(xc, &size) || size.status != GNTST_okay)
		printf("no grant table of domain %u (status %d)\n", domain, size.status);
	else if (xc_gnttab_get_version(xc, domain) == 2)
		printf("domain %u has a version 2 grant table, which is not read here\n", domain);
	else if (size.nr_frames && !count_grants(domain, size.nr_frames, &granted, &used))
		printf("the grant table of domain %u cannot be mapped: %s\n", domain, strerror(errno));
	else
		printf("frames %u granted %lu used %lu evtchn %lu\n", size.nr_frames, granted, used,
		       count_channels(domain));
	fflush(stdout);
}

int main(void)
{
	char line[32];

	xc = xc_interface_open(NULL, NULL, 0);
	foreign = xenforeignmemory_open(NULL, 0);
	if (!xc || !foreign)
		return 1;
	while (fgets(line, sizeof(line), stdin))
		count((domid_t)atoi(line));
	return 0;
}
