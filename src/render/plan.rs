//! A plan, object by object, with what it does to traffic.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use super::count;
use super::fields::{
    FieldChange, destination_changes, destination_words, seconds, service_changes, service_words,
};
use crate::model::{ObjectId, ServiceKey};
use crate::session::{ClientsMoved, clients_moved};
use crate::txn::{Change, Plan};
use crate::ui::style;

/// Objects that stay although a document does not name them.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The document.
    pub document: &'a str,
    /// The objects.
    pub objects: &'a [ObjectId],
}

/// A plan and what to say about it.
#[derive(Clone, Copy, Debug)]
pub struct PlanView<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What stays.
    pub kept: Option<Kept<'a>>,
    /// How the summary ends, such as `Nothing was changed.`
    pub ending: &'a str,
}

/// Returns a plan as text, with what ends its summary.
#[must_use]
pub fn plan_text(shown: &Plan, ending: &str) -> String {
    let mut bytes = Vec::new();
    let view = PlanView {
        plan: shown,
        kept: None,
        ending,
    };
    // Writing to memory does not fail.
    let _infallible = plan(&mut bytes, &view);
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

/// Writes a plan.
///
/// # Errors
/// The writer's error.
pub fn plan(out: &mut dyn Write, view: &PlanView<'_>) -> io::Result<()> {
    let mut services: BTreeMap<ServiceKey, (Option<&Change>, Vec<&Change>)> = BTreeMap::new();
    let mut others = Vec::new();
    let mut notes = notes_by_object(view.plan);
    for change in view.plan.changes() {
        match change.object() {
            ObjectId::Service(key) => services.entry(key).or_default().0 = Some(change),
            ObjectId::Destination(key, _) => services.entry(key).or_default().1.push(change),
            ObjectId::Timeouts | ObjectId::Daemon(_) | ObjectId::Sysctl(_) => others.push(change),
        }
    }
    for (key, (own, servers)) in &mut services {
        service(out, (view.plan, &mut notes), key, *own)?;
        servers.sort_by_key(|change| (change.sign() == '-', change.sign() == '~', change.object()));
        for change in servers {
            server(out, (view.plan, &mut notes), change)?;
        }
    }
    for change in others {
        let object = change.object();
        signed(
            out,
            "",
            change.sign(),
            &object.to_string(),
            &other_words(change),
            &remark(&mut notes, &object),
        )?;
    }
    for action in view.plan.actions() {
        signed(
            out,
            "",
            '!',
            &action.to_string(),
            "after the commit; can't be undone",
            "",
        )?;
    }
    // What is noted of an object that only an action is about.
    for object in notes.keys().copied().collect::<BTreeSet<_>>() {
        signed(
            out,
            "",
            '!',
            &object.to_string(),
            "",
            &remark(&mut notes, object),
        )?;
    }
    for wait in view.plan.waits() {
        writeln!(out, "  waits: {wait} (counted as done)")?;
    }
    if let Some(kept) = view.kept.filter(|kept| !kept.objects.is_empty()) {
        write_kept(out, kept)?;
    }
    writeln!(out, "{}", summary(view))
}

fn summary(view: &PlanView<'_>) -> String {
    if view.plan.is_empty() {
        return format!("Plan: no changes. {}", view.ending)
            .trim_end()
            .to_owned();
    }
    let (add, change, delete) = view.plan.counts();
    let traffic = view.plan.traffic();
    let moved = moved_text(&clients_moved(view.plan));
    let mut text = format!("Plan: {add} to add, {change} to change, {delete} to delete.");
    let connections =
        |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "connection");
    match (traffic.cut, traffic.drained) {
        (0, 0) => {}
        (cut, 0) => text.push_str(&format!(" Traffic: {} cut.", connections(cut))),
        (0, drained) => text.push_str(&format!(" Traffic: {} drain.", connections(drained))),
        (cut, drained) => text.push_str(&format!(
            " Traffic: {} cut, {drained} drain.",
            connections(cut)
        )),
    }
    match (moved.as_str(), traffic.cut + traffic.drained) {
        ("", _) => {}
        (moved, 0) => text.push_str(&format!(" Traffic: {moved}.")),
        (moved, _) => text.push_str(&format!(" {moved}.")),
    }
    format!("{text} {}", view.ending).trim_end().to_owned()
}

