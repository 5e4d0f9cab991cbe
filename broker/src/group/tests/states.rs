//! Kafka: ClassicGroupTest, the tests named `test…Transition`, `testCanRebalance…`, `testCannotRebalance…`.

use super::super::classic::ClassicState::{self, *};

const PREPARING: ClassicState = PreparingRebalance { was_empty: false, window: None };
const ALL: [ClassicState; 5] = [Empty, PREPARING, CompletingRebalance, Stable, Dead];

#[test]
fn each_state_has_its_predecessors_and_no_others() {
    let allowed: [(ClassicState, &[ClassicState]); 5] = [
        (Empty, &[PREPARING]),
        (PREPARING, &[Stable, CompletingRebalance, Empty]),
        (CompletingRebalance, &[PREPARING]),
        (Stable, &[CompletingRebalance]),
        (Dead, &ALL),
    ];
    for (state, predecessors) in allowed {
        for before in ALL {
            let may = predecessors.contains(&before);
            assert_eq!(before.may_become(state), may, "{} after {}", state.name(), before.name());
        }
    }
}

#[test]
fn members_are_called_together_unless_they_are_already_or_the_group_is_dead() {
    for (state, may) in [(Stable, true), (CompletingRebalance, true), (Empty, true), (PREPARING, false), (Dead, false)]
    {
        assert_eq!(state.can_rebalance(), may, "{}", state.name());
    }
}

#[test]
#[should_panic(expected = "Stable does not follow Empty")]
fn a_state_that_may_not_follow_is_a_bug() {
    let mut state = Empty;
    state.succeed(Stable);
}
