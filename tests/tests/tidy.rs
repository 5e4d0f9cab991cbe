//! Tidiness as a test: rules about the source that no compiler knows, checked in the source.
//!
//! A rule that is only written down is forgotten. These read the workspace's own files
//! and say which line breaks which rule, and why the rule exists.

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// All files below `folder` (relative to the root) with this extension, in order.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(folder).map(|dir| dir.flatten().map(|entry| entry.path()).collect()).unwrap_or_default();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), extension, &mut found);
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The lines of a source file that are not test code, without comments. A file `tests.rs`, or one in a folder `tests` of
/// a module, is test code altogether.
fn production_lines(path: &Path) -> Vec<(usize, String)> {
    let relative = path.strip_prefix(root()).unwrap_or(path);
    if relative.components().skip(1).any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs"))) {
        return Vec::new();
    }
    production_lines_of(&fs::read_to_string(path).expect("a source file is readable"))
}

/// The same of a text: everything but `#[cfg(test)]` modules, whether they are declared (`mod tests;`) or stand there.
fn production_lines_of(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut is_test_attribute = false;
    let mut in_tests = false;
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or("").to_owned();
        if in_tests {
            // Formatted code closes a module at the start of a line, and nothing else.
            in_tests = !line.starts_with('}');
            continue;
        }
        if is_test_attribute && code.starts_with("mod ") {
            in_tests = code.trim_end().ends_with('{');
            is_test_attribute = false;
            continue;
        }
        is_test_attribute = code.trim() == "#[cfg(test)]";
        lines.push((index + 1, code));
    }
    lines
}

#[test]
fn what_is_read_goes_on_behind_a_test_module() {
    let declared = "mod one;\n#[cfg(test)]\nmod tests;\nuse two;\n";
    let inline = "use one;\n#[cfg(test)]\nmod tests {\n    use three;\n}\nuse two; // as ever\n";
    for text in [declared, inline] {
        let lines: Vec<String> = production_lines_of(text).into_iter().map(|(_, line)| line).collect();
        assert!(lines.iter().any(|line| line.contains("one")), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains("two")), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("tests") || line.contains("three")), "{lines:?}");
    }
}

fn assert_none(offences: &[String], rule: &str) {
    assert!(offences.is_empty(), "{rule}\n{}", offences.join("\n"));
}

/// Which modules of `broker` each module may use. A module may always use itself.
///
/// ```text
///   vocabulary ← record ← log ← partition
///                          ↑
///                         raft        controller → metadata
///   client: vocabulary, record, api::wire      api, node: everything below
/// ```
const MAY_USE: &[(&str, &[&str])] = &[
    ("name", &[]),
    ("table", &[]),
    ("ids", &["name"]),
    ("time", &[]),
    ("choice", &[]),
    ("outbox", &[]),
    ("storage", &["time"]),
    ("message", &["ids"]),
    // How text tests are played; the machines do not know it.
    ("tests", &[]),
    ("config", &["ids", "message", "time"]),
    ("event", &["ids", "message", "storage"]),
    ("record", &["ids", "name", "time", "message"]),
    ("flexible", &["ids"]),
    ("metadata", &["ids", "message", "config", "flexible", "record"]),
    // The contract of a step names what travels between the parts, and nothing of their insides.
    ("context", &["choice", "effects", "event", "storage", "time"]),
    ("effects", &["api", "client", "event", "ids", "input", "storage"]),
    ("input", &["api", "client", "ids", "metadata", "storage"]),
    ("log", &["context", "config", "event", "ids", "message", "record", "storage", "time"]),
    ("raft", &["choice", "config", "context", "event", "ids", "log", "message", "outbox", "record", "storage", "time"]),
    (
        "partition",
        &[
            "choice", "config", "context", "event", "ids", "log", "message", "metadata", "outbox", "record", "storage",
            "table", "time",
        ],
    ),
    ("controller", &["choice", "config", "context", "event", "ids", "message", "metadata", "time"]),
    // A group that changes its protocol reads what its classic members told each other.
    (
        "group",
        &["api", "choice", "config", "context", "event", "flexible", "ids", "message", "metadata", "record", "time"],
    ),
    ("lifecycle", &["choice", "config", "context", "effects", "event", "ids", "message", "time"]),
    (
        "client",
        &[
            "api", "choice", "config", "context", "effects", "event", "ids", "input", "message", "name", "record",
            "table", "time",
        ],
    ),
    (
        "api",
        &[
            "choice", "config", "context", "effects", "event", "ids", "input", "message", "metadata", "name", "outbox",
            "record", "table", "time",
        ],
    ),
];

