//! What a user names: fields to set, everything else stays or takes its default.
//!
//! One form serves `add`, `edit`, `ensure`, documents and scripts. A value that no user may create (an
//! unknown method, a service without scheduler) passes only where the object already has it.

use super::{
    AddressFamily, DaemonRole, DestinationConfiguration, DestinationKey, EngineName,
    ForwardingMethod, Granularity, Invalid, Persistence, Protocol, Scheduler, SchedulerFlags,
    ServerNumber, ServiceConfiguration, ServiceKey, SyncDaemon, SysctlName, TimeoutsEdit, Tunnel,
    Weight,
};

/// Whose word a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A user's: nonsense is refused, and so is what no user may create.
    User,
    /// A kernel's, recorded in a document: taken as it is.
    Recorded,
}

/// Fields of a persistence to set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersistenceEdit {
    /// The timeout in seconds.
    pub timeout_seconds: Option<u32>,
    /// The netmask or prefix length.
    pub granularity: Option<Granularity>,
    /// The engine, or none.
    pub engine: Option<Option<EngineName>>,
}

/// Whether a persistence is in force or only kept by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dormant {
    /// The service is persistent.
    No,
    /// The service is not persistent; the kernel keeps the values.
    Yes,
}

/// Fields of a virtual service to set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceEdit {
    /// The scheduler.
    pub scheduler: Option<Scheduler>,
    /// Names of scheduler flags; they must fit the scheduler.
    pub scheduler_flags: Option<Vec<String>>,
    /// Whether every packet is scheduled alone.
    pub one_packet: Option<bool>,
    /// Flag bits without a name.
    pub other_flags: Option<u32>,
    /// Persistence: `Some(None)` ends it.
    pub persistence: Option<Option<PersistenceEdit>>,
    /// What the kernel keeps while the service is not persistent.
    pub dormant: Option<Option<PersistenceEdit>>,
}

impl ServiceEdit {
    /// Returns the configuration of `key` with the named fields set, starting from `current` or the defaults.
    ///
    /// # Errors
    /// [`Invalid`] for a value that can't be created, or fields that don't go together.
    pub fn apply(
        &self,
        key: &ServiceKey,
        current: Option<&ServiceConfiguration>,
        trust: Trust,
    ) -> Result<ServiceConfiguration, Invalid> {
        let mut after = current.cloned().unwrap_or_default();
        let checked = trust == Trust::User;
        if current.is_none() && checked {
            key.check()?;
        }
        if let Some(scheduler) = &self.scheduler {
            if *scheduler != after.scheduler {
                if checked {
                    scheduler.check()?;
                }
                // The meaning of the flags is the scheduler's own: they don't outlive it.
                after.scheduler_flags = SchedulerFlags::default();
            }
            after.scheduler = scheduler.clone();
        }
        if let Some(names) = &self.scheduler_flags {
            after.scheduler_flags = SchedulerFlags::parse(names, &after.scheduler)?;
        }
        if let Some(one_packet) = self.one_packet {
            after.one_packet = one_packet;
        }
        if let Some(bits) = self.other_flags {
            if bits != after.other_flags && checked {
                return Err(Invalid::new(
                    "other_flags",
                    bits,
                    "flag bits without a name can be kept, not created",
                ));
            }
            after.other_flags = bits;
        }
        let family = key.family();
        if let Some(dormant) = &self.dormant {
            let named = dormant
                .as_ref()
                .map(|edit| edit.apply(family, after.dormant.as_ref(), Dormant::Yes, trust));
            after.dormant = named.transpose()?;
        }
        if let Some(persistence) = &self.persistence {
            let named = persistence
                .as_ref()
                .map(|edit| edit.apply(family, after.persistence.as_ref(), Dormant::No, trust));
            after.persistence = named.transpose()?;
        }
        if after.persistence.is_some() {
            after.dormant = None;
        }
        if checked {
            check_together(key, &after, current)?;
        }
        Ok(after)
    }
}

/// Refuses what each field allows but not both together, unless it is so already.
fn check_together(
    key: &ServiceKey,
    after: &ServiceConfiguration,
    current: Option<&ServiceConfiguration>,
) -> Result<(), Invalid> {
    let ServiceKey::Endpoint { protocol, port, .. } = key else {
        return Ok(());
    };
    let was_persistent = current.is_none_or(|now| now.persistence.is_some());
    if *port == 0 && after.persistence.is_none() && was_persistent {
        return Err(Invalid::new(
            "port of a service",
            key,
            "port 0 means any port and needs persistence: no connection would be taken without it",
        ));
    }
    let was_one_packet = current.is_some_and(|now| now.one_packet);
    if after.one_packet && !was_one_packet && *protocol != Protocol::Udp {
        return Err(Invalid::new(
            "one_packet",
            "true",
            format!("it is for udp services and marks, and {key} is neither"),
        ));
    }
    Ok(())
}

impl PersistenceEdit {
    fn apply(
        &self,
        family: AddressFamily,
        current: Option<&Persistence>,
        dormant: Dormant,
        trust: Trust,
    ) -> Result<Persistence, Invalid> {
        let start = match dormant {
            Dormant::No => Persistence::ordinary(family),
            Dormant::Yes => Persistence::unused(family),
        };
        let mut after = current.cloned().unwrap_or(start);
        if let Some(seconds) = self.timeout_seconds {
            let usual = (1..=Persistence::MAX_TIMEOUT_SECONDS).contains(&seconds);
            if !usual
                && trust == Trust::User
                && dormant == Dormant::No
                && seconds != after.timeout_seconds
            {
                return Err(Invalid::new(
                    "persistence timeout",
                    seconds,
                    "it is 1 to 2678400 seconds (31 days)",
                ));
            }
            after.timeout_seconds = seconds;
        }
        if let Some(granularity) = self.granularity {
            if granularity.family() != family {
                let expected = match family {
                    AddressFamily::Inet => "an IPv4 service has a netmask, such as 255.255.255.0",
                    AddressFamily::Inet6 => "an IPv6 service has a prefix_length, such as 64",
                };
                return Err(Invalid::new("persistence", granularity, expected));
            }
            after.granularity = granularity;
        }
        if let Some(engine) = &self.engine {
            after.engine.clone_from(engine);
        }
        Ok(after)
    }
}

