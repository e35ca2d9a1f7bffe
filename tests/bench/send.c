/* The floor of the load benchmark: encodes the requests for SERVICES services with SERVERS servers each, then
 * starts the clock, sends them 128 to a datagram, reads the answers, and stops it. Nothing is read back.
 * Prints milliseconds. Build: cc -O2 -o send send.c */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SERVICES = 1000, SERVERS = 8, PER_DATAGRAM = 128, LARGEST = 256 };

static unsigned char *at;

static void attribute(int kind, const void *value, int length) {
    struct nlattr head = {.nla_len = (uint16_t)(4 + length), .nla_type = (uint16_t)kind};
    memcpy(at, &head, 4);
    memcpy(at + 4, value, (size_t)length);
    memset(at + 4 + length, 0, (size_t)(NLA_ALIGN(length) - length));
    at += 4 + NLA_ALIGN(length);
}

static void u16(int kind, uint16_t value) { attribute(kind, &value, 2); }
static void u32(int kind, uint32_t value) { attribute(kind, &value, 4); }

static unsigned char *nest(int kind) {
    unsigned char *start = at;
    attribute(kind, "", 0);
    return start;
}

static void end(unsigned char *start) {
    uint16_t length = (uint16_t)(at - start);
    memcpy(start, &length, 2);
}

static void service_name(int index) {
    unsigned char address[16] = {192, 0, (unsigned char)(2 + index / 250), (unsigned char)(1 + index % 250)};
    u16(1, AF_INET);
    u16(2, 6);
    attribute(3, address, 16);
    u16(4, (uint16_t)(80 << 8));
}

static unsigned char *message(int family, int command, uint32_t sequence, int flags) {
    unsigned char *start = at;
    struct nlmsghdr head = {.nlmsg_type = (uint16_t)family, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags), .nlmsg_seq = sequence};
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    unsigned char body[4] = {(unsigned char)command, 1, 0, 0};
    memcpy(at, body, 4);
    at += 4;
    return start;
}

static void finish(unsigned char *start) {
    uint32_t length = (uint32_t)(at - start);
    memcpy(start, &length, 4);
}

static int family(int fd) {
    unsigned char buffer[8192];
    at = buffer;
    unsigned char *start = message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0);
    attribute(CTRL_ATTR_FAMILY_NAME, "IPVS", 5);
    finish(start);
    if (send(fd, buffer, (size_t)(at - buffer), 0) < 0) return -1;
    ssize_t length = recv(fd, buffer, sizeof buffer, 0);
    for (unsigned char *p = buffer + 20; p < buffer + length;) {
        struct nlattr *head = (struct nlattr *)p;
        if (head->nla_type == CTRL_ATTR_FAMILY_ID) return p[4] | p[5] << 8;
        p += NLA_ALIGN(head->nla_len);
    }
    return -1;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(void) {
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
    int id = family(fd);
    if (id < 0) return puts("no IPVS"), 1;
    int total = SERVICES * (1 + SERVERS), refused = 0;
    unsigned char *buffer = malloc((size_t)total * LARGEST);
    size_t *ends = malloc(sizeof(size_t) * (size_t)total);
    at = buffer;
    uint32_t sequence = 10;
    int count = 0;
    for (int s = 0; s < SERVICES; s++) {
        for (int d = -1; d < SERVERS; d++, count++) {
            int last = count % PER_DATAGRAM == PER_DATAGRAM - 1 || count == total - 1;
            unsigned char *start = message(id, d < 0 ? 1 : 5, sequence++, last ? NLM_F_ACK : 0);
            unsigned char *service = nest(1);
            service_name(s);
            if (d < 0) {
                uint32_t flags[2] = {0, 0xffffffff};
                attribute(6, "wlc", 4);
                attribute(7, flags, 8);
                u32(8, 0);
                u32(9, 0xffffffff);
            }
            end(service);
            if (d >= 0) {
                unsigned char address[16] = {10, (unsigned char)(s / 250), (unsigned char)(s % 250), (unsigned char)(SERVERS - d)};
                unsigned char *server = nest(2);
                u16(11, AF_INET);
                attribute(1, address, 16);
                u16(2, (uint16_t)(80 << 8));
                u32(3, 0);
                u32(4, 1);
                u32(5, 0);
                u32(6, 0);
                attribute(13, "", 1);
                u16(14, 0);
                u16(15, 0);
                end(server);
            }
            finish(start);
            ends[count] = (size_t)(at - buffer);
        }
    }
    double begun = now();
    size_t from = 0;
    for (int n = 0; n < total; n += PER_DATAGRAM) {
        int lastone = n + PER_DATAGRAM > total ? total : n + PER_DATAGRAM;
        unsigned char reply[8192];
        if (send(fd, buffer + from, ends[lastone - 1] - from, 0) < 0) return perror("send"), 1;
        from = ends[lastone - 1];
        for (;;) {
            ssize_t length = recv(fd, reply, sizeof reply, 0);
            int code;
            if (length < 20) return perror("recv"), 1;
            memcpy(&code, reply + 16, 4);
            if (code == 0) break;
            refused++;
            struct nlmsghdr *head = (struct nlmsghdr *)reply;
            if ((int)head->nlmsg_seq == 10 + lastone - 1) break;
        }
    }
    printf("%.3f\n", now() - begun);
    return refused > 0;
}
