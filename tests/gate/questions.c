// SPDX-License-Identifier: GPL-2.0-only
// Questions as in kernel/probes.c, to a kernel that tests/gate/run.sh writes.
struct one {
	int field;
};
struct other;
#line 1 "XENPV_ALWAYS"
static int always(void)
{
	return 1;
}
#line 1 "XENPV_NEVER_NAMED"
static int never_named(void)
{
	return xenpv_no_kernel_has_this;
}
#line 1 "XENPV_NAMED_RIGHT"
static int right(struct one *of)
{
	return named(of);
}
#line 1 "XENPV_MACRO_RIGHT"
static int macro_right(struct one *of)
{
	return macro(of);
}
#line 1 "XENPV_NAMED_NO"
static int no(struct one *of)
{
	return named_otherwise(of);
}
#line 1 "XENPV_NAMED_MORE"
static int more(struct one *of)
{
	return named(of, 1);
}
#line 1 "XENPV_NAMED_OF_TYPE"
static int of_type(struct other *of)
{
	return named(of);
}
#line 1 "XENPV_MACRO_OF_TYPE"
static int macro_of_type(struct other *of)
{
	return macro(of);
}
#line 1 "XENPV_FIELD_NO"
static int field(struct one *of)
{
	return of->no_field;
}
