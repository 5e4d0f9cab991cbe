//! Which of a package's test binaries this is, as cargo is told it: `--test orders`, `--lib`.
//!
//! Cargo tells a test which package it belongs to, and nobody which target. But the binary is called after it, and
//! where cargo looks for targets is known:
//!
//! ```text
//!   …/deps/orders-0123456789abcdef       tests/orders.rs or tests/orders/main.rs   --test orders
//!   …/deps/shop-0123456789abcdef         src/lib.rs of the package `shop`          --lib
//!   …/examples/outbox-0123456789abcdef   examples/outbox.rs                        --example outbox
//! ```
//!
//! Where a name may be two targets, or none of these, nothing is said: without it the line builds more and runs the same.

use std::path::Path;

/// How many digits cargo puts behind a binary's name.
const DIGITS: usize = 16;

/// What chooses the target of this binary; none if it cannot be known.
///
/// `is_file` tells whether there is a file at a path inside of the package.
pub(super) fn target(binary: &Path, package: &str, is_file: &dyn Fn(&str) -> bool) -> Option<String> {
    let (name, digits) = binary.file_stem()?.to_str()?.rsplit_once('-')?;
    if digits.len() != DIGITS || !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let folder = binary.parent()?;
    // A dash of a target's name is an underscore in its binary's.
    let spelt = [name.to_owned(), name.replace('_', "-")];
    let spelt = if spelt[0] == spelt[1] { &spelt[..1] } else { &spelt[..] };
    let named = |kind: &str, folder: &str| {
        let is_there =
            |name: &&String| is_file(&format!("{folder}/{name}.rs")) || is_file(&format!("{folder}/{name}/main.rs"));
        spelt.iter().filter(is_there).map(|name| format!("--{kind} {name}")).collect::<Vec<_>>()
    };
    let mut targets = match folder.file_name()?.to_str()? {
        "examples" => named("example", "examples"),
        "deps" => {
            let is_package = package.replace('-', "_") == name;
            let of_package = [("src/lib.rs", "--lib".to_owned()), ("src/main.rs", format!("--bin {package}"))];
            let of_package = of_package.into_iter().filter(|(file, _)| is_package && is_file(file));
            let of_package = of_package.map(|(_, target)| target);
            named("test", "tests").into_iter().chain(named("bin", "src/bin")).chain(of_package).collect()
        }
        _ => return None,
    };
    if targets.len() == 1 { targets.pop() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a binary under `target/debug` in a package with these files.
    fn said(binary: &str, package: &str, files: &[&str]) -> Option<String> {
        target(&Path::new("/shop/target/debug").join(binary), package, &|path| files.contains(&path))
    }

    #[test]
    fn test_unit_test_and_example_are_known_by_the_name_of_their_binary() {
        let files = ["src/lib.rs", "tests/orders.rs", "tests/late-orders/main.rs", "examples/outbox.rs"];
        let shop = |binary: &str| said(binary, "web-shop", &files);
        assert_eq!(shop("deps/orders-0123456789abcdef").as_deref(), Some("--test orders"));
        assert_eq!(shop("deps/late_orders-0123456789abcdef").as_deref(), Some("--test late-orders"));
        assert_eq!(shop("deps/web_shop-0123456789abcdef").as_deref(), Some("--lib"));
        assert_eq!(shop("examples/outbox-0123456789abcdef").as_deref(), Some("--example outbox"));
        assert_eq!(said("deps/till-0123456789abcdef", "till", &["src/main.rs"]).as_deref(), Some("--bin till"));
    }

    #[test]
    fn nothing_is_said_where_a_name_may_be_two_targets_or_none() {
        let both = ["src/lib.rs", "src/main.rs"];
        assert_eq!(said("deps/shop-0123456789abcdef", "shop", &both), None, "the library's tests or the command's");
        assert_eq!(said("deps/shop-0123456789abcdef", "shop", &["src/lib.rs", "tests/shop.rs"]), None);
        let files = ["tests/orders.rs"];
        assert_eq!(said("deps/parcels-0123456789abcdef", "shop", &files), None, "its path stands in Cargo.toml");
        assert_eq!(said("deps/orders", "shop", &files), None, "cargo did not name it");
        assert_eq!(said("deps/orders-late", "shop", &files), None);
        assert_eq!(said("elsewhere/orders-0123456789abcdef", "shop", &files), None);
    }
}
