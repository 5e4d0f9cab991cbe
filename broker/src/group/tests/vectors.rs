//! Kafka's tests about classic groups and offsets as texts; the vocabulary stands in [`super::stage`].

use super::stage::GroupStage;
use crate::tests::vectors;

vectors! { GroupStage::default();
    first_joins = "first_joins.txt";
    initial_delay = "initial_delay.txt";
    pending_members = "pending_members.txt";
    max_size = "max_size.txt";
    rejoins = "rejoins.txt";
    syncs = "syncs.txt";
    failed_writes = "failed_writes.txt";
    heartbeats = "heartbeats.txt";
    leaving = "leaving.txt";
    static_members = "static_members.txt";
    failover = "failover.txt";
    commits = "commits.txt";
    fetches = "fetches.txt";
    transactions = "transactions.txt";
    deleting = "deleting.txt";
    expiry = "expiry.txt";
    showing = "showing.txt";
    museum = "museum.txt";
}

#[test]
fn dev_replay_all() {
    use crate::tests::Stage;
    let dir = std::env::var("DEV_VECTORS").expect("a folder");
    for entry in std::fs::read_dir(&dir).expect("folder").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("text");
        let path = entry.path();
        let ran = std::panic::catch_unwind(|| {
            let mut stage = GroupStage::default();
            let out = std::cell::RefCell::new(String::new());
            let inner = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                for line in text.lines().filter(|line| !line.starts_with("    ")) {
                    out.borrow_mut().push_str(line);
                    out.borrow_mut().push('\n');
                    if let Some(fact) = line.strip_prefix("= ") {
                        let (name, value) = fact.split_once(": ").expect("value");
                        let words: Vec<&str> = name.split(' ').collect();
                        let got = stage.fact(&words);
                        if got != value {
                            out.borrow_mut().push_str(&format!("!! GOT {got}\n"));
                        }
                    } else if !line.is_empty() && !line.starts_with('#') {
                        let words: Vec<&str> = line.split_whitespace().collect();
                        for said in stage.command(&words) {
                            out.borrow_mut().push_str(&format!("    {said}\n"));
                        }
                    }
                }
            }));
            if inner.is_err() {
                out.borrow_mut().push_str("!! PANIC\n");
            }
            out.into_inner()
        });
        let target = format!("/tmp/replayed/{}", path.file_name().expect("name").to_string_lossy());
        std::fs::write(target, ran.unwrap_or_default()).expect("written");
    }
}
