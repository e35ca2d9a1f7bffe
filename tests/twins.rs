//! The drop-in beside the original, on the real kernel: random command lines, each in a network namespace of its own.
//! Status, output, complaints and `/proc/net/ip_vs` are the same after each.

use std::collections::BTreeSet;
use std::io::Read;

use crate::support::tool::Tool;
use crate::support::{Finished, Place, Random, only_in_lab, system};

/// Lines in all, unless IPVSHTEST_TWINS says otherwise.
const LINES: usize = 3_200;
const LINES_PER_SEED: usize = 400;

/// Writers of random lines. What is drawn from is small, so that lines meet what earlier ones made.
struct Writer {
    random: Random,
}

type Words = Vec<String>;

impl Writer {
    fn pick(&mut self, choices: &[&str]) -> String {
        self.random.pick(choices).to_owned()
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.random.chance(one_in)
    }

    /// A service as options, right or nearly so.
    fn service(&mut self) -> Words {
        let wrong = self.chance(12);
        let (option, value) = match self.random.below(10) {
            0..=4 => ("-t", self.endpoint(wrong)),
            5..=6 => ("-u", self.endpoint(wrong)),
            7 => ("--sctp-service", self.endpoint(wrong)),
            _ => ("-f", self.mark(wrong)),
        };
        let long = match option {
            "-t" => "--tcp-service",
            "-u" => "--udp-service",
            "-f" => "--fwmark-service",
            other => other,
        };
        let mut words = match self.random.below(8) {
            0 if option.len() == 2 => vec![format!("{option}{value}")],
            1 if option.len() == 2 => vec![format!("{option}={value}")],
            2 => vec![format!("{long}={value}")],
            3 => vec![long.to_owned(), value],
            _ => vec![option.to_owned(), value],
        };
        if option == "-f" && self.chance(3) {
            words.push(self.pick(&["-6", "--ipv6"]));
        }
        words
    }

    fn endpoint(&mut self, wrong: bool) -> String {
        if wrong {
            return self.pick(&[
                "",
                "80",
                "10.0.0.1:",
                "10.0.0.1:x",
                "10.0.0.1:65536",
                "10.0.0.1:-1",
                ":80",
                "10.0.0.256:80",
                "10.0.0.1:80:90",
                "[2001:db8::1]",
                "[2001:db8::1]:",
                "[2001:db8::1]x:80",
                "[2001:db8::1",
                "10.0.0.1:0x50",
                "2001:db8::1:80",
                "[fe80::1%lo]:92",
                "10.0.0.1:HTTP",
                "1.2.3.4.5:80",
                "10.0.0.1::80",
                "[]:80",
                "[:80",
                "]:80",
                "[10.0.0.1:80",
                "10.0.0.08:80",
                "[2001:db8::1]:80:80",
                "[2001:db8::1]]:80",
            ]);
        }
        self.pick(&[
            "10.0.0.1:80",
            "10.0.0.1:80",
            "10.0.0.1:80",
            "10.0.0.1:443",
            "10.0.0.1:http",
            "10.0.0.2:53",
            "10.0.0.2:53",
            "10.0.0.1",
            "10.0.0.1:0",
            "192.168.0.1:80",
            "192.168.0.1:80",
            "10.2:83",
            "0x0a000002:84",
            "167772162:85",
            "012.0.0.1:86",
            "10.0.0.1:+81",
            "10.0.0.1: 80",
            "10.0.0.1:080",
            "10.0.0.2 junk:94",
            "10.0.0.2:domain",
            "[2001:db8::1]:80",
            "[2001:db8::1]:80",
            "[2001:db8::2]:443",
            "2001:db8::1",
            "[::ffff:10.0.0.2]:91",
            "0.0.0.0:80",
            "0.0.0.0:0",
            "[::]:0",
            "224.0.0.1:80",
            "255.255.255.255:80",
            "[fe80::1]:80",
            "localhost:87",
        ])
    }

    fn mark(&mut self, wrong: bool) -> String {
        if wrong {
            return self.pick(&[
                "",
                "0",
                "-1",
                "7x",
                "0x10",
                "4294967296",
                "99999999999999999999",
                "x",
                " ",
                "+",
                "1.5",
            ]);
        }
        self.pick(&[
            "1",
            "1",
            "2",
            "7",
            "+7",
            " 7",
            "010",
            "4294967295",
            "2147483648",
        ])
    }

