// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts what a domain holds of the hypervisor's shared resources: granted entries in its grant table, those that
 * a peer is using at this moment, and open event channels. Read from the hypervisor, so it needs no help of the
 * domain and tells the truth about any driver. Prints "frames N granted N used N evtchn N".
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* First: it says that we are a tool, and Xen's headers then declare more. */
#include <xenctrl.h>

#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xenforeignmemory.h>

#define RESERVED_ENTRIES 8 /* set up by the toolstack for console and xenstore; they live as long as the domain */

int main(int argc, char **argv)
{
	struct gnttab_query_size size = {0};
	unsigned long granted = 0, used = 0, channels = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DOMID\n", argv[0]);
		return 2;
	}
	size.dom = (domid_t)atoi(argv[1]);
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	if (!xc || xc_gnttab_query_size(xc, &size) || size.status != GNTST_okay) {
		fprintf(stderr, "xencount: no grant table of domain %u (status %d)\n", size.dom, size.status);
		return 1;
	}
	if (xc_gnttab_get_version(xc, size.dom) == 2) {
		fprintf(stderr, "xencount: domain %u has a version 2 grant table, which is not read here\n", size.dom);
		return 1;
	}
	if (size.nr_frames) {
		void *table = NULL;
		xenforeignmemory_handle *fm = xenforeignmemory_open(NULL, 0);
		/* Exactly the frames there are: asking for more would make the table grow. */
		xenforeignmemory_resource_handle *map =
			fm ? xenforeignmemory_map_resource(fm, size.dom, XENMEM_resource_grant_table,
							   XENMEM_resource_grant_table_id_shared, 0, size.nr_frames,
							   &table, 1 /* PROT_READ */, 0)
			   : NULL;
		if (!map) {
			perror("xencount: map grant table");
			return 1;
		}
		const grant_entry_v1_t *entries = table;
		size_t count = size.nr_frames * 4096ul / sizeof(*entries);

		for (size_t i = RESERVED_ENTRIES; i < count; i++) {
			uint16_t flags = entries[i].flags;

			granted += (flags & GTF_type_mask) != GTF_invalid;
			used += (flags & (GTF_reading | GTF_writing)) != 0;
		}
		xenforeignmemory_unmap_resource(fm, map);
	}
	for (evtchn_port_t port = 0;; port++) {
		xc_evtchn_status_t status = {.dom = size.dom, .port = port};

		if (!xc_evtchn_status(xc, &status))
			channels += status.status != EVTCHNSTAT_closed;
		else if (errno != EACCES) /* Xen's own ports of this domain are not shown */
			break; /* past the last port the domain ever had */
	}
	printf("frames %u granted %lu used %lu evtchn %lu\n", size.nr_frames, granted, used, channels);
	return 0;
}
