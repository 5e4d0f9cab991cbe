//! Values with several forms: a number or a range of numbers, a time or a range of times, a machine or a list.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::value::Span;

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