    fn server(&mut self) -> Words {
        let wrong = self.chance(15);
        let value = if wrong {
            self.endpoint(true)
        } else {
            self.pick(&[
                "10.0.1.1",
                "10.0.1.1",
                "10.0.1.1:80",
                "10.0.1.1:8080",
                "10.0.1.2",
                "10.0.1.2:80",
                "10.0.1.3:http-alt",
                "192.168.1.3:80",
                "2001:db8::5",
                "[2001:db8::5]:80",
                "[2001:db8::6]:8080",
                "127.0.0.1",
                "0.0.0.0",
                "224.0.0.1",
                "255.255.255.255",
                "[fe80::5]:80",
                "[ff02::5]:80",
                "[::1]:80",
                "240.0.0.1",
                "0.1.2.3",
                "10.1",
                "10.0.1.1:0",
            ])
        };
        match self.random.below(5) {
            0 => vec![format!("-r{value}")],
            1 => vec![format!("--real-server={value}")],
            _ => vec!["-r".to_owned(), value],
        }
    }

    fn number(&mut self) -> String {
        self.pick(&[
            "0",
            "1",
            "2",
            "5",
            "10",
            "100",
            "010",
            "+8",
            " 7",
            "65535",
            "65536",
            "2147483647",
            "2147483648",
            "-1",
            "1.5",
            "0x10",
            "",
            "5 ",
            "x",
            "99999999999999999999",
        ])
    }

    fn option(&mut self, choices: &[(&str, bool)]) -> Words {
        let (option, takes_number) = self.random.pick(choices);
        if !takes_number {
            return vec![option.to_owned()];
        }
        let value = if self.chance(4) {
            self.number()
        } else {
            self.pick(&["1", "2", "5", "10", "100"])
        };
        vec![option.to_owned(), value]
    }

    /// An option of a service.
    fn service_option(&mut self) -> Words {
        match self.random.below(9) {
            0..=2 => vec![
                self.pick(&["-s", "--scheduler", "-s"]),
                self.pick(&[
                    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sh", "mh", "sed", "nq",
                    "fo", "ovf", "none", "", "nosuch",
                ]),
            ],
            3..=4 => match self.random.below(4) {
                0 => vec!["-p".to_owned()],
                1 => vec![format!("-p{}", self.number())],
                2 => vec!["-p".to_owned(), self.number()],
                _ => vec![
                    "--persistent".to_owned(),
                    self.pick(&["60", "300", "2678400", "2678401"]),
                ],
            },
            5 => vec![
                "-M".to_owned(),
                self.pick(&[
                    "255.255.255.0",
                    "255.0.255.0",
                    "24",
                    "64",
                    "128",
                    "129",
                    "0",
                    "64abc",
                    "255.255.255.255",
                    "/24",
                    "",
                    "0.0.0.0",
                ]),
            ],
            6 => vec![
                self.pick(&["-b", "--sched-flags"]),
                self.pick(&[
                    "flag-1",
                    "flag-2,flag-1",
                    "sh-port",
                    "sh-fallback,sh-port",
                    "mh-port",
                    "flag-3",
                    "foo",
                    "",
                    "flag-1,,flag-2,",
                    "FLAG-1",
                    "mh-fallback,mh-port",
                ]),
            ],
            7 => vec!["--pe".to_owned(), self.pick(&["sip", "sip", "", "nosuch"])],
            _ => vec![self.pick(&["-o", "--ops"])],
        }
    }

    fn server_option(&mut self) -> Words {
        match self.random.below(9) {
            0..=3 => vec![self.pick(&[
                "-g",
                "-m",
                "-m",
                "-i",
                "-i",
                "--gatewaying",
                "--masquerading",
                "--ipip",
            ])],
            4..=5 => self.option(&[("-w", true), ("--weight", true)]),
            6 => self.option(&[
                ("-x", true),
                ("-y", true),
                ("--u-threshold", true),
                ("--l-threshold", true),
            ]),
            _ => match self.random.below(4) {
                0 | 1 => vec![
                    "--tun-type".to_owned(),
                    self.pick(&["ipip", "gue", "gue", "gre", "GRE", ""]),
                ],
                2 => vec![
                    "--tun-port".to_owned(),
                    self.pick(&["6080", "1", "65535", "0", "65536", "x"]),
                ],
                _ => vec![self.pick(&["--tun-nocsum", "--tun-csum", "--tun-remcsum"])],
            },
        }
    }

