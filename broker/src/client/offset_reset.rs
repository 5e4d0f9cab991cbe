//! Where a consumer begins that has no position (`AutoOffsetResetStrategy`, KIP-1106).

use std::str::FromStr;
use std::time::Duration;

use crate::message::OffsetSpec;
use crate::time::WallTime;

/// Where a consumer starts that has no position (`auto.offset.reset`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetReset {
    /// At the end.
    #[default]
    Latest,
    /// At the beginning.
    Earliest,
    /// Nowhere: the application gets an error.
    None,
    /// At the first record that is at most this old, by its timestamp and the consumer's wall clock (KIP-1106). While there is
    /// none, the consumer has no position: it asks again after `request.timeout.ms`, as Kafka's does.
    ByDuration(Duration),
}

impl OffsetReset {
    /// What leaders are asked for; none where nobody is to be asked.
    pub(crate) fn spec(self, now: WallTime) -> Option<OffsetSpec> {
        match self {
            OffsetReset::Latest => Some(OffsetSpec::Latest),
            OffsetReset::Earliest => Some(OffsetSpec::Earliest),
            OffsetReset::None => None,
            OffsetReset::ByDuration(age) => {
                let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                // Before 1970 is nothing, and small negative numbers mean something else.
                Some(OffsetSpec::AtTimestamp(now.millis().saturating_sub(age).max(0)))
            }
        }
    }
}

/// A text that is no `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoOffsetReset;

impl FromStr for OffsetReset {
    type Err = NoOffsetReset;

    fn from_str(text: &str) -> Result<OffsetReset, NoOffsetReset> {
        match text {
            "latest" => Ok(OffsetReset::Latest),
            "earliest" => Ok(OffsetReset::Earliest),
            "none" => Ok(OffsetReset::None),
            _ => {
                let age = text.strip_prefix("by_duration:").and_then(iso_duration);
                age.map(OffsetReset::ByDuration).ok_or(NoOffsetReset)
            }
        }
    }
}

/// A duration as ISO 8601 writes it and `java.time.Duration.parse` reads it: `P1DT2H3M4.5S`, none of its parts negative.
fn iso_duration(text: &str) -> Option<Duration> {
    let text = text.to_ascii_uppercase();
    let (days, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return None,
        None => (text.strip_prefix('P')?, ""),
    };
    let mut total = Duration::ZERO;
    let mut rest = days;
    for (unit, seconds) in [('D', 86_400), ('H', 3_600), ('M', 60)] {
        let (count, after) = part(rest, unit)?;
        total = total.checked_add(Duration::from_secs(count.unwrap_or(0).checked_mul(seconds)?))?;
        rest = if unit == 'D' { after.is_empty().then_some(time)? } else { after };
    }
    let seconds = match rest.strip_suffix('S') {
        Some(number) => seconds(number)?,
        None if rest.is_empty() => Duration::ZERO,
        None => return None,
    };
    let says_nothing = days.is_empty() && time.is_empty();
    (!says_nothing).then_some(())?;
    total.checked_add(seconds)
}

/// A whole number before a unit, if the text begins with one, and what comes after it.
fn part(text: &str, unit: char) -> Option<(Option<u64>, &str)> {
    let Some((number, after)) = text.split_once(unit) else { return Some((None, text)) };
    Some((Some(whole(number)?), after))
}

fn whole(digits: &str) -> Option<u64> {
    // `parse` takes a sign, which Java takes too, and which makes nothing clearer.
    let is_whole = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_whole.then(|| digits.parse().ok()).flatten()
}

/// Seconds with up to nine digits behind the point.
fn seconds(number: &str) -> Option<Duration> {
    let (seconds, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(whole(seconds)?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_java_writes_them() {
        let read = |text: &str| text.parse::<OffsetReset>();
        let age = |millis| Ok(OffsetReset::ByDuration(Duration::from_millis(millis)));
        assert_eq!(read("by_duration:PT20.345S"), age(20_345));
        assert_eq!(read("by_duration:PT15M"), age(15 * 60_000));
        assert_eq!(read("by_duration:PT10H"), age(10 * 3_600_000));
        assert_eq!(read("by_duration:P2D"), age(2 * 86_400_000));
        assert_eq!(read("by_duration:P2DT3H4M"), age((2 * 86_400 + 3 * 3_600 + 4 * 60) * 1_000));
        assert_eq!(read("by_duration:pt0s"), age(0));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["by_duration", "by_duration:", "P1D", "Latest", "newest", ""] {
            assert_eq!(text.parse::<OffsetReset>(), Err(NoOffsetReset), "{text}");
        }
        for text in ["1h", "P", "PT", "P1DT", "P1H", "PT1D", "PT1M1H", "PT-1S", "P-1D", "PT1", "PT.S", "PT1S2", "P1M"] {
            assert_eq!(format!("by_duration:{text}").parse::<OffsetReset>(), Err(NoOffsetReset), "{text}");
        }
    }

    #[test]
    fn the_age_counts_from_now_and_not_from_before_1970() {
        let now = WallTime(10_000_000);
        assert_eq!(OffsetReset::ByDuration(Duration::from_secs(4)).spec(now), Some(OffsetSpec::AtTimestamp(6_000)));
        assert_eq!(OffsetReset::ByDuration(Duration::from_secs(11)).spec(now), Some(OffsetSpec::AtTimestamp(0)));
        assert_eq!(OffsetReset::None.spec(now), None);
    }
}