#[test]
fn broker_modules_depend_one_way() {
    let mut offences = Vec::new();
    for path in files("broker/src", "rs") {
        let relative = path.strip_prefix(root().join("broker/src")).expect("below broker/src").to_owned();
        let first = relative.components().next().expect("a file has a name").as_os_str().to_string_lossy().to_string();
        let module = first.trim_end_matches(".rs").to_owned();
        // A process and the crate's front page put everything together.
        if matches!(module.as_str(), "node" | "lib") {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
            offences.push(format!("{}: `{module}` stands in no line of MAY_USE", shown(&path)));
            continue;
        };
        for (number, line) in production_lines(&path) {
            if line.contains("crate::{") {
                offences.push(format!(
                    "{}:{number}: one `use crate::` a module, so that this test can read it",
                    shown(&path)
                ));
            }
            for used in line.split("crate::").skip(1) {
                let name: String = used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let is_module = MAY_USE.iter().any(|(known, _)| *known == name) || name == "node";
                if is_module && name != module && !allowed.contains(&name.as_str()) {
                    offences.push(format!("{}:{number}: `{module}` must not use `{name}`", shown(&path)));
                }
            }
        }
    }
    assert_none(&offences, "The parts of a broker depend on each other in one direction only (docs: architecture).");
}

/// The lines of a manifest that name dependencies, each with its section: plain, of a target, for building, for tests.
fn dependencies_of(manifest: &str) -> Vec<(&str, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim();
        } else if section.ends_with("dependencies]") && !line.trim().is_empty() {
            found.push((section, line));
        }
    }
    found
}

/// Whether a crate is this one, or one that it consists of: `rand_chacha` is of `rand`. What is of Trial is named each.
fn is_of_family(name: &str, family: &str) -> bool {
    name == family || (family != "trial" && name.starts_with(family))
}