    fn many(&mut self, most: usize, mut one: impl FnMut(&mut Self) -> Words) -> Words {
        let count = self.random.below(most + 1);
        (0..count).flat_map(|_| one(self)).collect()
    }

    /// A command that changes something and is mostly right.
    fn change(&mut self) -> Words {
        let mut words;
        match self.random.below(30) {
            0..=9 => {
                words =
                    vec![self.pick(&["-A", "-A", "-A", "-E", "--add-service", "--edit-service"])];
                words.extend(self.service());
                words.extend(self.many(3, Self::service_option));
            }
            10..=20 => {
                words = vec![self.pick(&[
                    "-a",
                    "-a",
                    "-a",
                    "-e",
                    "-e",
                    "--add-server",
                    "--edit-server",
                ])];
                if self.chance(6) {
                    words.extend(self.server());
                    words.extend(self.service());
                } else {
                    words.extend(self.service());
                    words.extend(self.server());
                }
                if self.chance(5) {
                    words.extend(
                        ["-i", "--tun-type", "gue", "--tun-port", "6080"].map(str::to_owned),
                    );
                }
                words.extend(self.many(3, Self::server_option));
            }
            21..=23 => {
                words = vec![self.pick(&["-d", "--delete-server"])];
                words.extend(self.service());
                words.extend(self.server());
            }
            24..=25 => {
                words = vec![self.pick(&["-D", "--delete-service"])];
                words.extend(self.service());
            }
            26 => {
                words = vec![self.pick(&["-Z", "--zero"])];
                if self.chance(2) {
                    words.extend(self.service());
                }
            }
            27 => {
                words = vec!["--set".to_owned()];
                words.extend(self.many(4, |writer| vec![writer.number()]));
                if self.chance(2) {
                    words = ["--set", "10", "0", "30"].map(str::to_owned).to_vec();
                }
            }
            28 => {
                words = vec![
                    self.pick(&["--stop-daemon", "--start-daemon"]),
                    self.pick(&["master", "backup", "foo", ""]),
                ];
                words.extend(["--mcast-interface", "nosuchif"].map(str::to_owned));
                words.extend(self.many(2, |writer| {
                    let group = writer.pick(&[
                        "224.0.0.81",
                        "10.0.0.1",
                        "ff02::81",
                        "2001:db8::1",
                        "foo",
                        "",
                    ]);
                    match writer.random.below(2) {
                        0 => vec!["--mcast-group".to_owned(), group],
                        _ => writer.option(&[
                            ("--syncid", true),
                            ("--mcast-port", true),
                            ("--mcast-ttl", true),
                            ("--sync-maxlen", true),
                        ]),
                    }
                }));
            }
            _ => words = vec![self.pick(&["-C", "--clear"])],
        }
        words
    }

    fn listing(&mut self) -> Words {
        let command = self.pick(&["-L", "-l", "-Ln", "-ln", "--list", "-Ln", "-Lnc", "-LnX"]);
        let mut words = vec![command];
        if self.chance(4) {
            words.extend(self.service());
        }
        words.extend(self.many(3, |writer| {
            vec![writer.pick(&[
                "-n",
                "--numeric",
                "-n",
                "--stats",
                "--rate",
                "--thresholds",
                "--persistent-conn",
                "--tun-info",
                "--exact",
                "-X",
                "--sort",
                "--timeout",
                "--daemon",
                "-c",
                "--connection",
            ])]
        }));
        words
    }

