//! The schedulers: which real server gets a new connection. One file each, with the rule in words and where it comes from.
//!
//! The list of a service is the kernel's: the newest real server first. A real server that was edited keeps its place, one that was
//! added again is the newest. *Free* is one whose weight is above 0 and that is not overloaded.

mod dh;
mod fo;
mod hash;
mod lblc;
mod lblcr;
mod lc;
mod mh;
mod nq;
mod ovf;
mod rr;
mod sed;
mod sh;
mod twos;
mod wlc;
mod wrr;

use super::pages::{Place, Slots};
use super::random::Random;
use super::server::Destination;

/// The real servers of a service.
#[derive(Clone, Copy)]
pub(super) struct Candidates<'a> {
    /// The oldest first.
    pub(super) oldest_first: &'a [Place],
    pub(super) servers: &'a Slots<Destination>,
    /// The service's family.
    pub(super) family: u16,
    /// The service's flags.
    pub(super) flags: u32,
    /// How much heavier than an inactive connection an active one weighs.
    pub(super) active_weight: i64,
}

impl<'a> Candidates<'a> {
    pub(super) fn get(&self, place: Place) -> Option<&'a Destination> {
        self.servers.get(place)
    }

    /// Returns them in the kernel's order.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (Place, &'a Destination)> + use<'a> {
        let servers = self.servers;
        let places = self.oldest_first.iter().rev();
        places.filter_map(move |place| Some((*place, servers.get(*place)?)))
    }

    /// The load that lc, wlc, lblc, lblcr and twos compare.
    pub(super) fn overhead(&self, server: &Destination) -> i64 {
        i64::from(server.active) * self.active_weight + i64::from(server.inactive)
    }

    /// The one with the least load for its weight, the first of equals: `load(best) * weight > load * weight(best)`.
    fn least_loaded(&self, load: impl Fn(&Destination) -> i64) -> Option<Place> {
        let mut rest = self
            .newest_first()
            .filter(|(_, server)| !server.is_overloaded);
        let (place, first) = rest.find(|(_, server)| server.weight() > 0)?;
        let mut least = (place, load(first), first.weight());
        for (place, server) in rest {
            let its = load(server);
            if least.1.saturating_mul(server.weight()) > its.saturating_mul(least.2) {
                least = (place, its, server.weight());
            }
        }
        Some(least.0)
    }

    /// Whether a real server has more active connections than its weight while another has less than half.
    fn is_outdone(&self, server: &Destination) -> bool {
        i64::from(server.active) > server.weight()
            && self
                .newest_first()
                .any(|(_, other)| i64::from(other.active) * 2 < other.weight())
    }
}

/// What a scheduler sees of a packet.
#[derive(Clone, Copy)]
pub(super) struct Flow {
    pub(super) client: [u8; 16],
    pub(super) client_port: u16,
    pub(super) address: [u8; 16],
}

/// What a scheduler uses beside the servers.
pub(super) struct Means<'a> {
    /// In milliseconds.
    pub(super) now: u64,
    pub(super) random: &'a mut Random,
    /// How long lblc and lblcr keep what is not used, in milliseconds.
    pub(super) lifetimes: Lifetimes,
}

/// What bounds the maps of lblc and lblcr.
#[derive(Clone, Copy)]
pub(super) struct Lifetimes {
    pub(super) lblc: u64,
    pub(super) lblcr: u64,
    /// No more entries than this.
    pub(super) largest_map: usize,
}

/// What every scheduler does.
trait Rule {
    /// Returns the real server for a new connection; `None` if it is to be refused.
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        flow: &Flow,
        means: &mut Means<'_>,
    ) -> Option<Place>;

    /// A real server was added: it is the last of `oldest_first`.
    fn added(&mut self, candidates: &Candidates<'_>) {
        let _ = candidates;
    }

    /// A real server was removed that was at this place of `oldest_first`.
    fn removed(&mut self, index: usize, candidates: &Candidates<'_>) {
        let _ = (index, candidates);
    }

    fn edited(&mut self, candidates: &Candidates<'_>) {
        let _ = candidates;
    }

    /// Returns whether a real server is remembered, deleted or not.
    fn holds(&self, place: Place) -> bool {
        let _ = place;
        false
    }
}

/// The scheduler of a service, with what it remembers.
#[derive(Clone, Debug)]
pub(super) enum Chooser {
    /// `none`, or one that is not known here: every connection is refused.
    None,
    Rr(rr::Rr),
    Wrr(wrr::Wrr),
    Lc(lc::Lc),
    Wlc(wlc::Wlc),
    Sed(sed::Sed),
    Nq(nq::Nq),
    Fo(fo::Fo),
    Ovf(ovf::Ovf),
    Dh(dh::Dh),
    Sh(sh::Sh),
    Mh(mh::Mh),
    Lblc(lblc::Lblc),
    Lblcr(lblcr::Lblcr),
    Twos(twos::Twos),
}

impl Chooser {
    /// Makes the scheduler of a name, for the real servers that are there.
    pub(super) fn new(name: &[u8], candidates: &Candidates<'_>) -> Self {
        match name {
            b"rr" => Self::Rr(rr::Rr::default()),
            b"wrr" => Self::Wrr(wrr::Wrr::new(candidates)),
            b"lc" => Self::Lc(lc::Lc),
            b"wlc" => Self::Wlc(wlc::Wlc),
            b"sed" => Self::Sed(sed::Sed),
            b"nq" => Self::Nq(nq::Nq),
            b"fo" => Self::Fo(fo::Fo),
            b"ovf" => Self::Ovf(ovf::Ovf),
            b"dh" => Self::Dh(dh::Dh),
            b"sh" => Self::Sh(sh::Sh::default()),
            b"mh" => Self::Mh(mh::Mh::default()),
            b"lblc" => Self::Lblc(lblc::Lblc::default()),
            b"lblcr" => Self::Lblcr(lblcr::Lblcr::default()),
            b"twos" => Self::Twos(twos::Twos),
            _ => Self::None,
        }
    }

    fn rule(&mut self) -> Option<&mut dyn Rule> {
        Some(match self {
            Self::None => return None,
            Self::Rr(rule) => rule,
            Self::Wrr(rule) => rule,
            Self::Lc(rule) => rule,
            Self::Wlc(rule) => rule,
            Self::Sed(rule) => rule,
            Self::Nq(rule) => rule,
            Self::Fo(rule) => rule,
            Self::Ovf(rule) => rule,
            Self::Dh(rule) => rule,
            Self::Sh(rule) => rule,
            Self::Mh(rule) => rule,
            Self::Lblc(rule) => rule,
            Self::Lblcr(rule) => rule,
            Self::Twos(rule) => rule,
        })
    }

    pub(super) fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        flow: &Flow,
        means: &mut Means<'_>,
    ) -> Option<Place> {
        self.rule()?.choose(candidates, flow, means)
    }

    pub(super) fn added(&mut self, candidates: &Candidates<'_>) {
        if let Some(rule) = self.rule() {
            rule.added(candidates);
        }
    }

    pub(super) fn removed(&mut self, index: usize, candidates: &Candidates<'_>) {
        if let Some(rule) = self.rule() {
            rule.removed(index, candidates);
        }
    }

    pub(super) fn edited(&mut self, candidates: &Candidates<'_>) {
        if let Some(rule) = self.rule() {
            rule.edited(candidates);
        }
    }

    pub(super) fn holds(&self, place: Place) -> bool {
        match self {
            Self::Lblc(rule) => rule.holds(place),
            Self::Lblcr(rule) => rule.holds(place),
            _ => false,
        }
    }
}
