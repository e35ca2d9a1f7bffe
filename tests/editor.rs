//! `ipvsh edit` in an editor, on a terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::asked::on_a_terminal_with;
use crate::support::ipvsh;
use crate::support::shop::{ONE, Shop, TWO, WEB};

/// Edits with a script in place of an editor, which gets the text as its last argument and is called as vi would be; returns the status,
/// the screen, and how it was called.
fn edited(shop: &Shop, script: &str, typed: &str, words: &str) -> (i32, String, String) {
    let editor = shop.path().join("vi");
    let calls = shop.path().join("calls");
    let _none = fs::remove_file(&calls);
    let text = format!(
        "#!/bin/sh\nset -e\necho \"$@\" >>{}\nfor text; do :; done\ncount=$(wc -l <{})\ncp \"$text\" seen\n{script}\n",
        calls.display(),
        calls.display()
    );
    fs::write(&editor, text).unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    let visual = editor.display().to_string();
    let (status, screen) = on_a_terminal_with(shop, typed, words, &[("VISUAL", &visual)]);
    let calls = fs::read_to_string(&calls).unwrap_or_default();
    (status, screen, calls)
}

/// What is left of a text that was kept.
fn kept(screen: &str) -> std::path::PathBuf {
    let (_, path) = screen.split_once("the text is kept in ").unwrap();
    path.lines().next().unwrap().trim().into()
}

#[test]
fn a_mistake_opens_the_text_again_where_it_is() {
    for shop in Shop::every() {
        let script = "if [ $count = 1 ]; then sed -i '0,/weight: 1/s//weight: ten/' \"$text\"; else sed -i 's/weight: ten/weight: 7/' \"$text\"; fi";
        let (status, screen, calls) = edited(&shop, script, "y\n", "edit");
        assert_eq!(status, 0, "{screen}");
        assert_eq!(shop.weight(ONE), 7, "{screen}");
        assert_eq!(shop.weight(TWO), 1);
        assert!(screen.contains("weight 1 -> 7"), "{screen}");
        let second = calls.lines().nth(1).unwrap();
        let line: usize = second[1..].split(' ').next().unwrap().parse().unwrap();
        // What the second call saw: the mistake above, the cursor at its line.
        let seen = fs::read_to_string(shop.path().join("seen")).unwrap();
        assert!(
            seen.starts_with(&format!(
                "#: error in line {line}: tcp://192.0.2.1:80/10.0.0.1:80: invalid weight"
            )),
            "{seen}"
        );
        assert!(
            seen.lines().nth(line - 1).unwrap().contains("weight: ten"),
            "{line}: {seen}"
        );
        let path = calls.split_whitespace().last().unwrap();
        assert!(!std::path::Path::new(path).exists(), "{path}");
        // A scheduler that is not there: the simulated kernel says so before it is asked to commit, a real one when it loads the module.
        let script = "if [ $count = 1 ]; then sed -i 's/scheduler: wlc/scheduler: nosuchone/' \"$text\"; else sed -i 's/nosuchone/rr/' \"$text\"; fi";
        let (status, screen, _) = edited(&shop, script, "y\n", &format!("edit {WEB}"));
        if shop.is_simulated() {
            assert_eq!(status, 0, "{screen}");
            assert!(shop.ok(&["list"]).contains("   rr   "), "{screen}");
        } else {
            assert_eq!(status, 3, "{screen}");
            assert!(screen.contains("Nothing was changed"), "{screen}");
            assert!(shop.ok(&["list"]).contains("   wlc   "), "{screen}");
            let text = fs::read_to_string(kept(&screen)).unwrap();
            assert!(text.contains("scheduler: nosuchone"), "{text}");
            fs::remove_file(kept(&screen)).unwrap();
        }
    }
}

