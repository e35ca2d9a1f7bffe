//! Draws it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::app::App;
use super::cell::{Cell, duration, scaled, sparkline};
use super::choice::What;
use super::details::{Details, extremes};
use super::history::Measured;
use super::view::View;
use crate::config::Characters;
use crate::model::shown;

/// The smallest terminal on which it is shown.
pub const LEAST_WIDTH: u16 = 60;
/// As [`LEAST_WIDTH`].
pub const LEAST_HEIGHT: u16 = 10;

const HELP: &[&str] = &[
    "Tab, Shift-Tab  services, servers, clients, drains",
    "arrows, PgUp, PgDn, Home, End  select",
    "Enter           details of what is selected: fields, graph, commits",
    "Space           fold a service",
    "< >, 1-9        sort by a column; r the other way round",
    "/               filter: part of a name, or as in weight == 0; Esc clears it",
    "z               hide what is idle",
    "u               bits or bytes;  k  our rates or the kernel's",
    "m               clients: by /24, /16 or each (with IPv6 /64, /48)",
    "p               freeze;  [ ]  a snapshot back, on;  { }  a minute",
    "d               the command that drains the selected server",
    "q, Ctrl-C       quit.  No key changes the table.",
];

/// How things look; without colours they are bold, faint or reversed.
#[derive(Clone, Copy)]
struct Look {
    colours: bool,
}

impl Look {
    const fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    const fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    const fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    const fn care(self) -> Style {
        match self.colours {
            true => Style::new().fg(Color::Yellow),
            false => self.bold(),
        }
    }

    const fn bad(self) -> Style {
        match self.colours {
            true => Style::new().fg(Color::Red),
            false => self.bold(),
        }
    }
}

/// Draws what is shown; `place` says which table it is, `time` when the snapshot was taken, `age` how old it is where that is worth a word.
pub fn draw(
    frame: &mut Frame<'_>,
    app: &mut App,
    (place, time, age): (&str, &str, Option<u64>),
    colours: bool,
) {
    let area = frame.area();
    let look = Look { colours };
    if area.width < LEAST_WIDTH || area.height < LEAST_HEIGHT {
        let text = format!(
            "{} x {} is too small; {LEAST_WIDTH} x {LEAST_HEIGHT} will do",
            area.width, area.height
        );
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let mut top = vec![tabs(app, look, area.width, place, time)];
    if let Some(measured) = app.measured() {
        top.push(facts(app, measured, look));
        top.extend(banners(app, measured, age, look));
    }
    let height = u16::try_from(top.len()).unwrap_or(3).min(area.height - 4);
    let head = Rect { height, ..area };
    frame.render_widget(Paragraph::new(top), head);
    let body = Rect {
        y: area.y + height,
        height: area.height - height - 1,
        ..area
    };
    if app.helps {
        help(frame, body);
    } else {
        match app.details.clone() {
            Some(details) => draw_details(frame, app, &details, body, look),
            None => table(frame, app, body, look),
        }
    }
    let foot = Rect {
        y: area.y + area.height - 1,
        height: 1,
        ..area
    };
    frame.render_widget(Paragraph::new(status(app, look)), foot);
}

fn tabs(app: &App, look: Look, width: u16, place: &str, time: &str) -> Line<'static> {
    let mut spans = Vec::new();
    let mut used = 0;
    for view in View::ALL {
        let style = if view == app.view {
            look.chosen()
        } else {
            Style::new()
        };
        spans.push(Span::styled(format!(" {} ", view.word()), style));
        used += view.word().len() + 2;
    }
    let room = usize::from(width).saturating_sub(used + 1);
    // The time is what must not be missing.
    let place_room = room.saturating_sub(time.len() + 1);
    let place = shown(place);
    let place: String = if place.chars().count() <= place_room {
        place
    } else {
        String::new()
    };
    let right = format!("{place} {time}");
    spans.push(Span::raw(
        " ".repeat(room.saturating_sub(right.chars().count()) + 1),
    ));
    spans.push(Span::styled(right, look.faint()));
    Line::from(spans)
}

