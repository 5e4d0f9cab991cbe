//! Kafka's flexible encoding (KIP-482): the fields of records, one by one.
//!
//! Strings and arrays are compact: their length + 1 as an unsigned varint, 0 for null. Optional
//! fields come last, each as (tag, size, bytes). Reading trusts no length: what is damaged is refused.

use bytes::{BufMut, BytesMut};
use uuid::Uuid;

use crate::ids::{DirectoryId, Endpoint, NodeId};

/// Why bytes are not a record that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordDecodeError {
    /// The bytes end inside a field.
    Truncated,
    /// The frame version of a metadata record is not 1.
    UnknownFrame(u32),
    /// A metadata record type that Trial does not use (access control, quotas, tokens, …).
    UnknownType(u32),
    /// A version of a known type that Kafka 4.1 does not define.
    UnknownVersion(u32, u32),
    /// A field holds what it may not hold.
    Malformed(&'static str),
    /// Bytes are left behind the last field.
    TrailingBytes(usize),
}

impl std::fmt::Display for RecordDecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RecordDecodeError::Truncated => f.write_str("the record ends inside a field"),
            RecordDecodeError::UnknownFrame(version) => write!(f, "frame version {version} is not 1"),
            RecordDecodeError::UnknownType(key) => write!(f, "record type {key} is not known"),
            RecordDecodeError::UnknownVersion(key, version) => {
                write!(f, "record type {key} has no version {version}")
            }
            RecordDecodeError::Malformed(what) => write!(f, "{what} is malformed"),
            RecordDecodeError::TrailingBytes(count) => write!(f, "{count} bytes behind the last field"),
        }
    }
}

impl std::error::Error for RecordDecodeError {}

/// What was read, or why it could not be.
pub(crate) type Decoded<T> = Result<T, RecordDecodeError>;

/// Fields on their way into bytes.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) bytes: BytesMut,
}

/// Tagged fields, gathered in ascending order of their tags.
#[derive(Default)]
pub(crate) struct Tags(Vec<(u32, BytesMut)>);

impl Tags {
    pub(crate) fn add(&mut self, tag: u32, write: impl FnOnce(&mut Writer)) {
        let mut field = Writer::default();
        write(&mut field);
        self.0.push((tag, field.bytes));
    }
}

impl Writer {
    pub(crate) fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    /// A compact length: one more than the count, so that 0 can stand for null.
    pub(crate) fn length(&mut self, count: usize) {
        self.uvarint(count as u32 + 1);
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.bytes.put_u8(u8::from(value));
    }

    pub(crate) fn uuid(&mut self, id: Uuid) {
        self.bytes.put_slice(id.as_bytes());
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.put_slice(text.as_bytes());
    }

    pub(crate) fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.uvarint(0),
        }
    }

    pub(crate) fn nodes(&mut self, nodes: &[NodeId]) {
        self.length(nodes.len());
        for node in nodes {
            self.bytes.put_i32(node.0);
        }
    }

    pub(crate) fn directories(&mut self, directories: &[DirectoryId]) {
        self.length(directories.len());
        for directory in directories {
            self.uuid(directory.0);
        }
    }

    /// Simplified: Trial knows one listener a process, so its name is made from the role.
    pub(crate) fn endpoints(&mut self, endpoints: &[Endpoint], listener: &str) {
        self.length(endpoints.len());
        for (index, endpoint) in endpoints.iter().enumerate() {
            let name = if index == 0 { listener.to_owned() } else { format!("{listener}-{index}") };
            self.string(&name);
            self.string(&endpoint.host);
            self.bytes.put_u16(endpoint.port);
            self.bytes.put_i16(0); // PLAINTEXT
            self.tags(Tags::default());
        }
    }

    pub(crate) fn features(&mut self, features: &[(String, i16, i16)]) {
        self.length(features.len());
        for (name, lowest, highest) in features {
            self.string(name);
            self.bytes.put_i16(*lowest);
            self.bytes.put_i16(*highest);
            self.tags(Tags::default());
        }
    }

    pub(crate) fn tags(&mut self, tags: Tags) {
        self.uvarint(tags.0.len() as u32);
        for (tag, field) in tags.0 {
            self.uvarint(tag);
            self.uvarint(field.len() as u32);
            self.bytes.put_slice(&field);
        }
    }
}

