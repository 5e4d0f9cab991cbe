//! Settings by Kafka's names, and what a schema says of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use trial_broker::config::{
    ControllerSettings, GroupCoordinatorSettings, GroupSettings, LogManagerSettings, LogSettings, Properties,
    RaftSettings, ReplicationSettings, SettingDefinition,
};

use super::value::Spanned;

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
        // "007" is a text: as a number it would come back as "7".
        if let Some(value) = self.0.parse::<i64>().ok().filter(|value| value.to_string() == self.0) {
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

/// Settings by Kafka's name, each with the places of its name and of its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub BTreeMap<Spanned<String>, Spanned<Setting>>);

impl Settings {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

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
            GroupCoordinatorSettings::DEFINITIONS,
            // Of one group: `alter-config = { group = … }`.
            GroupSettings::DEFINITIONS,
        ])
    }
}

/// A client's section: Kafka's settings, and what a consumer reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// The partitions that a consumer reads from the start.
    pub assign: Vec<Spanned<String>>,
    /// The topics that a consumer subscribes to from the start, as a member of its group.
    pub subscribe: Vec<Spanned<String>>,
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
                    } else if name.value == "subscribe" {
                        section.subscribe = map.next_value()?;
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
        if !self.subscribe.is_empty() {
            map.serialize_entry("subscribe", &self.subscribe)?;
        }
        for (name, value) in &self.settings.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