/// Says which share of clients changes servers, or finds none.
fn moved_text(moved: &[ClientsMoved]) -> String {
    const SHOWN: usize = 3;
    let mut texts = Vec::new();
    for one in moved.iter().take(SHOWN) {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let (moves, refused) = (percent(one.moved), percent(one.refused));
        let key = one.key;
        texts.push(match (one.moved > 0.0, one.refused > 0.0) {
            (_, false) => format!("{moves} of the clients of {key} change servers"),
            (false, true) => format!("{refused} of the clients of {key} are refused"),
            (true, true) => {
                format!("{moves} of the clients of {key} change servers, {refused} are refused")
            }
        });
    }
    let more = moved.len().saturating_sub(SHOWN);
    if more > 0 {
        texts.push(format!("so do some of {}", count(more, "more service")));
    }
    texts.join(", ")
}

fn write_kept(out: &mut dyn Write, kept: Kept<'_>) -> io::Result<()> {
    const SHOWN: usize = 5;
    let names: Vec<String> = kept
        .objects
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect();
    let more = kept.objects.len().saturating_sub(SHOWN);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let has_service = kept
        .objects
        .iter()
        .any(|object| matches!(object, ObjectId::Service(_)));
    let option = if has_service { "services" } else { "servers" };
    writeln!(
        out,
        "  kept, not in {}: {}{more}   (--prune={option} would delete them)",
        kept.document,
        names.join(", ")
    )
}

fn signed(
    out: &mut dyn Write,
    indent: &str,
    sign: char,
    name: &str,
    words: &str,
    remark: &str,
) -> io::Result<()> {
    let colour = match sign {
        '+' => style::GOOD,
        '-' => style::BAD,
        _ => style::CARE,
    };
    write!(
        out,
        "{indent}{colour}{sign} {name}{}",
        colour.render_reset()
    )?;
    if !words.is_empty() {
        write!(out, "   {words}")?;
    }
    if !remark.is_empty() {
        write!(
            out,
            "   {}{remark}{}",
            style::CARE,
            style::CARE.render_reset()
        )?;
    }
    writeln!(out)
}

/// Notes by object, so that a plan of many is not searched for each.
type Notes<'a> = HashMap<&'a ObjectId, Vec<String>>;

fn notes_by_object(plan: &Plan) -> Notes<'_> {
    let mut notes: Notes<'_> = HashMap::new();
    for note in plan.notes() {
        notes
            .entry(&note.object)
            .or_default()
            .push(format!("! {}", note.text));
    }
    notes
}

/// Takes what is noted of an object.
fn remark(notes: &mut Notes<'_>, object: &ObjectId) -> String {
    notes
        .remove(object)
        .map(|notes| notes.join("   "))
        .unwrap_or_default()
}

/// Joins remarks, those that say something.
fn joined(remarks: &[String]) -> String {
    let said = remarks.iter().filter(|remark| !remark.is_empty());
    said.map(String::as_str).collect::<Vec<_>>().join("   ")
}

fn field_words(changes: &[FieldChange]) -> String {
    let words: Vec<String> = changes
        .iter()
        .map(|change| format!("{} {} -> {}", change.name, change.before, change.after))
        .collect();
    words.join(", ")
}

fn connections(number: u64, what: &str) -> String {
    if number == 0 {
        return String::new();
    }
    format!(
        "{} {what}",
        count(
            usize::try_from(number).unwrap_or(usize::MAX),
            "open connection"
        )
    )
}

