//! Bugs on purpose: switches, the table of the museum, and hunts.

use super::PIECE;
use super::shell::{Folder, root, text, trial};

#[test]
fn a_switch_brings_a_bug_back_and_the_line_to_paste_says_so() {
    assert_eq!(trial(&["run", PIECE, "--trace", "none"]).status.code(), Some(0));
    let output = trial(&["run", PIECE, "--trace", "none", "--switch", "truncate-to-high-watermark"]);
    assert_eq!(output.status.code(), Some(1));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("again: trial run") && stdout.contains("--switch truncate-to-high-watermark"), "{stdout}");
}

#[test]
fn a_switch_that_does_not_exist_is_answered_with_the_nearest_that_does() {
    let output = trial(&["run", PIECE, "--switch", "truncate-to-low-watermark"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("did you mean `truncate-to-high-watermark`?"), "{stderr}");
    assert!(!stderr.contains("vote-twice"), "not with all of a hundred: {stderr}");
    let far = text(&trial(&["run", PIECE, "--switch", "x"]).stderr);
    assert!(far.contains("no switch has a name like that") && far.contains("vote-twice"), "{far}");
}

#[test]
fn the_museum_says_which_check_finds_a_bug() {
    let output = trial(&["museum", "rep-01", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let piece: serde_json::Value = serde_json::from_str(&text(&output.stdout)).expect("one piece, one line");
    assert_eq!((&piece["piece"], &piece["verdict"], &piece["found"]), (&"REP-01".into(), &"pass".into(), &true.into()));
    assert_eq!(piece["found_by"], "acked-record-not-lost");
    assert_eq!(trial(&["museum", "no-such-piece"]).status.code(), Some(2));
}

#[test]
fn a_hunt_that_no_campaign_ends_is_exit_code_1_and_the_table_says_what_exploration_saw() {
    // Nobody finds it in one seed a campaign: the clusters of most seeds have not what it needs.
    let output = trial(&["museum", "isr-03", "--seeds", "1", "--shrink", "0"]);
    let said = text(&output.stdout);
    let (head, piece) = said.trim_end().split_once('\n').expect("a head and a piece");
    assert!(head.contains("found by") && head.contains("explored by"), "{said}");
    assert!(piece.contains("NOT FOUND") && piece.contains("- (0 of 5)"), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
}

#[test]
fn a_piece_that_cannot_be_read_is_named_and_the_others_are_shown() {
    let folder = Folder::new("museum");
    let piece = std::fs::read(root().join(PIECE)).expect("a piece");
    folder.file("rep-01-truncation-to-high-watermark.toml", &piece);
    folder.file("rep-02-bad.toml", b"format = 1\nid = 7\n");
    folder.file("kr-99-bad.toml", b"not a scenario");
    let output = trial(&["museum", "rep", "--folder", &folder.path("")]);
    let (table, complaint) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(table.contains("REP-01") && table.contains("acked-record-not-lost"), "{table}");
    assert!(complaint.contains("rep-02-bad.toml") && !complaint.contains("kr-99"), "{complaint}");
    assert!(complaint.contains("1 pieces are not in the table"), "{complaint}");
}
