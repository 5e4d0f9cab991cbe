//! The small values of a scenario file: spans of time, seeds, numbers, settings.
//!
//! Each reads itself from TOML with an error message of its own, and keeps the place
//! in the file where it stood ([`Spanned`]): a mistake is shown where it was made.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use trial_broker::config::{
    ControllerSettings, LogManagerSettings, LogSettings, Properties, RaftSettings, ReplicationSettings,
    SettingDefinition,
};

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
        if micros % 1_000_000 != 0 && micros < 1_000_000 && micros.is_multiple_of(1000) {
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
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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

/// A value of a setting: a text, a number, or true and false. Kept as Kafka's properties keep it: as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Setting(pub String);

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyScalar;
        impl Visitor<'_> for AnyScalar {
            type Value = Setting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a setting's value: a text, a whole number, or true or false")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Setting, E> {
                Ok(Setting(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Setting, E> {
                Ok(Setting(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Setting, E> {
                Ok(Setting(value.to_string()))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Setting, E> {
                Ok(Setting(value.to_owned()))
            }
        }
        deserializer.deserialize_any(AnyScalar)
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(value) = self.0.parse::<i64>() {
            serializer.serialize_i64(value)
        } else if let Ok(value) = self.0.parse::<bool>() {
            serializer.serialize_bool(value)
        } else {
            serializer.serialize_str(&self.0)
        }
    }
}

impl JsonSchema for Setting {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Setting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer", "boolean"] })
    }
}

/// What a number may be: one value (`13`) or a range with inclusive ends (`{ min = 70, max = 102 }`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The smallest accepted.
    pub min: i64,
    /// The largest accepted.
    pub max: i64,
}

impl Numbers {
    /// Whether a number is accepted.
    pub fn accepts(self, number: i64) -> bool {
        (self.min..=self.max).contains(&number)
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, max) if min == max => write!(f, "{min}"),
            (i64::MIN, max) => write!(f, "at most {max}"),
            (min, i64::MAX) => write!(f, "at least {min}"),
            (min, max) => write!(f, "{min} to {max}"),
        }
    }
}

/// What a time may be: one instant (`"40ms"`) or a range with inclusive ends (`{ min = "7s", max = "10.2s" }`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// The earliest accepted, in microseconds.
    pub min: Span,
    /// The latest accepted.
    pub max: Span,
    /// Whether it was written as a range.
    pub is_range: bool,
}

impl Spans {
    /// Whether an instant is accepted.
    pub fn accepts(self, micros: i64) -> bool {
        (self.min.micros..=self.max.micros).contains(&micros)
    }
}

impl fmt::Display for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min.micros, self.max.micros) {
            (min, max) if min == max => write!(f, "{}", self.min),
            (i64::MIN, _) => write!(f, "at most {}", self.max),
            (_, i64::MAX) => write!(f, "at least {}", self.min),
            _ => write!(f, "{} to {}", self.min, self.max),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends<T> {
    min: Option<T>,
    max: Option<T>,
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrRange;
        impl<'de> Visitor<'de> for OneOrRange {
            type Value = Numbers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or a range { min = …, max = … }")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Numbers, E> {
                Ok(Numbers { min: number, max: number })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Numbers, A::Error> {
                let ends = Ends::<i64>::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let (min, max) = (ends.min.unwrap_or(i64::MIN), ends.max.unwrap_or(i64::MAX));
                if min > max {
                    return Err(de::Error::custom(format!("an empty range: {min} lies above {max}")));
                }
                Ok(Numbers { min, max })
            }
        }
        deserializer.deserialize_any(OneOrRange)
    }
}

impl<'de> Deserialize<'de> for Spans {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrRange;
        impl<'de> Visitor<'de> for OneOrRange {
            type Value = Spans;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"40ms\", or a range { min = …, max = … }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Spans, E> {
                let span = Span::parse(text).map_err(E::custom)?;
                Ok(Spans { min: span, max: span, is_range: false })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Spans, A::Error> {
                let ends = Ends::<Span>::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let (min, max) =
                    (ends.min.unwrap_or(Span { micros: i64::MIN }), ends.max.unwrap_or(Span { micros: i64::MAX }));
                if min > max {
                    return Err(de::Error::custom(format!("an empty range: {min} lies after {max}")));
                }
                Ok(Spans { min, max, is_range: true })
            }
        }
        deserializer.deserialize_any(OneOrRange)
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.min == self.max {
            return serializer.serialize_i64(self.min);
        }
        range(serializer, (self.min > i64::MIN).then_some(self.min), (self.max < i64::MAX).then_some(self.max))
    }
}

