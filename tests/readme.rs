//! What the README and the manual show is what happens: their commands run here, and their output is compared.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::architecture::files;
use crate::support::{Finished, ipvsh, ipvsh_ok};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README and the pages of the manual.
pub(crate) fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    pages.extend(files(&root().join("src/manual"), "md"));
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

/// Returns the fenced blocks of a language in a text.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    text.split(&format!("```{language}\n"))
        .skip(1)
        .map(|part| part.split("```").next().unwrap())
        .collect()
}

/// A folder in which the commands of a page run, with the example files beside it.
fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("scripts"), folder.path().join("scripts")).unwrap();
    folder
}

/// Replaces dates, times of day and durations, which are never the same.
fn timeless(text: &str) -> String {
    let is_time = |word: &str| {
        word.len() == 8
            && word.bytes().enumerate().all(|(i, b)| {
                if i % 3 == 2 {
                    b == b':'
                } else {
                    b.is_ascii_digit()
                }
            })
    };
    let lines = text.trim_end().lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let shown = words.iter().enumerate().map(|(place, word)| {
            let is_duration = words.get(place + 1) == Some(&"ms");
            let is_date = word.parse::<jiff::civil::Date>().is_ok();
            if is_time(word) || is_date || is_duration {
                "TIME"
            } else {
                word
            }
        });
        shown.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn run(line: &str, folder: &Path) -> Finished {
    let binary = Path::new(env!("CARGO_BIN_EXE_ipvsh"))
        .parent()
        .unwrap()
        .display();
    let mut command = Command::new("sh");
    // Errors stand where they would on a terminal.
    let line = format!("exec 2>&1\n{line}");
    command.args(["-c", &line]).current_dir(folder).env_clear();
    command
        .env("IPVSH_STATE_DIR", folder.join("state"))
        .env("IPVSH_CONFIG", "")
        .env("SUDO_USER", "operator")
        .env("PATH", format!("{binary}:/usr/bin:/bin"))
        .env("LC_ALL", "C");
    command.output().unwrap().into()
}

/// Returns the text of a page with each command followed by what it prints.
fn as_it_happens(text: &str, folder: &Path, commands: &mut usize) -> String {
    let mut told = text.to_owned();
    for block in blocks(text, "console") {
        let mut happened = String::new();
        for step in block.split("$ ").skip(1) {
            let (line, shown) = step.split_once('\n').unwrap();
            if line.starts_with("cargo ") || line == "tests/run" {
                happened.push_str(&format!("$ {line}\n{shown}"));
                continue; // other tests run it
            }
            let finished = run(line, folder);
            happened.push_str(&format!("$ {line}\n{}{}", finished.stdout, finished.stderr));
            if finished.status != 0 {
                happened.push_str(&format!("[exit status {}]\n", finished.status));
            }
            *commands += 1;
        }
        if timeless(&happened) != timeless(block) {
            told = told.replace(block, &happened);
        }
    }
    told
}

/// What a page shows is what happens. With IPVSHTEST_REGENERATE=1 the pages are written anew.
#[test]
fn the_pages_show_what_happens() {
    let mut commands = 0;
    for page in pages() {
        let folder = place();
        let text = std::fs::read_to_string(&page).unwrap();
        let happened = as_it_happens(&text, folder.path(), &mut commands);
        if std::env::var_os("IPVSHTEST_REGENERATE").is_some() {
            std::fs::write(&page, &happened).unwrap();
        } else if let Some((shown, now)) = text
            .lines()
            .zip(happened.lines())
            .find(|(shown, now)| shown != now)
        {
            panic!("{} shows `{shown}`, it is `{now}`", page.display());
        }
        assert!(
            text.lines().count() == happened.lines().count()
                || std::env::var_os("IPVSHTEST_REGENERATE").is_some(),
            "{}",
            page.display()
        );
    }
    assert!(commands >= 20, "{commands}");
}

#[test]
fn the_readme_is_short() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.lines().count() <= 170, "{}", text.lines().count());
    // Every page of the manual is named, and every file that it links to is there.
    let mut links = 0;
    for link in text.split("](").skip(1) {
        let target = link.split(')').next().unwrap();
        if !target.starts_with("https://") {
            assert!(root().join(target).exists(), "{target}");
            links += 1;
        }
    }
    for page in pages().iter().skip(1) {
        let name = page.strip_prefix(root()).unwrap().display().to_string();
        assert!(text.contains(&name), "{name} is not in the README");
    }
    assert!(links > 15, "{links}");
}