    /// Options without sense or order.
    fn mixture(&mut self) -> Words {
        let mut words = Vec::new();
        for _ in 0..=self.random.below(6) {
            let more = match self.random.below(8) {
                0 => self.service(),
                1 => self.server(),
                2 => self.service_option(),
                3 => self.server_option(),
                4 => self.listing(),
                5 => vec![self.pick(&[
                    "-A",
                    "-E",
                    "-D",
                    "-C",
                    "-a",
                    "-d",
                    "-e",
                    "-S",
                    "-Z",
                    "--set",
                    "--start-daemon",
                    "-v",
                    "--restore",
                    "-6",
                    "--sort",
                ])],
                6 => vec![self.pick(&[
                    "foo",
                    "",
                    "-",
                    "--",
                    "-q",
                    "-V",
                    "--bogus",
                    "--bogus=5",
                    "--numeric=5",
                    "-n=5",
                    "-Lqn",
                    "-LL",
                    "-AL",
                    "--add-serv",
                    "-5",
                    "--=",
                    "---",
                    "--list=5",
                    "-L=5",
                    "-O",
                    "--usage",
                    "-?",
                ])],
                _ => vec![self.pick(&[
                    "--syncid",
                    "--mcast-ttl",
                    "-w",
                    "-x",
                    "--tun-port",
                    "-p",
                    "-t",
                    "-f",
                    "-b",
                    "-M",
                    "-r",
                    "--pe",
                    "-s",
                ])],
            };
            words.extend(more);
        }
        // Standard input is not theirs.
        words.retain(|word| word != "-R" && word != "-h");
        words
    }

    /// Letters in a row.
    fn cluster(&mut self) -> Words {
        let mut word = self.pick(&[
            "-A", "-E", "-D", "-a", "-e", "-d", "-L", "-l", "-S", "-Z", "-C", "-n", "-t",
        ]);
        for _ in 0..self.random.below(3) {
            word.push_str(
                &self.pick(&["n", "c", "X", "o", "m", "g", "i", "L", "q", "6", "=", "5"]),
            );
        }
        let mut words = vec![word];
        if self.chance(2) {
            let last = words.len() - 1;
            let tail = self.pick(&[
                "t10.0.0.1:80",
                "t",
                "u10.0.0.2:53",
                "f1",
                "f77n",
                "t=10.0.0.1:80",
                "p60",
                "p",
                "w5",
            ]);
            words[last].push_str(&tail);
        }
        for _ in 0..self.random.below(3) {
            let more = self.pick(&[
                "10.0.0.1:80",
                "-r10.0.1.1",
                "-mw5",
                "-swrr",
                "-s=rr",
                "-Mx",
                "-w=-1",
                "-r",
                "10.0.1.1",
                "-p",
                "-6",
            ]);
            words.push(more);
        }
        words
    }

    fn line(&mut self) -> Words {
        match self.random.below(20) {
            0..=9 => self.change(),
            10..=12 => self.listing(),
            13..=15 => self.mixture(),
            16..=17 => self.cluster(),
            18 => vec![self.pick(&["-S", "-Sn", "--save", "-S"])],
            _ => {
                let mut words = self.change();
                let place = self.random.below(words.len() + 1);
                let odd = self.pick(&[
                    "-n", "foo", "--", "-A", "-6", "--stats", "-c", "-w", "", "-L",
                ]);
                words.insert(place, odd);
                words
            }
        }
    }

    /// Lines for `-R`.
    fn lines(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..2 + self.random.below(9) {
            let words = match self.random.below(12) {
                0..=9 => self.change(),
                10 => self.line(),
                _ => vec![self.pick(&["", "#comment", "ipvsadm", "foo", "-v", "-Ln", "-R", "-Sn"])],
            };
            let plain = words
                .iter()
                .filter(|word| !word.contains(' ') && !word.is_empty());
            let words: Vec<&str> = plain.map(String::as_str).collect();
            if words.contains(&"-h") || has_negative_mark(&words) {
                continue;
            }
            let blank = self.pick(&[" ", " ", " ", "\t", "  ", "\r"]);
            let before = self.pick(&["", "", "ipvsadm ", "  "]);
            let end = self.pick(&["\n", "\n", "\n", "\n", "\r\n", " \n", "\n\n"]);
            text.push_str(&format!("{before}{}{end}", words.join(&blank)));
        }
        match self.random.below(6) {
            0 => text.truncate(text.trim_end().len()),
            1 => text.truncate(text.trim_end_matches('\n').len()),
            _ => {}
        }
        text
    }
}

/// Negative marks, which the original prints and can't read back, are read by ours.
fn has_negative_mark(words: &[&str]) -> bool {
    let inline = ["-f-", "-f=-", "--fwmark-service=-"];
    let behind =
        |pair: &[&str]| matches!(pair[0], "-f" | "--fwmark-service") && pair[1].starts_with('-');
    words.windows(2).any(behind)
        || words
            .iter()
            .any(|word| inline.iter().any(|start| word.starts_with(start)))
}