#[test]
fn what_is_left_alone_emptied_or_refused_changes_nothing() {
    for shop in Shop::every() {
        let before = shop.ok(&["export", "--config"]);
        for script in ["true", ": >\"$text\"", "echo '# only this' >\"$text\""] {
            let (status, screen, _) = edited(&shop, script, "y\n", "edit");
            assert_eq!(status, 0, "{script}: {screen}");
            assert!(
                screen.contains("Nothing was changed."),
                "{script}: {screen}"
            );
        }
        // A no, with the text kept.
        let (status, screen, _) = edited(
            &shop,
            "sed -i 's/weight: 1/weight: 4/' \"$text\"",
            "n\n",
            "edit",
        );
        assert_eq!(status, 1, "{screen}");
        assert!(screen.contains("Nothing was changed."), "{screen}");
        assert!(
            fs::read_to_string(kept(&screen))
                .unwrap()
                .contains("weight: 4")
        );
        fs::remove_file(kept(&screen)).unwrap();
        // A mistake that nobody mends.
        let (status, screen, _) = edited(
            &shop,
            "[ $count != 1 ] || echo 'x: 1' >>\"$text\"",
            "",
            "edit",
        );
        assert_eq!(status, 2, "{screen}");
        assert!(screen.contains("left with its mistake"), "{screen}");
        fs::remove_file(kept(&screen)).unwrap();
        // Services that are gone from the text all at once are more likely a slip.
        let (status, screen, _) = edited(
            &shop,
            "[ $count != 1 ] || echo 'version: 1' >\"$text\"",
            "",
            "edit",
        );
        assert_eq!(status, 2, "{screen}");
        fs::remove_file(kept(&screen)).unwrap();
        let (status, screen, _) = edited(&shop, "exit 3", "", "edit");
        assert!(
            status == 2 && screen.contains("failed; nothing was changed"),
            "{screen}"
        );
        assert_eq!(shop.ok(&["export", "--config"]), before);
    }
}

#[test]
fn what_is_deleted_in_the_text_is_deleted_and_nothing_beside_it() {
    for shop in Shop::every() {
        shop.ok(&["add", "fwmark://9"]);
        // The second server of one service, by its lines.
        let script = "sed -i '/id: 10.0.0.2:80/,/weight/d' \"$text\"";
        let (status, screen, _) = edited(&shop, script, "y\n", &format!("edit {WEB}"));
        assert_eq!(status, 0, "{screen}");
        let seen = fs::read_to_string(shop.path().join("seen")).unwrap();
        assert!(!seen.contains("fwmark://9"), "{seen}");
        let listed = shop.ok(&["list"]);
        assert!(
            !listed.contains("10.0.0.2:80") && listed.contains("10.0.0.1:80"),
            "{listed}"
        );
        assert!(listed.contains("fwmark://9"), "{listed}");
        // A whole service.
        let script = "sed -i '/id: fwmark:..9/,/destinations/d' \"$text\"";
        let (status, screen, _) = edited(&shop, script, "y\n", "edit");
        assert_eq!(status, 0, "{screen}");
        let listed = shop.ok(&["list"]);
        assert!(
            !listed.contains("fwmark://9") && listed.contains(WEB),
            "{listed}"
        );
        // And it is one commit, undone as any other.
        shop.ok(&["undo", "--yes"]);
        assert!(shop.ok(&["list"]).contains("fwmark://9"));
    }
}

#[test]
fn what_someone_else_changed_meanwhile_is_not_overwritten() {
    for shop in Shop::every() {
        let program = env!("CARGO_BIN_EXE_ipvsh");
        let options = shop.arguments(&[]).join(" ");
        let script = format!(
            "{program} {options} -q edit {ONE} --weight 9 </dev/null; sed -i '0,/weight: 1/s//weight: 5/' \"$text\""
        );
        let (status, screen, _) = edited(&shop, &script, "y\n", "edit");
        assert_eq!(status, 5, "{screen}");
        assert_eq!(shop.weight(ONE), 9, "{screen}");
        assert!(
            fs::read_to_string(kept(&screen))
                .unwrap()
                .contains("weight: 5")
        );
        fs::remove_file(kept(&screen)).unwrap();
        // Of what the text does not change, others may change anything.
        let script = format!(
            "{program} {options} -q edit {ONE} --weight 8 </dev/null; sed -i 's/scheduler: wlc/scheduler: sh/' \"$text\""
        );
        let (status, screen, _) = edited(&shop, &script, "y\n", "edit");
        assert_eq!(status, 0, "{screen}");
        assert_eq!(shop.weight(ONE), 8, "{screen}");
    }
}

#[test]
fn without_a_terminal_it_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let web = concat!("--sim=", env!("CARGO_MANIFEST_DIR"), "/scripts/web.json");
    let alone = ipvsh(folder.path(), &[web, "edit"]);
    assert_eq!(alone.status, 2, "{alone:?}");
    assert!(alone.stderr.contains("edit needs an OBJECT"), "{alone:?}");
    let key = ipvsh(folder.path(), &[web, "edit", "tcp://192.0.2.1:80"]);
    assert_eq!(key.status, 2, "{key:?}");
    assert!(key.stderr.contains("nothing to edit"), "{key:?}");
}
