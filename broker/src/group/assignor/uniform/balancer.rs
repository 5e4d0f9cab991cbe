//! Who of a topic's subscribers gets the next partition, and who gives it (`MemberAssignmentBalancer`).
//!
//! The subscribers stand in a row by load. From the left a range of least loaded ones grows, all equally loaded when a
//! round through it begins; from the right a range of most loaded ones. A round gives each member of a range one
//! partition (or takes one), then the range's level moves by one and takes in those that stand at the new level.
//!
//! ```text
//!             ^                       most loaded
//!   partitions│  least      ##[#######]##   ← behind the range: they have nothing of this topic to give
//!             │  loaded  ##### #######
//!             │ [#######]#####[#######]##
//!             └────────────────────────────▶ members
//! ```

pub(super) struct Balancer {
    /// By load when the balancing began, then by member.
    row: Vec<usize>,
    /// The least loaded range is `row[..least_end]`.
    least_end: usize,
    /// The load of its members when the round began. −1 before the first: signed, as in Kafka.
    least_level: i64,
    next_least: usize,
    /// The most loaded range is `row[most_start..most_end]`.
    most_start: usize,
    most_end: usize,
    most_level: i64,
    /// One behind the next to give: 0 is Kafka's −1.
    after_next_most: usize,
}

fn level(load: usize) -> i64 {
    i64::try_from(load).expect("a load is a count of partitions")
}

impl Balancer {
    /// Of subscribers, of which there is at least one.
    pub(super) fn new(subscribers: &[usize], loads: &[usize]) -> Self {
        assert!(!subscribers.is_empty(), "nobody to balance");
        let mut row = subscribers.to_vec();
        row.sort_by_key(|member| (loads[*member], *member));
        let (first, last) = (loads[row[0]], loads[row[row.len() - 1]]);
        let length = row.len();
        Balancer {
            row,
            least_end: 0,
            least_level: level(first) - 1,
            next_least: 0,
            most_start: length,
            most_end: length,
            most_level: level(last) + 1,
            after_next_most: length,
        }
    }

    /// How much the last in the row has over the first.
    pub(super) fn imbalance(&self, loads: &[usize]) -> usize {
        loads[self.row[self.row.len() - 1]] - loads[self.row[0]]
    }

    /// Who gets the next partition; it is taken for given.
    pub(super) fn next_least_loaded(&mut self, loads: &[usize]) -> usize {
        if self.next_least >= self.least_end {
            self.least_level += 1;
            while self.least_end < self.row.len() && level(loads[self.row[self.least_end]]) == self.least_level {
                self.least_end += 1;
            }
            self.next_least = 0;
        }
        self.next_least += 1;
        self.row[self.next_least - 1]
    }

    /// Who gives the next partition, if anybody can; it is taken for gone.
    pub(super) fn next_most_loaded(&mut self, loads: &[usize]) -> Option<usize> {
        if self.after_next_most <= self.most_start {
            if self.most_end <= self.most_start && self.most_start > 0 {
                // All of the range were left out: the next in the row opens a new one, whatever its level.
                self.most_level = level(loads[self.row[self.most_start - 1]]);
            } else {
                self.most_level -= 1;
            }
            while self.most_start > 0 && level(loads[self.row[self.most_start - 1]]) == self.most_level {
                self.most_start -= 1;
            }
            self.after_next_most = self.most_end;
        }
        self.after_next_most = self.after_next_most.checked_sub(1)?;
        Some(self.row[self.after_next_most])
    }

    /// The last that [`Self::next_most_loaded`] named has nothing to give.
    pub(super) fn exclude_most_loaded(&mut self) {
        self.row.swap(self.after_next_most, self.most_end - 1);
        self.most_end -= 1;
    }

    /// Whether another move would not make it better.
    pub(super) fn is_balanced(&self) -> bool {
        self.most_level - self.least_level <= 1
    }
}