/// What a kernel holds: every record, and `/proc/net/ip_vs` as a set of services with their servers. Where other
/// namespaces have services too, the kernel loses some whenever a reader comes back for more: what one page does
/// not hold is left to the records.
fn state(tool: &Tool) -> BTreeSet<String> {
    tool.enter();
    let mut client = Place::Real.client();
    let mut held: BTreeSet<String> = BTreeSet::new();
    for (key, record) in client.fetch_all().unwrap() {
        held.insert(format!("{key} {record:?}"));
    }
    held.insert(format!(
        "{:?} {:?}",
        client.timeouts().unwrap(),
        client.daemons().unwrap()
    ));
    let mut page = vec![0; 1 << 16];
    let mut file = std::fs::File::open("/proc/thread-self/net/ip_vs").unwrap();
    let length = file.read(&mut page).unwrap();
    if length > 3_800 {
        return held;
    }
    let text = String::from_utf8_lossy(&page[..length]).into_owned();
    let mut services: Vec<String> = Vec::new();
    for line in text.lines().skip(3) {
        match services.last_mut() {
            Some(service) if line.starts_with("  -> ") => service.push_str(&format!("\n{line}")),
            _ => services.push(line.to_owned()),
        }
    }
    held.extend(services);
    held
}

/// Differences that are meant: see the documentation of the drop-in.
fn is_meant(words: &[String]) -> bool {
    // The text of the help is our own.
    words
        .iter()
        .any(|word| word == "-h" || word == "--help" || word.starts_with("-h"))
}

/// Tells whether services of a listing compare in a circle: then their order is that of the kernel's hash, which
/// differs from namespace to namespace.
fn has_circle(shown: &str) -> bool {
    let mut values: [BTreeSet<u32>; 2] = Default::default();
    for line in shown.lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        let (option, name) = match first {
            "-A" => (words.next().unwrap_or_default(), words.next()),
            other => (other, words.next()),
        };
        let name = name.unwrap_or_default();
        if matches!(option, "-f" | "FWM") {
            let mark = name.parse::<i64>().unwrap_or_default() & 0xffff_ffff;
            values[0].insert(u32::try_from(mark).unwrap());
            // What has no mark compares as zero.
            values[0].insert(0);
        }
        let host = name
            .rsplit_once(':')
            .map(|(host, _)| host.replace("localhost", "127.0.0.1"));
        let address = host.and_then(|host| host.parse::<std::net::Ipv4Addr>().ok());
        values[1].extend(address.map(std::net::Ipv4Addr::to_bits));
    }
    let before = |left: u32, right: u32| left.wrapping_sub(right) > 0x7fff_ffff;
    // Two that are exactly half apart are each before the other.
    let turns_back = |values: &BTreeSet<u32>, a: u32| {
        let behind = values.iter().filter(|b| before(a, **b));
        behind
            .clone()
            .any(|b| before(*b, a) || values.iter().any(|c| before(*b, *c) && before(*c, a)))
    };
    values
        .iter()
        .any(|values| values.iter().any(|a| turns_back(values, *a)))
}

fn same_output(ours: &Finished, theirs: &Finished) -> bool {
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    ours.stdout == theirs.stdout
        || has_circle(&ours.stdout) && lines(&ours.stdout) == lines(&theirs.stdout)
}

#[test]
fn random_lines_do_what_the_original_does() {
    if !only_in_lab() {
        return;
    }
    let lines = std::env::var("IPVSHTEST_TWINS")
        .ok()
        .map_or(LINES, |text| text.parse().unwrap());
    let first: u64 = std::env::var("IPVSHTEST_SEED")
        .ok()
        .map_or(1, |text| text.parse().unwrap());
    let (mut statuses, mut refused) = (std::collections::BTreeMap::<i32, usize>::new(), 0);
    for seed in first..first + lines.div_ceil(LINES_PER_SEED) as u64 {
        println!("seed {seed}");
        let (ours, theirs) = (Tool::real(false), Tool::real(true));
        let mut writer = Writer {
            random: Random::new(seed),
        };
        for number in 0..LINES_PER_SEED {
            let (words, input) = if writer.chance(12) {
                (vec!["-R".to_owned()], writer.lines())
            } else {
                (writer.line(), String::new())
            };
            if is_meant(&words) {
                continue;
            }
            let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
            let done = |tool: &Tool| {
                (
                    tool.run("ipvsadm", &arguments, input.as_bytes()),
                    state(tool),
                )
            };
            let ((here, our_state), (there, their_state)) = (done(&ours), done(&theirs));
            let told = format!(
                "seed {seed}, line {number}: {words:?} {input:?}\nours   {here:?}\ntheirs {there:?}"
            );
            assert_eq!(here.status, there.status, "{told}");
            assert!(same_output(&here, &there), "{told}");
            assert_eq!(here.stderr, there.stderr, "{told}");
            assert_eq!(our_state, their_state, "{told}");
            *statuses.entry(here.status).or_default() += 1;
            refused += usize::from(here.status == 255 && !here.stderr.starts_with("Try"));
        }
    }
    println!("statuses {statuses:?}, {refused} of them refusals");
    // Lines that all fail the same way prove nothing.
    for status in [0, 1, 2, 255] {
        assert!(
            statuses
                .get(&status)
                .is_some_and(|count| *count > lines / 100),
            "{statuses:?}"
        );
    }
}

