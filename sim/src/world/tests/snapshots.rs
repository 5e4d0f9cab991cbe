//! Images of the cluster that came from a snapshot, beside images that came from the log.

use trial_broker::metadata::MetadataImage;

use super::kafka::cluster_of;
use super::*;
use crate::check::Suite;
use crate::fault::MachineId;

/// A snapshot keeps a registration but not where its record lay, so that an image from a snapshot differs from one from
/// the log in `registration_offset` alone. To the check that compares brokers' images these two are the same; that it
/// sees a record which is missing is proved by a planted bug.
#[test]
fn broker_image_from_a_snapshot_is_as_good_as_one_from_the_log() {
    let mut world = cluster_of(7, false, |config| config.raft.snapshot_max_new_record_bytes = 1500);
    at(&mut world, ms(20_000), Fault::Restart { machine: MachineId(2) });
    at(&mut world, ms(30_000), Fault::Replace { machine: MachineId(3), draw: 9 });
    at(&mut world, ms(31_000), Fault::Start { machine: MachineId(3) });
    let mut checks = Suite::new([]);
    let mut differing_only_in_place = 0;
    while let Some(step) = world.step_until(ms(45_000)) {
        if let Some(violation) = checks.observe(&world, &step) {
            panic!("{violation}");
        }
        if !step.events.is_empty() {
            differing_only_in_place += pairs_differing_only_in_place(&world);
        }
    }
    assert!(differing_only_in_place > 0, "the case that this test is about never happened");
}

/// How many pairs of machines have applied the same metadata, and differ in what they remember of it, but not in its
/// records.
fn pairs_differing_only_in_place(world: &World) -> usize {
    let images: Vec<&MetadataImage> =
        world.machines().filter_map(|(_, machine)| machine.node()?.broker_metadata()).collect();
    let pairs = images.iter().enumerate().flat_map(|(index, one)| images[..index].iter().map(move |two| (one, two)));
    pairs
        .filter(|(one, two)| one.last_offset() == two.last_offset() && one.last_offset() > 0 && one != two)
        .filter(|(one, two)| one.to_records() == two.to_records())
        .count()
}