/// Fields of a real server to set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationEdit {
    /// The forwarding method.
    pub forwarding: Option<ForwardingMethod>,
    /// The tunnel; `Some(None)` is the plain one (or none, unless tunneling).
    pub tunnel: Option<Option<Tunnel>>,
    /// The weight.
    pub weight: Option<Weight>,
    /// The upper threshold.
    pub upper_threshold: Option<u32>,
    /// The lower threshold.
    pub lower_threshold: Option<u32>,
}

impl DestinationEdit {
    /// Makes the edit that names every field as it is.
    #[must_use]
    pub fn of(configuration: &DestinationConfiguration) -> Self {
        let tunnels = configuration.forwarding == ForwardingMethod::Tunneling;
        let mut edit = Self {
            forwarding: Some(configuration.forwarding),
            tunnel: tunnels.then_some(Some(configuration.tunnel)),
            ..Self::default()
        };
        for number in ServerNumber::ALL {
            // What is configured was set, or recorded from a kernel.
            let _recorded = number.set(&mut edit, number.of(configuration));
        }
        edit
    }

    /// Returns the configuration of a real server with the named fields set, from `current` or the defaults.
    ///
    /// # Errors
    /// [`Invalid`] for a value that can't be created, or fields that don't go together.
    pub fn apply(
        &self,
        service: &ServiceKey,
        key: &DestinationKey,
        current: Option<&DestinationConfiguration>,
        trust: Trust,
    ) -> Result<DestinationConfiguration, Invalid> {
        let mut after = current.copied().unwrap_or_default();
        let checked = trust == Trust::User;
        if let Some(method) = self.forwarding {
            if let ForwardingMethod::Other(_) = method
                && method != after.forwarding
                && checked
            {
                return Err(Invalid::new(
                    "forwarding",
                    method,
                    "this method has no name; it can be kept, not created",
                ));
            }
            if method != after.forwarding && method != ForwardingMethod::Tunneling {
                // A tunnel left behind by the old method would only puzzle the next reader.
                after.tunnel = Tunnel::Ipip;
            }
            after.forwarding = method;
        }
        if let Some(tunnel) = self.tunnel {
            let tunnel = tunnel.unwrap_or_default();
            if tunnel != after.tunnel && checked {
                check_tunnel(tunnel, after.forwarding)?;
            }
            after.tunnel = tunnel;
        }
        if let Some(weight) = self.weight {
            after.weight = weight;
        }
        let mut thresholds = after.thresholds;
        thresholds.upper = self.upper_threshold.unwrap_or(thresholds.upper);
        thresholds.lower = self.lower_threshold.unwrap_or(thresholds.lower);
        if thresholds != after.thresholds && checked {
            thresholds.check()?;
        }
        after.thresholds = thresholds;
        let mixed = key.family() != service.family();
        if mixed
            && checked
            && after.forwarding != ForwardingMethod::Tunneling
            && current.is_none_or(|now| now.forwarding != after.forwarding)
        {
            return Err(Invalid::new(
                "real server",
                key,
                format!(
                    "an address of the other family than {service}'s needs forwarding tunneling"
                ),
            ));
        }
        Ok(after)
    }
}

fn check_tunnel(tunnel: Tunnel, method: ForwardingMethod) -> Result<(), Invalid> {
    if let Tunnel::Other { .. } = tunnel {
        return Err(Invalid::new(
            "tunnel",
            tunnel,
            "this combination can be kept, not created",
        ));
    }
    if tunnel != Tunnel::Ipip && method != ForwardingMethod::Tunneling {
        return Err(Invalid::new(
            "tunnel",
            tunnel,
            format!("it needs forwarding tunneling, and forwarding is {method}"),
        ));
    }
    Ok(())
}

/// What a document says of one real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationSpecification {
    /// Its key.
    pub key: DestinationKey,
    /// Its fields.
    pub edit: DestinationEdit,
}

/// What a document says of one virtual service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpecification {
    /// Its key.
    pub key: ServiceKey,
    /// Its fields.
    pub edit: ServiceEdit,
    /// Its real servers; `None` says nothing of them.
    pub destinations: Option<Vec<DestinationSpecification>>,
}

/// What a document says of a table: what is `None` or not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSpecification {
    /// Virtual services, each key once.
    pub services: Vec<ServiceSpecification>,
    /// Timeouts.
    pub timeouts: Option<TimeoutsEdit>,
    /// Every sync daemon that shall run, each role at most once.
    pub daemons: Option<std::collections::BTreeMap<DaemonRole, SyncDaemon>>,
    /// Kernel parameters.
    pub sysctl: Vec<(SysctlName, String)>,
}

impl TableSpecification {
    /// Returns the number of real servers that are named.
    #[must_use]
    pub fn destination_count(&self) -> usize {
        let named = self
            .services
            .iter()
            .flat_map(|service| &service.destinations);
        named.map(Vec::len).sum()
    }
}
