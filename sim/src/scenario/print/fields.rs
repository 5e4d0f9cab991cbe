//! The fields of a section, each as one line of TOML.
//!
//! The `toml` crate writes a section inside a section as a heading of its own
//! (`[step.kill]`); a person writes `kill = { broker = 1 }`. So the outermost struct is
//! taken apart here, in the order of its declaration, and each value is left to the
//! crate's writer of inline values.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};

/// One `name = value` of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name, quoted where TOML wants it.
    pub(super) name: String,
    /// Its value on one line.
    pub(super) value: String,
}

/// The fields of a section, in the order in which they are declared; a map's in the order of its keys.
pub(super) fn fields(section: &impl Serialize) -> Vec<Field> {
    section.serialize(Collector::default()).expect("a section of a scenario is a table")
}

/// A value on one line.
pub(super) fn inline<T: Serialize + ?Sized>(value: &T) -> String {
    let mut text = String::new();
    value.serialize(toml::ser::ValueSerializer::new(&mut text)).expect("a value of a scenario has a TOML form");
    text
}

/// A name as a key: as it is, or quoted.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { inline(name) }
}

#[derive(Default)]
struct Collector {
    fields: Vec<Field>,
    name: Option<String>,
}

/// A section that is no table: a mistake of the format's types.
#[derive(Debug)]
struct NoTable(String);

impl fmt::Display for NoTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a table: {}", self.0)
    }
}

impl std::error::Error for NoTable {}

impl ser::Error for NoTable {
    fn custom<T: fmt::Display>(message: T) -> Self {
        NoTable(message.to_string())
    }
}

/// Refuses every kind of value that is no table.
macro_rules! no_table {
    ($($method:ident: $kind:ty,)*) => {$(
        fn $method(self, _: $kind) -> Result<Vec<Field>, NoTable> {
            Err(NoTable(stringify!($kind).to_owned()))
        }
    )*};
}

impl Serializer for Collector {
    type Ok = Vec<Field>;
    type Error = NoTable;
    type SerializeSeq = Impossible<Vec<Field>, NoTable>;
    type SerializeTuple = Impossible<Vec<Field>, NoTable>;
    type SerializeTupleStruct = Impossible<Vec<Field>, NoTable>;
    type SerializeTupleVariant = Impossible<Vec<Field>, NoTable>;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<Vec<Field>, NoTable>;

    no_table! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn serialize_none(self) -> Result<Vec<Field>, NoTable> {
        Ok(Vec::new())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Vec<Field>, NoTable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Vec<Field>, NoTable> {
        Ok(Vec::new())
    }

    fn serialize_unit_variant(self, _: &str, _: u32, variant: &str) -> Result<Vec<Field>, NoTable> {
        Err(NoTable(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &str, value: &T) -> Result<Vec<Field>, NoTable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &str,
        _: u32,
        variant: &str,
        _: &T,
    ) -> Result<Vec<Field>, NoTable> {
        Err(NoTable(variant.to_owned()))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, NoTable> {
        Err(NoTable("a list".to_owned()))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NoTable> {
        Err(NoTable("a tuple".to_owned()))
    }

    fn serialize_tuple_struct(self, name: &str, _: usize) -> Result<Self::SerializeTupleStruct, NoTable> {
        Err(NoTable(name.to_owned()))
    }

    fn serialize_tuple_variant(
        self,
        name: &str,
        _: u32,
        _: &str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NoTable> {
        Err(NoTable(name.to_owned()))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, NoTable> {
        Ok(self)
    }

    fn serialize_struct(self, _: &str, _: usize) -> Result<Self, NoTable> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        name: &str,
        _: u32,
        _: &str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NoTable> {
        Err(NoTable(name.to_owned()))
    }
}

impl SerializeStruct for Collector {
    type Ok = Vec<Field>;
    type Error = NoTable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), NoTable> {
        self.fields.push(Field { name: key(name), value: inline(value) });
        Ok(())
    }

    fn end(self) -> Result<Vec<Field>, NoTable> {
        Ok(self.fields)
    }
}

impl SerializeMap for Collector {
    type Ok = Vec<Field>;
    type Error = NoTable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), NoTable> {
        let text = toml::Value::try_from(name).map_err(|error| NoTable(error.to_string()))?;
        let name = text.as_str().ok_or_else(|| NoTable("a name that is no text".to_owned()))?;
        self.name = Some(key(name));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoTable> {
        let name = self.name.take().expect("a value comes after its name");
        self.fields.push(Field { name, value: inline(value) });
        Ok(())
    }

    fn end(self) -> Result<Vec<Field>, NoTable> {
        Ok(self.fields)
    }
}