/// Names for this test alone: the guest of the lab gets a hosts file of its own, and loses it again.
struct Hosts(tempfile::NamedTempFile);

impl Hosts {
    fn of(text: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        system(&format!(
            "chmod 644 {0} && mount --bind {0} /etc/hosts",
            file.path().display()
        ));
        Self(file)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        system("umount /etc/hosts");
        assert!(self.0.path().exists());
    }
}

#[test]
fn names_are_looked_up_and_cut_as_the_original_does() {
    if !only_in_lab() {
        return;
    }
    let _hosts = Hosts::of(
        "127.0.0.1 localhost
10.0.0.1 vip alias
10.0.1.1 this-is-a-quite-long-hostname.with-a-long-domain.example.org
10.0.1.2 twenty-eight-cols-x
10.0.1.3 web3.example
2001:db8::1 v6-this-is-a-quite-long-hostname.with-a-long-domain.example.org
2001:db8::2 six
10.0.0.5 multi
127.0.0.2 multi
::1 sixloop
::ffff:10.0.0.7 mapped
10.9.9.9 we!rd
",
    );
    let (ours, theirs) = (Tool::real(false), Tool::real(true));
    let lines = "\
-A -t vip:http -s rr
-a -t vip:http -r this-is-a-quite-long-hostname.with-a-long-domain.example.org:http-alt -m
-a -t vip:http -r twenty-eight-cols-x:http-alt -m
-a -t alias:http -r web3.example:12345 -m
-a -t vip:http -r 10.0.1.4:https -m
-A -u vip:domain -s rr -p -M localhost
-A -t [2001:db8::1]:https -s rr
-a -t [2001:db8::1]:https -r [2001:db8::2]:http -m
-A --sctp-service 10.0.0.1:3868 -s rr
-A -f 5 -s rr
-a -f 5 -r web3.example:80
-A -t six:80
-A -t VIP:81 -s rr
-A -t no-such-host:80
-A -t multi:80
-A -t sixloop:80
-A -t mapped:80
-A -t we!rd:80
-A -t Multi:82 -p -M mapped
-a -t multi:80 -r sixloop:81 -m
";
    let done = |tool: &Tool| {
        let run = |arguments: &[&str], input: &str| {
            let finished = tool.run("ipvsadm", arguments, input.as_bytes());
            (finished.status, finished.stdout, finished.stderr)
        };
        let lines = lines.lines().map(|line| run(&["-R"], &format!("{line}\n")));
        let mut all: Vec<_> = lines.collect();
        for arguments in [
            &["-L"][..],
            &["-S"],
            &["-Sn"],
            &["-L", "--stats"],
            &["-L", "-t", "vip:http"],
            &["-L", "-u", "vip:53"],
        ] {
            all.push(run(arguments, ""));
        }
        all
    };
    let (here, there) = (done(&ours), done(&theirs));
    for (index, (here, there)) in here.iter().zip(&there).enumerate() {
        assert_eq!(here, there, "{index}");
    }
    assert!(
        here.iter()
            .any(|(_, shown, _)| shown.contains("TCP  vip:http rr")),
        "{here:?}"
    );
    assert!(
        here.iter()
            .any(|(_, shown, _)| shown.contains("twenty-eight-cols-x:http-alt")),
        "{here:?}"
    );
}