fn service(
    out: &mut dyn Write,
    (plan, notes): (&Plan, &mut Notes<'_>),
    key: &ServiceKey,
    own: Option<&Change>,
) -> io::Result<()> {
    let remark = remark(notes, &ObjectId::Service(*key));
    let name = key.to_string();
    match own {
        None => signed(out, "", '~', &name, "", &remark),
        Some(change @ Change::EditService { before, after, .. }) => signed(
            out,
            "",
            change.sign(),
            &name,
            &field_words(&service_changes(key, before, after)),
            &remark,
        ),
        Some(change @ Change::AddService { after, .. }) => signed(
            out,
            "",
            change.sign(),
            &name,
            &service_words(key, after).join(", "),
            &remark,
        ),
        Some(change @ Change::DeleteService { destinations, .. }) => {
            let words = format!("with {}", count(destinations.len(), "real server"));
            signed(
                out,
                "",
                change.sign(),
                &name,
                &words,
                &joined(&[connections(plan.traffic_of(change).cut, "cut"), remark]),
            )
        }
        Some(other) => signed(out, "", other.sign(), &name, "", &remark),
    }
}

fn server(
    out: &mut dyn Write,
    (plan, notes): (&Plan, &mut Notes<'_>),
    change: &Change,
) -> io::Result<()> {
    let object = change.object();
    let ObjectId::Destination(_, key) = &object else {
        return Ok(());
    };
    let traffic = plan.traffic_of(change);
    let words = match change {
        Change::AddDestination { after, .. } => destination_words(after).join(", "),
        Change::EditDestination { before, after, .. } => {
            field_words(&destination_changes(before, after))
        }
        Change::DeleteDestination { before, .. } => {
            format!("was {}", destination_words(before).join(", "))
        }
        _ => String::new(),
    };
    let remark = joined(&[
        connections(traffic.cut, "cut"),
        connections(traffic.drained, "will drain"),
        remark(notes, &object),
    ]);
    signed(out, "  ", change.sign(), &key.to_string(), &words, &remark)
}

fn other_words(change: &Change) -> String {
    match change {
        Change::SetTimeouts { before, after } => {
            let fields = [
                ("tcp", before.tcp_seconds, after.tcp_seconds),
                ("tcp_fin", before.tcp_fin_seconds, after.tcp_fin_seconds),
                ("udp", before.udp_seconds, after.udp_seconds),
            ];
            let changed = fields.iter().filter(|(_, old, new)| old != new);
            changed
                .map(|(name, old, new)| format!("{name} {} -> {}", seconds(*old), seconds(*new)))
                .collect::<Vec<_>>()
                .join(", ")
        }
        Change::SetSysctl { before, after, .. } => format!("{before} -> {after}"),
        Change::StartDaemon { after: daemon } | Change::StopDaemon { before: daemon } => {
            format!(
                "on {}, sync_id {}, group {}, port {}, ttl {}",
                daemon.interface, daemon.sync_id, daemon.group, daemon.port, daemon.ttl
            )
        }
        _ => String::new(),
    }
}

/// Returns a change in one line, without colours.
#[must_use]
pub fn change_summary(change: &Change) -> String {
    let words = match change {
        Change::AddService { key, after } => service_words(key, after).join(", "),
        Change::EditService { key, before, after } => {
            field_words(&service_changes(key, before, after))
        }
        Change::DeleteService { destinations, .. } => {
            format!("with {}", count(destinations.len(), "real server"))
        }
        Change::AddDestination { after, .. } => destination_words(after).join(", "),
        Change::EditDestination { before, after, .. } => {
            field_words(&destination_changes(before, after))
        }
        Change::DeleteDestination { before, .. } => {
            format!("was {}", destination_words(before).join(", "))
        }
        other => other_words(other),
    };
    format!("{} {}   {words}", change.sign(), change.object())
}