fn facts(app: &App, measured: &Measured, look: Look) -> Line<'static> {
    let table = &measured.snapshot.table;
    let quiescent: usize = table
        .services
        .values()
        .map(|one| one.quiescent().count())
        .sum();
    let rate = |place: usize, factor: f32| match Cell::rate(measured.total[place] * factor) {
        Cell::Rate(rate) => scaled(rate),
        other => other.text(app.characters),
    };
    let (factor, unit) = if app.is_bytes {
        (1.0, "B/s")
    } else {
        (8.0, "bit/s")
    };
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let mut text = format!(
        "{}, {}",
        counted(table.services.len(), "service"),
        counted(table.destination_count(), "server")
    );
    if quiescent > 0 {
        text.push_str(&format!(", {quiescent} without weight"));
    }
    let rates = format!(
        "  {} conn/s  in {} {unit}  out {} {unit}",
        rate(0, 1.0),
        rate(3, factor),
        rate(4, factor)
    );
    Line::from(vec![Span::raw(text), Span::styled(rates, look.bold())])
}

/// Says what needs attention.
fn banners(app: &App, measured: &Measured, age: Option<u64>, look: Look) -> Vec<Line<'static>> {
    let snapshot = &measured.snapshot;
    let mut words: Vec<(String, Style)> = Vec::new();
    if app.is_recording {
        words.push(("recorded: [ ] { } step through it".to_owned(), look.care()));
    } else if app.is_frozen() {
        let age = age.map_or_else(String::new, |age| format!(" {} ago", duration(age)));
        words.push((format!("frozen{age}: p goes on"), look.care()));
    }
    if let Some(why) = &app.failure {
        let age = age.map_or_else(String::new, |age| {
            format!(", shown is {} old", duration(age))
        });
        words.push((format!("{}{age}", shown(why)), look.bad()));
    }
    if !snapshot.known.all {
        words.push((
            "without privilege counters and rates are missing".to_owned(),
            look.care(),
        ));
    } else if !snapshot.known.rates {
        words.push((
            "the kernel's estimation is off: no rates".to_owned(),
            look.care(),
        ));
    }
    let journal = snapshot
        .settings
        .as_ref()
        .and_then(|one| one.journal.as_ref());
    for (number, left) in journal.into_iter().flat_map(|one| &one.unconfirmed) {
        let left = duration(left.as_secs());
        words.push((
            format!("commit {number} rolls back in {left} unless confirmed"),
            look.bad(),
        ));
    }
    if let Some(count) = journal
        .map(|one| one.drains.len())
        .filter(|count| *count > 0)
    {
        words.push((format!("{count} drained"), look.care()));
    }
    if !app.filter.is_empty() {
        words.push((format!("filter: {}", shown(&app.filter)), look.bold()));
    }
    if app.hides_idle {
        words.push(("idle ones hidden".to_owned(), look.faint()));
    }
    if app.is_kernels {
        words.push(("the kernel's rates".to_owned(), look.faint()));
    }
    if words.is_empty() {
        return Vec::new();
    }
    let mut spans = Vec::new();
    for (text, style) in words {
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.push(Span::styled(text, style));
    }
    vec![Line::from(spans)]
}

