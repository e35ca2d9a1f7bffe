//! What was typed: the words of a command line as the original's parser takes them, left to right.
//!
//! The original uses libpopt, whose rules differ from those of getopt: short options cluster, a `=` behind a
//! letter is skipped once, `-p` takes the next word unless that begins with `-`, and nothing is abbreviated.

/// Whether an option takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    None,
    Required,
    /// The next word is taken unless it begins with `-`.
    Optional,
}

/// A command, in the order of the table of what goes with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    AddService,
    EditService,
    DeleteService,
    Clear,
    List,
    AddServer,
    DeleteServer,
    EditServer,
    Set,
    StartDaemon,
    StopDaemon,
    Restore,
    Save,
    Zero,
    Help,
    Version,
}

impl Command {
    /// Returns the name that messages use.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AddService => "add-service",
            Self::EditService => "edit-service",
            Self::DeleteService => "delete-service",
            Self::Clear => "flush",
            Self::List => "list",
            Self::AddServer => "add-server",
            Self::DeleteServer => "delete-server",
            Self::EditServer => "edit-server",
            Self::Set => "set",
            Self::StartDaemon => "start-daemon",
            Self::StopDaemon => "stop-daemon",
            Self::Restore => "restore",
            Self::Save => "save",
            Self::Zero => "zero",
            Self::Help => "help",
            Self::Version => "version",
        }
    }
}

/// An option by its number in the original's table; the last four are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Field {
    Numeric,
    Connection,
    ServiceAddress,
    Scheduler,
    Persistent,
    Netmask,
    RealServer,
    ForwardingMethod,
    Weight,
    UpperThreshold,
    LowerThreshold,
    McastInterface,
    Timeout,
    Daemon,
    Stats,
    Rate,
    Thresholds,
    PersistentConn,
    Nosort,
    SyncId,
    Exact,
    Ops,
    Engine,
    SchedFlags,
    McastGroup,
    McastPort,
    McastTtl,
    SyncMaxlen,
    TunInfo,
    TunType,
    TunPort,
    TunNocsum,
    TunCsum,
    TunRemcsum,
    Json,
    DryRun,
    Diff,
    Atomic,
    Complete,
    ExitCode,
}

impl Field {
    /// All of them by number.
    pub(super) const ALL: [Self; 40] = [
        Self::Numeric,
        Self::Connection,
        Self::ServiceAddress,
        Self::Scheduler,
        Self::Persistent,
        Self::Netmask,
        Self::RealServer,
        Self::ForwardingMethod,
        Self::Weight,
        Self::UpperThreshold,
        Self::LowerThreshold,
        Self::McastInterface,
        Self::Timeout,
        Self::Daemon,
        Self::Stats,
        Self::Rate,
        Self::Thresholds,
        Self::PersistentConn,
        Self::Nosort,
        Self::SyncId,
        Self::Exact,
        Self::Ops,
        Self::Engine,
        Self::SchedFlags,
        Self::McastGroup,
        Self::McastPort,
        Self::McastTtl,
        Self::SyncMaxlen,
        Self::TunInfo,
        Self::TunType,
        Self::TunPort,
        Self::TunNocsum,
        Self::TunCsum,
        Self::TunRemcsum,
        Self::Json,
        Self::DryRun,
        Self::Diff,
        Self::Atomic,
        Self::Complete,
        Self::ExitCode,
    ];

    /// Returns the name that messages use.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Connection => "connection",
            Self::ServiceAddress => "service-address",
            Self::Scheduler => "scheduler",
            Self::Persistent => "persistent",
            Self::Netmask => "netmask",
            Self::RealServer => "real-server",
            Self::ForwardingMethod => "forwarding-method",
            Self::Weight => "weight",
            Self::UpperThreshold => "u-threshold",
            Self::LowerThreshold => "l-threshold",
            Self::McastInterface => "mcast-interface",
            Self::Timeout => "timeout",
            Self::Daemon => "daemon",
            Self::Stats => "stats",
            Self::Rate => "rate",
            Self::Thresholds => "thresholds",
            Self::PersistentConn => "persistent-conn",
            Self::Nosort => "nosort",
            Self::SyncId => "syncid",
            Self::Exact => "exact",
            Self::Ops => "ops",
            Self::Engine => "pe",
            Self::SchedFlags => "sched-flags",
            Self::McastGroup => "mcast-group",
            Self::McastPort => "mcast-port",
            Self::McastTtl => "mcast-ttl",
            Self::SyncMaxlen => "sync-maxlen",
            Self::TunInfo => "tun-info",
            Self::TunType => "tun-type",
            Self::TunPort => "tun-port",
            Self::TunNocsum => "tun-nocsum",
            Self::TunCsum => "tun-csum",
            Self::TunRemcsum => "tun-remcsum",
            Self::Json => "json",
            Self::DryRun => "dry-run",
            Self::Diff => "diff",
            Self::Atomic => "atomic",
            Self::Complete => "complete",
            Self::ExitCode => "exit-code",
        }
    }

    /// Returns whether it is an option of ours, which the original does not have.
    const fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Json | Self::DryRun | Self::Diff | Self::Atomic | Self::Complete | Self::ExitCode
        )
    }
}