/// Fields on their way out of bytes.
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let (head, rest) = self.bytes.split_at_checked(count).ok_or(RecordDecodeError::Truncated)?;
        self.bytes = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| RecordDecodeError::Truncated)
    }

    pub(crate) fn i8(&mut self) -> Decoded<i8> {
        self.array().map(i8::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Decoded<i16> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Decoded<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Decoded<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub(crate) fn boolean(&mut self) -> Decoded<bool> {
        Ok(self.i8()? != 0)
    }

    pub(crate) fn node(&mut self) -> Decoded<NodeId> {
        self.i32().map(NodeId)
    }

    pub(crate) fn uuid(&mut self) -> Decoded<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    pub(crate) fn uvarint(&mut self) -> Decoded<u32> {
        let mut value: u32 = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.array::<1>()?[0];
            value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordDecodeError::Malformed("a varint"))
    }

    pub(crate) fn nullable_string(&mut self) -> Decoded<Option<String>> {
        let length = self.uvarint()?;
        if length == 0 {
            return Ok(None);
        }
        let text = self.take(length as usize - 1)?;
        std::str::from_utf8(text)
            .map(|text| Some(text.to_owned()))
            .map_err(|_| RecordDecodeError::Malformed("a string"))
    }

    pub(crate) fn string(&mut self) -> Decoded<String> {
        self.nullable_string()?.ok_or(RecordDecodeError::Malformed("a string"))
    }

    /// A compact array; the count is not trusted for allocation, only the bytes behind it are.
    pub(crate) fn nullable_array<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Decoded<T>,
    ) -> Decoded<Option<Vec<T>>> {
        let length = self.uvarint()?;
        if length == 0 {
            return Ok(None);
        }
        let mut items = Vec::new();
        for _ in 1..length {
            items.push(read(self)?);
        }
        Ok(Some(items))
    }

    pub(crate) fn nullable_nodes(&mut self) -> Decoded<Option<Vec<NodeId>>> {
        self.nullable_array(Self::node)
    }

    pub(crate) fn nodes(&mut self) -> Decoded<Vec<NodeId>> {
        self.nullable_nodes()?.ok_or(RecordDecodeError::Malformed("a list of nodes"))
    }

    pub(crate) fn nullable_directories(&mut self) -> Decoded<Option<Vec<DirectoryId>>> {
        self.nullable_array(|r| r.uuid().map(DirectoryId))
    }

    pub(crate) fn directories(&mut self) -> Decoded<Vec<DirectoryId>> {
        self.nullable_directories()?.ok_or(RecordDecodeError::Malformed("a list of directories"))
    }

    pub(crate) fn endpoints(&mut self) -> Decoded<Vec<Endpoint>> {
        let endpoints = self.nullable_array(|r| {
            r.string()?; // the listener's name
            let host = r.string()?;
            let port = r.array().map(u16::from_be_bytes)?;
            r.i16()?; // security protocol
            r.tags(|_, _| Ok(()))?;
            Ok(Endpoint::new(&host, port))
        })?;
        endpoints.ok_or(RecordDecodeError::Malformed("a list of endpoints"))
    }

    pub(crate) fn features(&mut self) -> Decoded<Vec<(String, i16, i16)>> {
        let features = self.nullable_array(|r| {
            let feature = (r.string()?, r.i16()?, r.i16()?);
            r.tags(|_, _| Ok(()))?;
            Ok(feature)
        })?;
        features.ok_or(RecordDecodeError::Malformed("a list of features"))
    }

    /// The only tagged field of the transaction records: a text, empty if absent.
    pub(crate) fn optional_text(&mut self) -> Decoded<String> {
        let mut text = String::new();
        self.tags(|tag, field| {
            if tag == 0 {
                text = field.nullable_string()?.unwrap_or_default();
            }
            Ok(())
        })?;
        Ok(text)
    }

    /// Reads tagged fields; each is handed on with exactly its own bytes. Unknown tags are skipped.
    pub(crate) fn tags(&mut self, mut read: impl FnMut(u32, &mut Reader<'_>) -> Decoded<()>) -> Decoded<()> {
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            let size = self.uvarint()? as usize;
            let mut field = Reader { bytes: self.take(size)? };
            read(tag, &mut field)?;
        }
        Ok(())
    }
}