#[test]
fn a_manifest_hides_no_dependency_in_another_section() {
    let manifest =
        "[package]\nname = \"x\"\n[dependencies]\na = 1\n\n[target.'cfg(unix)'.dependencies]\nb = 2\n[lints]\nc = 3\n";
    let names: Vec<&str> = dependencies_of(manifest).into_iter().map(|(_, line)| &line[..1]).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn crates_depend_one_way() {
    let mut offences = Vec::new();
    const FORBIDDEN: &[(&str, &[&str])] = &[
        ("broker", &["trial-sim", "trial", "madsim", "tokio", "rand", "getrandom", "async"]),
        ("sim", &["trial", "ratatui", "crossterm", "clap", "kafka-protocol"]),
        ("tui", &["kafka-protocol"]),
    ];
    for (krate, forbidden) in FORBIDDEN {
        let manifest = fs::read_to_string(root().join(krate).join("Cargo.toml")).expect("each crate has a manifest");
        for (section, line) in dependencies_of(&manifest) {
            // Tests of a room may look at it from outside; what is built into it may not.
            let is_built_in = section != "[dev-dependencies]";
            let name = line.split(['.', ' ', '=']).next().unwrap_or("");
            if is_built_in && forbidden.iter().any(|one| is_of_family(name, one)) {
                offences.push(format!("{krate}/Cargo.toml: must not depend on {name}"));
            }
        }
    }
    assert_none(&offences, "Dependencies point one way: tui → sim → broker.");
}

#[test]
fn kafka_protocol_is_named_only_at_the_edge() {
    let mut offences = Vec::new();
    for path in files("broker/src", "rs") {
        if shown(&path).starts_with("broker/src/api") {
            continue;
        }
        for (number, line) in production_lines(&path) {
            if line.contains("kafka_protocol") {
                offences.push(format!("{}:{number}", shown(&path)));
            }
        }
    }
    assert_none(&offences, "Only broker/src/api may know the wire types: state must stay comparable and hashable.");
}

#[test]
fn machines_name_nothing_that_breaks_determinism() {
    const BANNED: &[(&str, &str)] = &[
        ("HashMap", "its order differs from run to run"),
        ("HashSet", "its order differs from run to run"),
        ("Instant", "machines read no clock"),
        ("SystemTime", "machines read no clock"),
        ("std::thread", "machines start no thread"),
        ("std::net", "machines open no socket"),
        ("std::fs", "machines touch no file but through Storage"),
        ("std::env", "machines are configured by values"),
        ("std::{", "one `use std::` a module, so that this test can read it"),
        ("RefCell", "what a step may change is said by `&mut`"),
        ("tokio", "machines know no runtime"),
        ("getrandom", "machines draw nothing: they ask for named choices"),
        ("rand::", "machines draw nothing: they ask for named choices"),
        ("static mut", "machines share no state"),
        ("thread_local!", "machines share no state"),
        ("OnceLock", "machines share no state"),
        ("LazyLock", "machines share no state"),
        ("Mutex", "machines share no state"),
        ("Atomic", "machines share no state"),
        ("async fn", "machines wait with values, not with tasks"),
        ("madsim", "machines know no runtime"),
        ("f32", "rounding is a poor foundation for equality"),
        ("f64", "rounding is a poor foundation for equality"),
    ];
    // Texts of names are kept once for all machines, and never change: nobody's state (decision 19).
    const SHARED: (&str, &str) = ("broker/src/name.rs", "OnceLock");
    let mut offences = Vec::new();
    for path in files("broker/src", "rs") {
        for (number, line) in production_lines(&path) {
            if line.contains("cfg(not(madsim))") || line.contains("RUSTFLAGS") || line.contains("--cfg madsim") {
                continue;
            }
            for (name, reason) in BANNED {
                if line.contains(name) && SHARED != (shown(&path).as_str(), name) {
                    offences.push(format!("{}:{number}: `{name}`: {reason}", shown(&path)));
                }
            }
        }
    }
    assert_none(&offences, "A machine depends on its inputs and on nothing else.");
}

#[test]
fn every_source_file_says_what_it_is() {
    let mut offences = Vec::new();
    for folder in ["broker/src", "sim/src", "tui/src", "tests"] {
        for path in files(folder, "rs") {
            let text = fs::read_to_string(&path).expect("a source file is readable");
            if !text.starts_with("//! ") {
                offences.push(shown(&path));
            }
        }
    }
    assert_none(&offences, "Every file opens with `//!`: what this is in Kafka, for somebody who reads it first.");
}

#[test]
fn no_source_line_is_left_unfinished() {
    // Written in two pieces, so that this file does not offend.
    let marks =
        [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("FIX", "ME"), concat!("(Being", " built")];
    let mut offences = Vec::new();
    for folder in ["broker/src", "sim/src", "tui/src", "tests"] {
        for path in files(folder, "rs") {
            let text = fs::read_to_string(&path).expect("a source file is readable");
            for (index, line) in text.lines().enumerate() {
                for mark in marks {
                    if line.contains(mark) {
                        offences.push(format!("{}:{}: {mark}", shown(&path), index + 1));
                    }
                }
            }
        }
    }
    assert_none(&offences, "What is on main is finished.");
}

#[test]
fn links_in_the_book_lead_somewhere() {
    let mut offences = Vec::new();
    let mut pages = files("docs/src", "md");
    pages.push(root().join("README.md"));
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page is readable");
        for (index, line) in text.lines().enumerate() {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = target.split('#').next().unwrap_or("");
                if file.is_empty() || file.contains("://") {
                    continue;
                }
                if !page.parent().expect("a page lies in a folder").join(file).exists() {
                    offences.push(format!("{}:{}: {target}", shown(&page), index + 1));
                }
            }
        }
    }
    assert_none(&offences, "A link that leads nowhere teaches nobody.");
}
