// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo && !noav

#define _GNU_SOURCE

#include "libav.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// From linux/landlock.h, spelled out as the headers of the build machine may be older than the kernel it runs on.
enum { LANDLOCK_VERSION = 1 << 0 };
enum { CREATE_RULESET = 444, RESTRICT_SELF = 446 }; // the same numbers on every architecture

struct ruleset {
	uint64_t fs, net, scoped;
};

// landlock forbids every access to files not yet open, TCP, and signals to other processes, as far as this kernel can.
static void landlock(void) {
	long abi = syscall(CREATE_RULESET, NULL, 0, LANDLOCK_VERSION);
	if (abi < 1) return; // an older kernel: the other limits still hold
	struct ruleset r = {
		.fs = (1u << (abi == 1 ? 13 : abi == 2 ? 14 : abi < 5 ? 15 : 16)) - 1,
		.net = abi < 4 ? 0 : 3,
		.scoped = abi < 6 ? 0 : 3,
	};
	size_t size = abi < 4 ? sizeof r.fs : abi < 6 ? sizeof r.fs + sizeof r.net : sizeof r;
	long fd = syscall(CREATE_RULESET, &r, size, 0);
	if (fd < 0) return;
	syscall(RESTRICT_SELF, fd, 0);
	close(fd);
}

static int limit(int what, rlim_t value) {
	struct rlimit l;
	if (getrlimit(what, &l) < 0) return -1;
	if (l.rlim_max < value) value = l.rlim_max;
	l.rlim_cur = l.rlim_max = value;
	return setrlimit(what, &l);
}

const char *dfp_confine(uint64_t memory) {
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return "no_new_privs";
	if (limit(RLIMIT_CORE, 0) < 0) return "core size";
	if (limit(RLIMIT_FSIZE, 0) < 0) return "file size";
	if (limit(RLIMIT_NOFILE, 32) < 0) return "open files";
	if (limit(RLIMIT_AS, memory) < 0) return "address space";
	landlock();
	return 0;
}
