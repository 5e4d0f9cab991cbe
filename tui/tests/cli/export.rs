//! What leaves the window: recordings, pages, films and drawings, of one run and no other.

use super::LESSON;
use super::shell::{Folder, text, trial};

/// A recording whose last line has the digest of what stands before it, without the build.
fn sealed(recording: &str) -> String {
    let [_, head, rest] = recording.splitn(3, '\n').collect::<Vec<_>>()[..] else { panic!("{recording}") };
    let (scenario, _) = rest.rsplit_once("\nend of recording ").expect("it is whole");
    let (begin, build) = head.split_once("\"build\":\"").expect("it says who made it");
    let (_, end) = build.split_once('"').expect("a name");
    let digest = xxhash_rust::xxh3::xxh3_64(format!("{begin}\"build\":\"\"{end}\n{scenario}").as_bytes());
    format!("trial recording 2\n{head}\n{scenario}\nend of recording {digest:016x}\n")
}

/// A recording is one run, not a scenario: it is made again and compared with its marks, and `trial run` says what to use.
#[test]
fn a_recording_is_repeated_and_compared_and_is_no_scenario() {
    let folder = Folder::new("recordings");
    let path = folder.0.join("lesson.recording").to_str().expect("a plain path").to_owned();
    assert_eq!(trial(&["export", LESSON, "--recording", &path]).status.code(), Some(0));
    let replayed = trial(&["replay", &path]);
    let said = text(&replayed.stdout);
    assert_eq!(replayed.status.code(), Some(0), "{said}");
    assert!(said.contains("the same run, step for step") && said.contains("\nreplayed: pass  seed: 0x2"), "{said}");
    let whole = std::fs::read_to_string(&path).expect("it was written");
    let other = whole.replacen("\"seed\":\"0x2\"", "\"seed\":\"0x3\"", 1);
    assert_ne!(whole, other);
    let replayed = trial(&["replay", &folder.file("damaged.recording", other.as_bytes())]);
    assert_eq!(replayed.status.code(), Some(2));
    assert!(text(&replayed.stderr).contains("is damaged"), "{}", text(&replayed.stderr));
    let replayed = trial(&["replay", &folder.file("other.recording", sealed(&other).as_bytes())]);
    assert_eq!(replayed.status.code(), Some(5), "{}", text(&replayed.stderr));
    assert!(text(&replayed.stdout).contains("another run from one of the steps 0 to "), "{}", text(&replayed.stdout));
    let run = trial(&["run", &path]);
    assert_eq!(run.status.code(), Some(2));
    let complaint = text(&run.stderr);
    assert!(complaint.contains("is a recording of one run") && complaint.contains("hint: `trial play"), "{complaint}");
}

#[test]
fn a_drawing_of_nothing_is_refused_and_not_written() {
    let folder = Folder::new("drawings");
    let path = folder.0.join("lanes.svg");
    let file = path.to_str().expect("a plain path");
    for (arguments, said) in [
        (["--from", "5s", "--to", "1s"], "nothing lies between --from 5s and --to 1s"),
        (["--from", "0s", "--filter", "nosuchword"], "nothing can be drawn"),
    ] {
        let output = trial(&[["export", LESSON, "--svg", file].as_slice(), &arguments].concat());
        assert_eq!((output.status.code(), path.exists()), (Some(2), false));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

/// As `:save` in the window: what is there stays, and what is written is told.
#[test]
fn an_export_overwrites_nothing_and_says_what_it_wrote() {
    let folder = Folder::new("exports");
    let there = folder.file("there.svg", b"mine");
    let path = folder.0.join("lanes.svg");
    let new = path.to_str().expect("a plain path");
    let refused = trial(&["export", LESSON, "--recording", new, "--svg", &there]);
    assert_eq!((refused.status.code(), path.exists()), (Some(2), false), "nothing is written where one cannot be");
    assert!(text(&refused.stderr).contains("which stays as it is"), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read(&there).expect("it is there"), b"mine");
    let written = trial(&["export", LESSON, "--svg", new]);
    let length = std::fs::metadata(&path).expect("it was written").len();
    assert_eq!(text(&written.stdout), format!("wrote {new}: {length} bytes\n"), "{}", text(&written.stderr));
}

/// What `:record` saved in the window becomes what its scenario would: the same page, film and drawing, to the byte.
#[test]
fn a_recording_is_exported_as_its_scenario_is_and_only_as_the_run_that_it_was() {
    let folder = Folder::new("recording-exports");
    let path = |name: &str| folder.0.join(name).to_str().expect("a plain path").to_owned();
    let recording = path("lesson.recording");
    assert_eq!(trial(&["export", LESSON, "--recording", &recording]).status.code(), Some(0));
    for (form, name) in [("--svg", "lanes.svg"), ("--cast", "film.cast")] {
        let (of_file, of_recording) = (path(name), path(&format!("again-{name}")));
        assert_eq!(trial(&["export", LESSON, form, &of_file]).status.code(), Some(0));
        let made = trial(&["export", &recording, form, &of_recording]);
        assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
        let read = |path: &str| std::fs::read(path).expect("it was written");
        assert!(!read(&of_file).is_empty() && read(&of_file) == read(&of_recording), "{form}");
    }
    let whole = std::fs::read_to_string(&recording).expect("it was written");
    let other =
        folder.file("other.recording", sealed(&whole.replacen("\"seed\":\"0x2\"", "\"seed\":\"0x3\"", 1)).as_bytes());
    let none = path("none.svg");
    for (arguments, said) in [
        (["export", &other, "--svg", &none].as_slice(), "this is not what was recorded"),
        (&["export", &recording, "--svg", &none, "--switch", "truncate-to-high-watermark"], "name it alone"),
    ] {
        let refused = trial(arguments);
        assert_eq!((refused.status.code(), std::path::Path::new(&none).exists()), (Some(2), false));
        assert!(text(&refused.stderr).contains(said), "{}", text(&refused.stderr));
    }
}
