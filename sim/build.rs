//! Names the build: a digest of the sources that decide what a seed does.
//!
//! A fingerprint speaks of one build. Whoever replays a failure of another build is told so,
//! instead of being left to wonder why the run differs.

use std::fs;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64_with_seed;

fn main() {
    // Cargo runs this in the crate's folder. A path kept from when this was compiled would be wrong once a checkout moves.
    let workspace = Path::new("..");
    let mut files = vec![workspace.join("Cargo.lock")];
    for sources in ["broker/src", "sim/src"] {
        println!("cargo:rerun-if-changed=../{sources}");
        sources_below(&workspace.join(sources), &mut files);
    }
    println!("cargo:rerun-if-changed=../Cargo.lock");
    files.sort();
    let digest = files.iter().fold(0, |digest, file| xxh3_64_with_seed(&fs::read(file).unwrap_or_default(), digest));
    println!("cargo:rustc-env=TRIAL_BUILD={digest:016x}");
}

/// All Rust sources below a folder, in any order.
fn sources_below(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("the sources are there");
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.is_dir() {
            sources_below(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