/// What an option says, where its field alone does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Tcp,
    Udp,
    Sctp,
    Fwmark,
    Gatewaying,
    Tunneling,
    Masquerading,
}

/// An option or command by its letter or name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Command(Command),
    Field(Field, Form),
    /// `-6`.
    Six,
    /// `--sort`, which does nothing.
    Sort,
}

const fn plain(field: Field) -> Name {
    Name::Field(field, Form::Plain)
}

fn short(letter: u8) -> Option<(Name, Value)> {
    use Value::{None as No, Optional, Required};
    let method = |form| Name::Field(Field::ForwardingMethod, form);
    let service = |form| Name::Field(Field::ServiceAddress, form);
    Some(match letter {
        b'A' => (Name::Command(Command::AddService), No),
        b'E' => (Name::Command(Command::EditService), No),
        b'D' => (Name::Command(Command::DeleteService), No),
        b'C' => (Name::Command(Command::Clear), No),
        b'R' => (Name::Command(Command::Restore), No),
        b'S' => (Name::Command(Command::Save), No),
        b'a' => (Name::Command(Command::AddServer), No),
        b'e' => (Name::Command(Command::EditServer), No),
        b'd' => (Name::Command(Command::DeleteServer), No),
        b'L' | b'l' => (Name::Command(Command::List), No),
        b'Z' => (Name::Command(Command::Zero), No),
        b'h' => (Name::Command(Command::Help), No),
        b'v' => (Name::Command(Command::Version), No),
        b'n' => (plain(Field::Numeric), No),
        b'c' => (plain(Field::Connection), No),
        b't' => (service(Form::Tcp), Required),
        b'u' => (service(Form::Udp), Required),
        b'f' => (service(Form::Fwmark), Required),
        b's' => (plain(Field::Scheduler), Required),
        b'p' => (plain(Field::Persistent), Optional),
        b'M' => (plain(Field::Netmask), Required),
        b'r' => (plain(Field::RealServer), Required),
        b'g' => (method(Form::Gatewaying), No),
        b'i' => (method(Form::Tunneling), No),
        b'm' => (method(Form::Masquerading), No),
        b'w' => (plain(Field::Weight), Required),
        b'x' => (plain(Field::UpperThreshold), Required),
        b'y' => (plain(Field::LowerThreshold), Required),
        b'X' => (plain(Field::Exact), No),
        b'o' => (plain(Field::Ops), No),
        b'b' => (plain(Field::SchedFlags), Required),
        b'6' => (Name::Six, No),
        _ => return None,
    })
}

fn long(name: &[u8], ours: bool) -> Option<(Name, Value)> {
    use Value::{None as No, Required};
    let letter = match name {
        b"add-service" => b'A',
        b"edit-service" => b'E',
        b"delete-service" => b'D',
        b"clear" => b'C',
        b"restore" => b'R',
        b"save" => b'S',
        b"add-server" => b'a',
        b"edit-server" => b'e',
        b"delete-server" => b'd',
        b"list" => b'L',
        b"zero" => b'Z',
        b"help" => b'h',
        b"version" => b'v',
        b"numeric" => b'n',
        b"connection" => b'c',
        b"tcp-service" => b't',
        b"udp-service" => b'u',
        b"fwmark-service" => b'f',
        b"scheduler" => b's',
        b"persistent" => b'p',
        b"netmask" => b'M',
        b"real-server" => b'r',
        b"gatewaying" => b'g',
        b"ipip" => b'i',
        b"masquerading" => b'm',
        b"weight" => b'w',
        b"u-threshold" => b'x',
        b"l-threshold" => b'y',
        b"exact" => b'X',
        b"ops" => b'o',
        b"sched-flags" => b'b',
        b"ipv6" => b'6',
        _ => 0,
    };
    if letter != 0 {
        return short(letter);
    }
    let command = |command, value| Some((Name::Command(command), value));
    match name {
        b"set" => return command(Command::Set, No),
        b"start-daemon" => return command(Command::StartDaemon, Required),
        b"stop-daemon" => return command(Command::StopDaemon, Required),
        b"sctp-service" => {
            return Some((Name::Field(Field::ServiceAddress, Form::Sctp), Required));
        }
        b"sort" => return Some((Name::Sort, No)),
        _ => {}
    }
    let (field, value) = match name {
        b"mcast-interface" => (Field::McastInterface, Required),
        b"timeout" => (Field::Timeout, No),
        b"daemon" => (Field::Daemon, No),
        b"stats" => (Field::Stats, No),
        b"rate" => (Field::Rate, No),
        b"thresholds" => (Field::Thresholds, No),
        b"persistent-conn" => (Field::PersistentConn, No),
        b"nosort" => (Field::Nosort, No),
        b"syncid" => (Field::SyncId, Required),
        b"pe" => (Field::Engine, Required),
        b"mcast-group" => (Field::McastGroup, Required),
        b"mcast-port" => (Field::McastPort, Required),
        b"mcast-ttl" => (Field::McastTtl, Required),
        b"sync-maxlen" => (Field::SyncMaxlen, Required),
        b"tun-info" => (Field::TunInfo, No),
        b"tun-type" => (Field::TunType, Required),
        b"tun-port" => (Field::TunPort, Required),
        b"tun-nocsum" => (Field::TunNocsum, No),
        b"tun-csum" => (Field::TunCsum, No),
        b"tun-remcsum" => (Field::TunRemcsum, No),
        b"json" => (Field::Json, No),
        b"dry-run" => (Field::DryRun, No),
        b"diff" => (Field::Diff, No),
        b"atomic" => (Field::Atomic, No),
        b"complete" => (Field::Complete, No),
        b"exit-code" => (Field::ExitCode, No),
        _ => return None,
    };
    (ours || !field.is_ours()).then_some((plain(field), value))
}

