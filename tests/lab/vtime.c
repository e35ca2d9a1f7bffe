/*
 * Preloaded into the user-mode kernel: virtual time for a kernel that was built without its time-travel mode, as Debian's is.
 *
 * The guest's clock runs at VT_RATE permille of real time while the guest works, so that its own slowness does not show, and
 * jumps to the next timer as soon as the guest goes idle. A minute of waiting costs milliseconds. The first three seconds run
 * at full speed: booting has busy waits in it.
 *
 * A guest has one timer. It is idle in sigsuspend() or pause(); since 7.x in a poll() without timeout on a signalfd that takes
 * SIGALRM.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define BOOT (3 * SECOND)
#define MOST_SIGNALFDS 64

static int (*real_create)(clockid_t, struct sigevent *, timer_t *);
static int (*real_set)(timer_t, int, const struct itimerspec *, struct itimerspec *);
static int (*real_suspend)(const sigset_t *);

static long long start, jumped, rate = 1000, deadline, interval;
static timer_t timer;
static int has_timer;
static int signalfds[MOST_SIGNALFDS], signalfd_count;

static long long nanoseconds(const struct timespec *time)
{
	return time->tv_sec * SECOND + time->tv_nsec;
}

static long long real_now(void)
{
	struct timespec time;
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
	return nanoseconds(&time);
}

static long long virtual_now(void)
{
	long long run = real_now() - start;
	return start + (run < BOOT ? run : BOOT + (run - BOOT) * rate / 1000) + jumped;
}

static long long present_rate(void)
{
	return real_now() - start < BOOT ? 1000 : rate;
}

__attribute__((constructor)) static void begin(void)
{
	real_create = dlsym(RTLD_NEXT, "timer_create");
	real_set = dlsym(RTLD_NEXT, "timer_settime");
	real_suspend = dlsym(RTLD_NEXT, "sigsuspend");
	if (getenv("VT_RATE"))
		rate = atoll(getenv("VT_RATE"));
	if (rate < 1)
		rate = 1;
	start = real_now();
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	long long now = virtual_now();

	if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)
		return syscall(SYS_clock_gettime, clock, time);
	if (clock == CLOCK_REALTIME) {
		struct timespec wall;
		syscall(SYS_clock_gettime, CLOCK_REALTIME, &wall);
		now += nanoseconds(&wall) - real_now();
	}
	time->tv_sec = now / SECOND;
	time->tv_nsec = now % SECOND;
	return 0;
}

static void arm(void)
{
	long long left = deadline - virtual_now();
	long long every = interval * 1000 / present_rate();
	struct itimerspec spec;

	left = (left < 0 ? 0 : left) * 1000 / present_rate();
	if (left < 1)
		left = 1;
	spec.it_value.tv_sec = left / SECOND;
	spec.it_value.tv_nsec = left % SECOND;
	spec.it_interval.tv_sec = every / SECOND;
	spec.it_interval.tv_nsec = every % SECOND;
	real_set(timer, 0, &spec, NULL);
}

int timer_create(clockid_t clock, struct sigevent *event, timer_t *made)
{
	int result = real_create(clock, event, made);

	if (!result) {
		timer = *made;
		has_timer = 1;
	}
	return result;
}

int timer_settime(timer_t which, int flags, const struct itimerspec *wanted, struct itimerspec *old)
{
	long long value = nanoseconds(&wanted->it_value);

	interval = nanoseconds(&wanted->it_interval);
	if (!has_timer || which != timer)
		return real_set(which, flags, wanted, old);
	if (!value) {
		deadline = 0;
		return real_set(which, flags, wanted, old);
	}
	deadline = virtual_now() + value;
	arm();
	return 0;
}

/* The guest is idle: its clock goes on to the timer. A timer that repeats is left to itself. */
static void jump(void)
{
	struct itimerspec at_once = { .it_value = { 0, 1 } };
	long long now;

	if (!has_timer || !deadline || interval)
		return;
	now = virtual_now();
	if (deadline > now)
		jumped += deadline - now;
	real_set(timer, 0, &at_once, NULL);
}

/* SIGALRM is blocked meanwhile: a timer that fires between the jump and the wait would be lost. */
static int jump_and_wait(const sigset_t *mask)
{
	sigset_t alarm, before;
	int result;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, &before);
	jump();
	result = real_suspend(mask ? mask : &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}

int sigsuspend(const sigset_t *mask)
{
	return jump_and_wait(mask);
}

int pause(void)
{
	return jump_and_wait(NULL);
}

int signalfd(int fd, const sigset_t *mask, int flags)
{
	int result = syscall(SYS_signalfd4, fd, mask, 8, flags);

	if (result >= 0 && fd < 0 && signalfd_count < MOST_SIGNALFDS)
		signalfds[signalfd_count++] = result;
	return result;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	for (int index = 0; count == 1 && timeout < 0 && index < signalfd_count; index++)
		if (fds->fd == signalfds[index]) {
			jump();
			break;
		}
	return syscall(SYS_poll, fds, count, timeout);
}