impl Serialize for Spans {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.is_range {
            return self.min.serialize(serializer);
        }
        let end = |span: Span, none: i64| (span.micros != none).then_some(span);
        range(serializer, end(self.min, i64::MIN), end(self.max, i64::MAX))
    }
}

fn range<S: Serializer, T: Serialize>(serializer: S, min: Option<T>, max: Option<T>) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = serializer.serialize_map(None)?;
    if let Some(min) = min {
        map.serialize_entry("min", &min)?;
    }
    if let Some(max) = max {
        map.serialize_entry("max", &max)?;
    }
    map.end()
}

impl JsonSchema for Numbers {
    fn schema_name() -> Cow<'static, str> {
        "Numbers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number, or a range with inclusive ends.",
            "oneOf": [
                { "type": "integer" },
                { "type": "object", "properties": { "min": { "type": "integer" }, "max": { "type": "integer" } },
                  "additionalProperties": false },
            ],
        })
    }
}

impl JsonSchema for Spans {
    fn schema_name() -> Cow<'static, str> {
        "Times".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let time = generator.subschema_for::<Span>();
        json_schema!({
            "description": "A time, or a range with inclusive ends.",
            "oneOf": [
                time.clone(),
                { "type": "object", "properties": { "min": time.clone(), "max": time }, "additionalProperties": false },
            ],
        })
    }
}

/// The names of machines: one (`"b1"`) or several (`["b1", "c1"]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a machine such as \"b1\", or a list of machines")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Names, E> {
                Ok(Names(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl JsonSchema for Names {
    fn schema_name() -> Cow<'static, str> {
        "Machines".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One machine or several: \"b1\", \"c2\", a client's name, \"leader:orders-0\", \"follower:orders-0\", \"controller:active\".",
            "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }],
        })
    }
}

/// Settings by Kafka's name, each with the places of its name and of its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub BTreeMap<Spanned<String>, Spanned<Setting>>);

impl Settings {
    /// Names and values, without their places.
    pub fn properties(&self) -> Properties {
        self.0.iter().map(|(name, value)| (name.value.clone(), value.0.clone())).collect()
    }

    /// The value of one setting, if it is given.
    pub fn get(&self, name: &str) -> Option<&Spanned<Setting>> {
        self.0.iter().find(|(key, _)| key.value == name).map(|(_, value)| value)
    }
}

/// A JSON Schema of settings that names those of some groups, so that editors complete and explain them.
pub(super) fn settings_schema(groups: &[&[SettingDefinition]]) -> Schema {
    let mut properties = serde_json::Map::new();
    for setting in groups.iter().flat_map(|group| group.iter()) {
        let text = format!("{} Default: {}. Range: {}.", setting.doc.trim(), setting.default, setting.range);
        properties.insert(
            setting.name.to_owned(),
            serde_json::json!({ "type": ["string", "integer", "boolean"], "description": text }),
        );
    }
    json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
}

impl JsonSchema for Settings {
    fn schema_name() -> Cow<'static, str> {
        "Settings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        settings_schema(&[
            ReplicationSettings::DEFINITIONS,
            LogSettings::DEFINITIONS,
            LogManagerSettings::DEFINITIONS,
            RaftSettings::DEFINITIONS,
            ControllerSettings::DEFINITIONS,
        ])
    }
}

/// A client's section: Kafka's settings, and the partitions that a consumer reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// The partitions that a consumer reads from the start.
    pub assign: Vec<Spanned<String>>,
    /// Everything else.
    pub settings: Settings,
}

impl<'de> Deserialize<'de> for ClientSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Section;
        impl<'de> Visitor<'de> for Section {
            type Value = ClientSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of settings, such as { acks = \"all\", \"linger.ms\" = 0 }")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClientSettings, A::Error> {
                let mut section = ClientSettings::default();
                while let Some(name) = map.next_key::<Spanned<String>>()? {
                    if name.value == "assign" {
                        section.assign = map.next_value()?;
                    } else {
                        let value = map.next_value()?;
                        section.settings.0.insert(name, value);
                    }
                }
                Ok(section)
            }
        }
        deserializer.deserialize_map(Section)
    }
}

impl Serialize for ClientSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        if !self.assign.is_empty() {
            map.serialize_entry("assign", &self.assign)?;
        }
        for (name, value) in &self.settings.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