/// What the parser can't take; the text is the original's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    UnknownOption,
    MissingArgument,
    NeedlessArgument,
}

impl Misfit {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::UnknownOption => "unknown option",
            Self::MissingArgument => "missing argument",
            Self::NeedlessArgument => "option does not take an argument",
        }
    }
}

/// One option with its value.
pub(super) type Typed<'a> = (Name, Option<&'a [u8]>);

/// How a line is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// The first word that is no option ends the options, as POSIX wants it.
    pub(crate) posix: bool,
    /// Options that the original does not have are known.
    pub(crate) ours: bool,
}

/// The words of a line, option by option.
pub(super) struct Words<'a, 'w> {
    words: &'w [&'a [u8]],
    next: usize,
    /// Letters of the word at hand that are still to be read.
    cluster: &'a [u8],
    only_positionals: bool,
    manner: Manner,
    positionals: Vec<&'a [u8]>,
}

impl<'a, 'w> Words<'a, 'w> {
    pub(super) fn new(words: &'w [&'a [u8]], manner: Manner) -> Self {
        Self {
            words,
            next: 0,
            cluster: b"",
            only_positionals: false,
            manner,
            positionals: Vec::new(),
        }
    }

    /// Returns the word that was taken last, which messages quote.
    pub(super) fn last(&self) -> &'a [u8] {
        let last = self.next.checked_sub(1);
        last.and_then(|last| self.words.get(last))
            .copied()
            .unwrap_or_default()
    }

    /// Returns the words that were no options; complete when the options are at their end.
    pub(super) fn positionals(&self) -> &[&'a [u8]] {
        &self.positionals
    }

    /// Takes the next option; `None` is the end.
    pub(super) fn next(&mut self) -> Option<Result<Typed<'a>, Misfit>> {
        loop {
            if let [letter, rest @ ..] = self.cluster {
                return Some(self.letter(*letter, rest));
            }
            let word: &'a [u8] = self.words.get(self.next)?;
            self.next += 1;
            match word {
                _ if self.only_positionals => self.positionals.push(word),
                b"--" => self.only_positionals = true,
                [b'-', b'-', name @ ..] => return Some(self.name(name)),
                [b'-', _, ..] => self.cluster = &word[1..],
                _ => {
                    self.positionals.push(word);
                    self.only_positionals |= self.manner.posix;
                }
            }
        }
    }

    fn letter(&mut self, letter: u8, rest: &'a [u8]) -> Result<Typed<'a>, Misfit> {
        let (name, value) = short(letter).ok_or(Misfit::UnknownOption)?;
        if value == Value::None {
            if rest.first() == Some(&b'=') {
                return Err(Misfit::NeedlessArgument);
            }
            self.cluster = rest;
            return Ok((name, None));
        }
        self.cluster = b"";
        if rest.is_empty() {
            return self.value_behind(name, value);
        }
        Ok((name, Some(rest.strip_prefix(b"=").unwrap_or(rest))))
    }

    fn name(&mut self, text: &'a [u8]) -> Result<Typed<'a>, Misfit> {
        let equals = text.iter().position(|byte| *byte == b'=');
        let (bare, inline) = match equals {
            Some(place) => (&text[..place], Some(&text[place + 1..])),
            None => (text, None),
        };
        let (name, value) = long(bare, self.manner.ours).ok_or(Misfit::UnknownOption)?;
        match (value, inline) {
            (Value::None, Some(_)) => Err(Misfit::NeedlessArgument),
            (Value::None, None) => Ok((name, None)),
            (_, Some(inline)) => Ok((name, Some(inline))),
            (_, None) => self.value_behind(name, value),
        }
    }

    fn value_behind(&mut self, name: Name, value: Value) -> Result<Typed<'a>, Misfit> {
        let next = self.words.get(self.next).copied();
        let takes = |word: &[u8]| value == Value::Required || word.first() != Some(&b'-');
        match next.filter(|word| takes(word)) {
            Some(word) => {
                self.next += 1;
                Ok((name, Some(word)))
            }
            None if value == Value::Optional => Ok((name, None)),
            None => Err(Misfit::MissingArgument),
        }
    }
}