/// What the picture of the README shows.
const PICTURE: [&str; 5] = [
    "ipvsh plan scripts/web.json",
    "ipvsh -q apply scripts/web.json",
    "ipvsh edit tcp://192.0.2.1:80/10.0.0.3:8080 --weight 5",
    "ipvsh undo",
    "ipvsh list",
];

/// Returns a line with colours as parts of an SVG text.
fn coloured(line: &str) -> String {
    let mut shown = String::new();
    let mut open = false;
    for part in line.split("\u{1b}[") {
        let (codes, text) = match part.split_once('m') {
            Some((codes, text)) if codes.bytes().all(|b| b.is_ascii_digit() || b == b';') => {
                (codes, text)
            }
            _ => ("", part),
        };
        let class = codes.split(';').find_map(|code| match code {
            "31" | "91" => Some("red"),
            "32" | "92" => Some("green"),
            "33" | "93" => Some("yellow"),
            "34" | "94" | "36" | "96" => Some("blue"),
            "1" => Some("bold"),
            "2" => Some("dim"),
            _ => None,
        });
        if open && !codes.is_empty() {
            shown.push_str("</tspan>");
            open = false;
        }
        if let Some(class) = class {
            shown.push_str(&format!("<tspan class=\"{class}\">"));
            open = true;
        }
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        shown.push_str(&text.replace('>', "&gt;"));
    }
    if open {
        shown.push_str("</tspan>");
    }
    shown
}

/// The picture of the README is made from a run. With IPVSHTEST_REGENERATE=1 it is written anew.
#[test]
fn the_picture_shows_what_happens() {
    let folder = place();
    let mut lines = Vec::new();
    for line in PICTURE {
        let typed = line.replacen("ipvsh", "ipvsh --color always --sim-state=lab.json", 1);
        let finished = run(&typed, folder.path());
        assert_eq!(finished.status, 0, "{line}: {finished:?}");
        lines.push(format!("<tspan class=\"dim\">$</tspan> {line}"));
        for shown in format!("{}{}", finished.stdout, finished.stderr).lines() {
            // The picture shows a director; what is never the same stands still.
            let mut line = coloured(shown).replace("simulated | lab.json", "director");
            line = line.replace("simulated</tspan> | lab.json", "director</tspan>");
            let time = line.as_bytes().windows(8).position(|part| {
                let text = std::str::from_utf8(part).unwrap_or_default();
                timeless(text) == "TIME"
            });
            if let Some(time) = time {
                line.replace_range(time..time + 8, "12:00:00");
            }
            if let Some((before, after)) = line.split_once(" ms as ") {
                let (before, _) = before.rsplit_once(' ').unwrap();
                line = format!("{before} 1 ms as {after}");
            }
            lines.push(line);
        }
        lines.push(String::new());
    }
    let text: String = lines
        .iter()
        .enumerate()
        .map(|(row, line)| {
            format!(
                "<text x=\"16\" y=\"{}\" xml:space=\"preserve\">{line}</text>\n",
                28 + row * 19
            )
        })
        .collect();
    let height = 28 + lines.len() * 19;
    let picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{height}\" font-family=\"ui-monospace,Menlo,Consolas,monospace\" font-size=\"14\">\n\
         <style>text{{fill:#d8dee9}}.red{{fill:#ff7b72}}.green{{fill:#7ee787}}.yellow{{fill:#f2cc60}}.blue{{fill:#79c0ff}}.bold{{font-weight:bold}}.dim{{fill:#8b949e}}</style>\n\
         <title>ipvsh: a plan, its commit, a change and the undo</title>\n\
         <rect width=\"900\" height=\"{height}\" rx=\"8\" fill=\"#0d1117\"/>\n{text}</svg>\n"
    );
    let path = root().join("docs/tour.svg");
    if std::env::var_os("IPVSHTEST_REGENERATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &picture).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), picture);
}

