//! What must recover when the faults are over: `liveness = true`, or a core of machines that ought to suffice.
//!
//! ```text
//!   liveness = true                     the core is whatever runs at the end of the steps
//!   [liveness]
//!   core = [1, 2, 101, 102]             the core is these machines: healed, and started if they do not run
//!   outside = "cut-off"                 the others live on, but nothing passes between them and the core
//! ```

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::value::Spanned;

/// Which machines must recover by themselves after the last step, and what becomes of the others.
///
/// Clients stand with the core: those that run are healed, and never cut off from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Liveness {
    /// The ids of the core's brokers and controllers; none for those whose process runs when the last step is over.
    pub core: Option<Spanned<Vec<Spanned<i32>>>>,
    /// What becomes of the brokers and controllers outside of the core.
    pub outside: Outside,
}

/// What becomes of the brokers and controllers outside of the core, for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    /// Their processes are killed.
    #[default]
    Dead,
    /// Nothing passes between them and the core, or a client, in either direction.
    CutOff,
}

impl Liveness {
    /// A core of these brokers and controllers.
    pub fn of_core(core: impl IntoIterator<Item = i32>, outside: Outside) -> Liveness {
        let core = core.into_iter().map(Spanned::nowhere).collect();
        Liveness { core: Some(Spanned::nowhere(core)), outside }
    }
}

/// The written form of a liveness that says more than `true`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LivenessTable {
    /// The ids of the core's brokers and controllers. They are healed and started. Default: those that run at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    core: Option<Spanned<Vec<Spanned<i32>>>>,
    /// What becomes of the brokers and controllers outside of the core, for ever. Default: dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outside: Option<Outside>,
}

impl<'de> Deserialize<'de> for Liveness {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TrueOrTable;
        impl<'de> Visitor<'de> for TrueOrTable {
            type Value = Liveness;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, or { core, outside }")
            }

            fn visit_bool<E: Error>(self, wanted: bool) -> Result<Liveness, E> {
                match wanted {
                    true => Ok(Liveness::default()),
                    false => Err(E::custom("leave `liveness` out where nothing has to recover")),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Liveness, A::Error> {
                let LivenessTable { core, outside } = LivenessTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Liveness { core, outside: outside.unwrap_or_default() })
            }
        }
        deserializer.deserialize_any(TrueOrTable)
    }
}

impl Serialize for Liveness {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Liveness::default() {
            return serializer.serialize_bool(true);
        }
        let outside = (self.outside != Outside::default()).then_some(self.outside);
        LivenessTable { core: self.core.clone(), outside }.serialize(serializer)
    }
}

impl JsonSchema for Liveness {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Liveness".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<LivenessTable>();
        json_schema!({
            "description": "What must recover after the last step: true for whatever runs then, or a chosen core.",
            "oneOf": [{ "const": true }, table],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Scenario, print};

    const HEAD: &str = "format = 1\nid = \"core\"\ntitle = \"A core\"\n";
    const CLUSTER: &str = "[cluster]\nbrokers = 3\ncontrollers = 3\n";

    fn read(liveness: &str) -> Result<Option<Liveness>, String> {
        let scenario = Scenario::parse("core.toml", &format!("{HEAD}{liveness}\n{CLUSTER}"));
        scenario.map(|scenario| scenario.file.liveness).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn a_core_reads_back_as_it_was_printed_in_every_form() {
        let forms = [
            ("", None),
            ("liveness = true", Some(Liveness::default())),
            ("[liveness]\ncore = [1, 2, 101]", Some(Liveness::of_core([1, 2, 101], Outside::Dead))),
            ("liveness = { core = [1], outside = \"cut-off\" }", Some(Liveness::of_core([1], Outside::CutOff))),
            ("[liveness]\noutside = \"cut-off\"", Some(Liveness { core: None, outside: Outside::CutOff })),
        ];
        for (text, wanted) in forms {
            assert_eq!(read(text).as_ref(), Ok(&wanted), "{text}");
            let source = format!("{HEAD}{text}\n{CLUSTER}");
            let scenario = Scenario::parse("core.toml", &source).expect("it was read a moment ago");
            let printed = print::print(&scenario.file);
            let again =
                Scenario::parse("again.toml", &printed).unwrap_or_else(|invalid| panic!("{invalid}\n{printed}"));
            assert_eq!(again.file.liveness, wanted, "{printed}");
        }
    }

    #[test]
    fn a_core_of_machines_that_do_not_exist_or_of_none_is_refused() {
        for (text, complaint) in [
            ("[liveness]\ncore = [1, 4]", "there is no broker 4"),
            ("[liveness]\ncore = [1, 104]", "there is no broker 104"),
            ("[liveness]\ncore = [1, 101, 1]", "machine 1 stands here twice"),
            ("[liveness]\ncore = []", "a core without machines"),
            ("liveness = false", "leave `liveness` out"),
        ] {
            let found = read(text).expect_err(text);
            assert!(found.contains(complaint), "{text}: {found}");
        }
    }
}
