/*
 * Preloaded into the user-mode kernel: lets kernels before 6.14 run on processors with a large register state.
 *
 * Such a kernel keeps 2.7 KiB of extended registers for each process, and sets as many. The host takes nothing but all of
 * its own, which is 11 KiB where the processor has AMX tiles, and refuses: the guest's first process dies. So where setting
 * is refused, what the host has is read, the part that the guest knows is laid over it, and that is set.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define NT_X86_XSTATE 0x202
/* More than any processor has. */
#define LARGEST 65536

static long real(long request, long pid, void *addr, void *data)
{
	static long (*next)(long, long, void *, void *);
	if (!next)
		next = dlsym(RTLD_NEXT, "ptrace");
	return next(request, pid, addr, data);
}

long ptrace(enum __ptrace_request request, ...)
{
	static char all[LARGEST];
	struct iovec whole = { all, sizeof(all) };
	struct iovec *part;
	long pid, result;
	void *addr, *data;
	va_list list;

	va_start(list, request);
	pid = va_arg(list, long);
	addr = va_arg(list, void *);
	data = va_arg(list, void *);
	va_end(list);
	pid = (int)pid;
	result = real(request, pid, addr, data);
	if (result != -1 || request != PTRACE_SETREGSET || (long)addr != NT_X86_XSTATE)
		return result;
	part = data;
	if (real(PTRACE_GETREGSET, pid, addr, &whole) == -1 || whole.iov_len <= part->iov_len)
		return -1;
	memcpy(all, part->iov_base, part->iov_len);
	return real(PTRACE_SETREGSET, pid, addr, &whole);
}
