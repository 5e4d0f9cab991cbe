//! The small values of a scenario file: places, spans of time, seeds.
//!
//! Each reads itself from TOML with an error message of its own, and keeps the place
//! in the file where it stood ([`Spanned`]): a mistake is shown where it was made.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A value and the bytes of the file that it was read from.
///
/// Two values are equal if what they say is equal, wherever they stand.
#[derive(Clone, Debug, Default)]
pub struct Spanned<T> {
    /// What it says.
    pub value: T,
    /// Where it stands: byte offsets into the file.
    pub span: Range<usize>,
}

impl<T> Spanned<T> {
    /// A value that stands in no file.
    pub fn nowhere(value: T) -> Self {
        Spanned { value, span: 0..0 }
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
impl<T: Eq> Eq for Spanned<T> {}
impl<T: PartialOrd> PartialOrd for Spanned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}
impl<T: Ord> Ord for Spanned<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(deserializer)?;
        let span = spanned.span();
        Ok(Spanned { value: spanned.into_inner(), span })
    }
}

impl<T: Serialize> Serialize for Spanned<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A span of time, exact to the microsecond: `"10ms"`, `"41.000123s"`, `"5m"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The length in microseconds; negative only where a clock is set back.
    pub micros: i64,
}

/// The units of a span and their lengths in microseconds.
const UNITS: &[(&str, i64)] =
    &[("us", 1), ("µs", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000)];

impl Span {
    /// A span of whole milliseconds.
    pub const fn from_millis(millis: i64) -> Span {
        Span { micros: millis * 1000 }
    }

    /// The same as a duration; zero for a negative span.
    pub fn duration(self) -> Duration {
        Duration::from_micros(self.micros.max(0) as u64)
    }

    /// Reads `10ms`, `41.000123s`, `-2s`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Span, String> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let unit = unit.trim();
        let expected = || format!("expected a time with its unit, such as \"10ms\" or \"41.000123s\", found {text:?}");
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(expected)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
            return Err(expected());
        }
        let too_long = || format!("{text:?} is longer than a world can last");
        let whole: i64 = whole.parse().map_err(|_| too_long())?;
        let mut micros = whole.checked_mul(*scale).ok_or_else(too_long)?;
        let mut place = *scale;
        for digit in fraction.bytes().map(|byte| i64::from(byte - b'0')) {
            if place % 10 != 0 && digit != 0 && place * digit % 10 != 0 {
                return Err(format!("{text:?} is finer than the tick of one microsecond"));
            }
            micros += place * digit / 10;
            place /= 10;
        }
        Ok(Span { micros: if negative { -micros } else { micros } })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.micros < 0 { "-" } else { "" };
        let micros = self.micros.unsigned_abs();
        if micros > 0 && micros < 1_000_000 && micros.is_multiple_of(1000) {
            return write!(f, "{sign}{}ms", micros / 1000);
        }
        let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{sign}{text}s")
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time with its unit, such as \"10ms\" or \"41.000123s\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                Span::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl Serialize for Span {
    /// As a person would write it in a file: in microseconds and milliseconds where seconds would begin with `0.`;
    /// a column of instants, which is what [`fmt::Display`] is for, keeps to seconds.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.micros.unsigned_abs() {
            1..1000 => serializer.collect_str(&format_args!("{}us", self.micros)),
            micros @ 1000..1_000_000 if micros % 1000 != 0 => {
                let sign = if self.micros < 0 { "-" } else { "" };
                let text = format!("{sign}{}.{:03}", micros / 1000, micros % 1000);
                serializer.collect_str(&format_args!("{}ms", text.trim_end_matches('0')))
            }
            _ => serializer.collect_str(self),
        }
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^[+-]?[0-9]+(\.[0-9]+)?(us|µs|ms|s|m|h)$",
            "description": "A span of time with its unit, exact to the microsecond: \"10ms\", \"41.000123s\".",
        })
    }
}

/// The number that every random stream of a run is made from. Written in hexadecimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed(pub u64);

impl Seed {
    /// Reads `0x5` or `5`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Seed, String> {
        let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        parsed
            .map(Seed)
            .map_err(|_| format!("expected a seed of at most 64 bits, such as 0x5 or 12345, found {text:?}"))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x}", self.0)
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Seed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a seed, such as 0x5")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Seed, E> {
                u64::try_from(number).map(Seed).map_err(|_| E::custom("a seed is not negative"))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Seed, E> {
                Ok(Seed(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Seed, E> {
                Seed::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Seed {
    fn schema_name() -> Cow<'static, str> {
        "Seed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A seed; usually written in hexadecimal: 0x5. Beyond 63 bits as a string: \"0xffffffffffffffff\".",
            "oneOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^(0[xX][0-9a-fA-F]{1,16}|[0-9]+)$" },
            ],
        })
    }
}
