//! The help text: the original's structure in our own words.

use crate::ipvsadm::text::VERSION_LINE;

const USAGE: [&str; 13] = [
    "-A|E SERVICE [-s SCHEDULER] [-p [SECONDS]] [-M MASK] [--pe ENGINE] [-o] [-b FLAGS]",
    "-D SERVICE",
    "-C",
    "-R [--atomic]",
    "-S [-n] [--complete]",
    "-a|e SERVICE -r SERVER [-g|i|m] [-w WEIGHT] [-x UPPER] [-y LOWER] [TUNNEL]",
    "-d SERVICE -r SERVER",
    "-L|l [SERVICE|-c|--timeout|--daemon] [LAYOUT] [-n] [--exact] [--nosort]",
    "-Z [SERVICE]",
    "--set TCP TCPFIN UDP",
    "--start-daemon master|backup [DAEMON]",
    "--stop-daemon master|backup [--syncid ID]",
    "-h|-v",
];

const REST: &str = "\
Commands: one of these is the first option of the line; long and short forms mean the same.
  --add-service     -A    adds a virtual service
  --edit-service    -E    gives a service new settings; what is not repeated falls back to its default
  --delete-service  -D    deletes a service with its real servers
  --clear           -C    deletes every service
  --restore         -R    runs the command lines on standard input
  --save            -S    prints the table as command lines
  --add-server      -a    adds a real server to a service
  --edit-server     -e    gives a real server new settings; what is not repeated falls back to its default
  --delete-server   -d    deletes a real server
  --list            -L|l  lists services, connections, timeouts or sync daemons
  --zero            -Z    sets counters to zero: of a service, or all of them
  --set                   sets the connection timeouts in seconds; 0 leaves one as it is
  --start-daemon          starts a connection sync daemon
  --stop-daemon           stops it
  --help            -h    this text; --version -v: the version

SERVICE:
  --tcp-service|-t, --udp-service|-u, --sctp-service   ADDRESS:PORT, [IPV6]:PORT, names are looked up
  --fwmark-service|-f  MARK                            a mark from 1 to 4294967295
  --ipv6           -6                                  behind -f: the mark is that of IPv6 packets

Options:
  --scheduler      -s NAME    rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, ... (wlc)
  --sched-flags    -b FLAGS   sh-fallback, sh-port, mh-fallback, mh-port, flag-1 to flag-3, with commas
  --persistent     -p [N]     clients stay with their server for N seconds (360)
  --netmask        -M MASK    clients of one network are one client: a mask, for IPv6 a prefix length
  --pe                NAME    the persistence engine: sip
  --ops            -o         one-packet scheduling, for UDP and marks
  --real-server    -r SERVER  ADDRESS[:PORT]
  --gatewaying     -g         direct routing (default)
  --ipip           -i         tunneling
  --masquerading   -m         masquerading (NAT)
  --weight         -w N       its share of new connections, 0 to 2147483647 (1)
  --u-threshold    -x N       at so many connections it gets no new ones; 0 is no limit (0)
  --l-threshold    -y N       below so many it gets new ones again (0)
  --tun-type          TYPE    ipip, gue or gre (ipip)
  --tun-port          PORT    the UDP port of gue
  --tun-nocsum, --tun-csum, --tun-remcsum   the checksum of the outer packet
  --connection     -c         with -L: the connections
  --timeout, --daemon         with -L: timeouts, or sync daemons
  --stats, --rate, --thresholds, --persistent-conn, --tun-info   with -L: other columns
  --exact          -X         counters in full
  --nosort                    services and servers in the kernel's order; --sort does nothing
  --numeric        -n         numbers instead of names

Daemon Options:
  --mcast-interface  NAME     the interface (eth0)
  --syncid           ID       0 to 255 (0)
  --sync-maxlen      BYTES    1 to 65507
  --mcast-group      ADDRESS  (224.0.0.81)
  --mcast-port       PORT     (8848)
  --mcast-ttl        TTL      (1)

Options of ipvsh, in their long form only:
  --atomic      with -R: all lines or none, as one transaction that changes only what differs; what a line adds
                and the table has becomes as the line says. ipvsadm-restore --atomic also deletes what no line names.
  --complete    with -S: lines that lose nothing: thresholds, timeouts, sync daemons, unsigned marks
  --dry-run     shows what would change, and changes nothing
  --exit-code   with --dry-run or --diff: status 10 if something would change
  --diff        the same, as lines that -S would no longer print and lines that it would print then
  --json        listings, plans and errors as JSON
Where guards are set (`ipvsh config`), changes are committed, and refused where a guard says so.
";

/// Returns the help text; `name` is how the program was called.
pub(super) fn text(name: &str) -> String {
    let mut text = format!("{VERSION_LINE}\nUsage:\n");
    for line in USAGE {
        text.push_str(&format!("  {name} {line}\n"));
    }
    text.push('\n');
    text.push_str(REST);
    text
}