#[test]
fn the_first_command_prints_a_plan_commits_it_and_prints_the_table() {
    let printed = ipvsh_ok(root(), &["run", "--sim", "scripts/quickstart.rhai"]);
    let (plan, table) = printed.split_once("committed: 5 changes\n").unwrap();
    assert!(
        plan.ends_with("Plan: 5 to add, 0 to change, 0 to delete.\n"),
        "{plan}"
    );
    let table: serde_json::Value = serde_json::from_str(table).unwrap();
    assert_eq!(table["services"][0]["destinations"][1]["weight"], 10);
}

#[test]
fn the_scripts_of_the_readme_and_of_the_folder_run() {
    let folder = tempfile::tempdir().unwrap();
    let web = root().join("scripts/web.json");
    let simulated = format!("--sim={}", web.display());
    let mut blocks_run = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in blocks(&text, "rhai") {
            let path = folder.path().join("block.rhai");
            std::fs::write(&path, block).unwrap();
            let printed = ipvsh_ok(folder.path(), &["run", &simulated, path.to_str().unwrap()]);
            if block.contains("fwmark://99") {
                assert!(printed.contains("missing fwmark://99"), "{printed}");
            }
            blocks_run += 1;
        }
    }
    assert!(blocks_run >= 5, "{blocks_run}");
    // Documents in YAML, and settings.
    let mut read = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in blocks(&text, "yaml") {
            std::fs::write(folder.path().join("block.yaml"), block).unwrap();
            ipvsh_ok(folder.path(), &["--sim", "apply", "block.yaml"]);
            read += 1;
        }
        for block in blocks(&text, "toml") {
            std::fs::write(folder.path().join("config.toml"), block).unwrap();
            let mut command = crate::support::ipvsh_command(folder.path(), &["--json", "config"]);
            let finished: Finished = command
                .env("IPVSH_CONFIG", "config.toml")
                .output()
                .unwrap()
                .into();
            assert_eq!(finished.status, 0, "{block}: {finished:?}");
            read += 1;
        }
    }
    assert!(read >= 3, "{read}");
    // Each script of the folder says how to try it; what it says is what is run.
    let mut tried = 0;
    for entry in std::fs::read_dir(root().join("scripts")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".rhai") || name.ends_with(".test.rhai") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.split_once("Try it without root:  ipvsh "));
        let (_, line) = line.unwrap_or_else(|| panic!("{name} does not say how to try it"));
        let words: Vec<&str> = line.split_whitespace().collect();
        let finished = ipvsh(root(), &words);
        // Something is to be done, and something was found.
        let expected = match name.as_str() {
            "onboard.rhai" => 10,
            "audit.rhai" => 1,
            _ => 0,
        };
        assert_eq!(finished.status, expected, "{name}: {finished:?}");
        tried += 1;
    }
    assert!(tried >= 4, "{tried}");
}

#[test]
fn every_command_and_status_of_the_readme_is_in_the_help() {
    let help = ipvsh_ok(root(), &["--help"]);
    // Lines are wrapped to the terminal.
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for command in [
        "run", "eval", "check", "plan", "apply", "diff", "export", "list", "add", "edit", "delete",
        "ensure", "absent", "schema", "help", "history", "undo", "confirm", "cancel", "recover",
    ] {
        assert!(
            help.contains(&format!("\n  {command}")),
            "{command} is not in --help"
        );
        assert!(readme.contains(command), "{command} is not in the README");
        assert_eq!(ipvsh(root(), &[command, "--help"]).status, 0);
    }
    for status in [
        "0 done",
        "2 usage",
        "3 refused",
        "4 indeterminate",
        "5 conflict",
        "6 no IPVS",
        "7 failed",
        "9 committed",
        "10 changes",
    ] {
        assert!(words.contains(status), "{status} is not in --help: {help}");
    }
}