fn table(frame: &mut Frame<'_>, app: &mut App, area: Rect, look: Look) {
    let height = usize::from(area.height.saturating_sub(1));
    app.resize(height);
    let (count, first, selected) = app.window();
    let sheet = app.sheet(first, height, Some(usize::from(area.width)));
    let mut lines = vec![titles(&sheet.title, sheet.sorted, look)];
    if count == 0 {
        lines.push(Line::default());
        lines.push(Line::raw(nothing(app)));
    }
    for (number, text) in sheet.lines.into_iter().enumerate() {
        let width = usize::from(area.width);
        let style = if first + number == selected {
            look.chosen()
        } else if text.starts_with(['-', '+']) && app.view == View::Services {
            look.bold()
        } else {
            Style::new()
        };
        lines.push(Line::styled(format!("{text:<width$}"), style));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// Says why there is no line.
fn nothing(app: &App) -> String {
    if app.measured().is_none() {
        return "reading the table".to_owned();
    }
    if !app.filter.is_empty() || app.hides_idle {
        return "nothing is taken by the filter; Esc clears it, z shows what is idle".to_owned();
    }
    match app.view {
        View::Services | View::Servers => {
            "the table is empty; `ipvsh add` adds a virtual service".to_owned()
        }
        View::Clients => match &app.clients.refused {
            Some(why) => shown(why),
            None => "there are no connections".to_owned(),
        },
        View::Drains => "nothing is drained; `d` on a real server shows the command".to_owned(),
    }
}

fn titles(text: &str, sorted: Option<(usize, usize)>, look: Look) -> Line<'static> {
    let letters: Vec<char> = text.chars().collect();
    let part = |from: usize, to: usize| -> String {
        letters
            .iter()
            .skip(from)
            .take(to.saturating_sub(from))
            .collect()
    };
    let (begin, end) = sorted.unwrap_or((0, 0));
    Line::from(vec![
        Span::styled(part(0, begin), look.faint()),
        Span::styled(part(begin, end), look.bold()),
        Span::styled(part(end, letters.len()), look.faint()),
    ])
}

fn status(app: &App, look: Look) -> Line<'static> {
    if let Some((text, _)) = &app.typing {
        return Line::from(vec![
            Span::styled("filter: ", look.bold()),
            Span::raw(shown(text)),
            Span::styled(" ", look.chosen()),
        ]);
    }
    match &app.message {
        Some(message) => Line::styled(shown(message), look.care()),
        None => Line::styled(
            "q quit  ? help  Tab view  / filter  < > sort  Enter details  p freeze",
            look.faint(),
        ),
    }
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let lines: Vec<Line<'_>> = HELP.iter().map(|line| Line::raw(*line)).collect();
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_details(frame: &mut Frame<'_>, app: &App, details: &Details, area: Rect, look: Look) {
    let what = &details.what;
    let mut lines = vec![Line::styled(name(what), look.bold())];
    let width = usize::from(area.width);
    if let Some(rates) = app.graph(what) {
        lines.extend(graph(&rates, width, app.characters, look));
    }
    for line in app.commit_lines(details) {
        lines.push(Line::styled(line, look.faint()));
    }
    let fields = app.fields(what);
    if fields.is_empty() && what.object().is_some() {
        lines.push(Line::styled("it is not there now", look.care()));
    }
    lines.extend(in_columns(&fields, width));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines), area);
}

fn name(what: &What) -> String {
    match what {
        What::Destination(service, key) => format!("{service}/{key}"),
        other => shown(&other.name()),
    }
}

fn graph(rates: &[f32], width: usize, characters: Characters, look: Look) -> Vec<Line<'static>> {
    // What does not fit is put together by twos, threes and so on.
    let room = width.saturating_sub(2).max(1);
    let each = rates.len().div_ceil(room).max(1);
    let mean = |some: &[f32]| {
        let known: Vec<f32> = some.iter().copied().filter(|rate| !rate.is_nan()).collect();
        let count = f32::from(u16::try_from(known.len()).unwrap_or(u16::MAX));
        known.iter().sum::<f32>() / count
    };
    let joined: Vec<f32> = rates.chunks(each).map(mean).collect();
    let (highest, last) = extremes(rates);
    let text = format!(
        "conn/s over {} snapshots: highest {}, now {}",
        rates.len(),
        highest.text(characters),
        last.text(characters)
    );
    vec![
        Line::raw(sparkline(&joined, characters)),
        Line::styled(text, look.faint()),
    ]
}

/// Puts fields into as many columns as fit.
fn in_columns(fields: &[(&'static str, String)], width: usize) -> Vec<Line<'static>> {
    let texts: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name} {}", shown(value)))
        .collect();
    let longest = texts
        .iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(1);
    let columns = ((width + 2) / (longest + 2)).max(1);
    let rows = texts.len().div_ceil(columns).max(1);
    (0..rows.min(texts.len()))
        .map(|row| {
            let cells = texts.iter().skip(row).step_by(rows);
            let line: Vec<String> = cells.map(|text| format!("{text:<longest$}")).collect();
            Line::raw(line.join("  ").trim_end().to_owned())
        })
        .collect()
}
