//! How long a message takes: a constant for lessons, distributions for exploration.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::stream::Stream;

/// How long a link takes from one machine to another, one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatencyModel {
    /// Always the same: the numbers of a lesson are exact.
    Constant(Duration),
    /// Equally likely between two bounds, both included.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A shortest time, and an exponential rest.
    Exponential {
        /// The shortest.
        min: Duration,
        /// The mean; not below `min`.
        mean: Duration,
    },
    /// Mostly fast, with a slow tail.
    Bimodal {
        /// The usual case: equally likely between half of this and one and a half of it.
        fast: Duration,
        /// The slow case, in the same way.
        slow: Duration,
        /// How many of a thousand messages are slow.
        slow_per_mille: u16,
    },
}

impl Default for LatencyModel {
    /// One millisecond, always.
    fn default() -> Self {
        LatencyModel::Constant(Duration::from_millis(1))
    }
}

impl LatencyModel {
    /// Whether each message takes the same, so that nothing has to be drawn.
    pub(crate) fn constant(self) -> Option<Duration> {
        match self {
            LatencyModel::Constant(span) => Some(span),
            LatencyModel::Uniform { .. } | LatencyModel::Exponential { .. } | LatencyModel::Bimodal { .. } => None,
        }
    }

    /// What an acknowledgement takes: it is never drawn, because nobody sees it.
    pub(crate) fn typical(self) -> Duration {
        match self {
            LatencyModel::Constant(span) => span,
            LatencyModel::Uniform { min, max } => (min + max) / 2,
            LatencyModel::Exponential { mean, .. } => mean,
            LatencyModel::Bimodal { fast, .. } => fast,
        }
    }

    /// What the next message takes.
    pub(crate) fn draw(self, stream: &mut Stream) -> Duration {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4);
        let around = |stream: &mut Stream, span: Duration| {
            let middle = micros(span);
            Duration::from_micros(stream.between(middle / 2, middle + middle / 2))
        };
        match self {
            LatencyModel::Constant(span) => span,
            LatencyModel::Uniform { min, max } => {
                Duration::from_micros(stream.between(micros(min), micros(max).max(micros(min))))
            }
            LatencyModel::Exponential { min, mean } => {
                let rest = micros(mean).saturating_sub(micros(min)) as f64;
                let drawn = rest * minus_ln(1.0 - stream.fraction());
                min + Duration::from_micros(drawn as u64)
            }
            LatencyModel::Bimodal { fast, slow, slow_per_mille } => {
                let is_slow = stream.per_mille(u64::from(slow_per_mille));
                around(stream, if is_slow { slow } else { fast })
            }
        }
    }
}

/// −ln(x) for x in (0, 1], from additions, multiplications and divisions only: those are exact
/// to the last bit on every machine, which a mathematics library's logarithm is not.
fn minus_ln(x: f64) -> f64 {
    let mut mantissa = x;
    let mut halvings = 0.0;
    while mantissa < 0.75 {
        mantissa *= 2.0;
        halvings += 1.0;
    }
    // ln(m) = 2 artanh((m − 1) / (m + 1)), a series that converges fast near 1.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let mut term = ratio;
    let mut sum = 0.0;
    for divisor in [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0] {
        sum += term / divisor;
        term *= square;
    }
    halvings * std::f64::consts::LN_2 - 2.0 * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::StreamPurpose;

    #[test]
    fn the_logarithm_is_a_logarithm() {
        for x in [1.0, 0.999, 0.75, 0.7499, 0.5, 0.1, 1e-3, 1e-9, 1.1e-16] {
            let error = (minus_ln(x) + f64::ln(x)).abs();
            assert!(error < 1e-9, "-ln({x}) is off by {error}");
        }
    }

    #[test]
    fn drawn_latencies_have_the_mean_and_the_bounds_that_were_asked_for() {
        let mut stream = Stream::new(3, StreamPurpose::Latency, (1, 2));
        let model = LatencyModel::Exponential { min: Duration::from_millis(1), mean: Duration::from_millis(5) };
        let drawn: Vec<Duration> = (0..10_000).map(|_| model.draw(&mut stream)).collect();
        assert!(drawn.iter().all(|span| *span >= Duration::from_millis(1)));
        let mean = drawn.iter().sum::<Duration>() / 10_000;
        assert!((4900..5100).contains(&mean.as_micros()), "the mean is {mean:?}");
    }
}
