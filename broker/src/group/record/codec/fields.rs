//! Fields as records of `__consumer_offsets` have them beside those of [`crate::flexible`].

use bytes::{BufMut, Bytes};

use crate::flexible::{Decoded, Reader, RecordDecodeError, Tags, Writer};
use crate::ids::TopicId;
use crate::message::PartitionsByTopic;

impl Writer {
    /// A text as messages that are not flexible write it: its length as an i16.
    pub(super) fn short_string(&mut self, text: &str) {
        let length = i16::try_from(text.len()).expect("a text of a message holds at most 32,767 bytes");
        self.bytes.put_i16(length);
        self.bytes.put_slice(text.as_bytes());
    }

    /// The same, with −1 for null.
    pub(super) fn nullable_short_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.short_string(text),
            None => self.bytes.put_i16(-1),
        }
    }

    /// Bytes as messages that are not flexible write them: their length as an i32.
    pub(super) fn sized_bytes(&mut self, bytes: &[u8]) {
        self.bytes.put_i32(bytes.len() as i32);
        self.bytes.put_slice(bytes);
    }

    pub(super) fn strings(&mut self, texts: &[String]) {
        self.length(texts.len());
        for text in texts {
            self.string(text);
        }
    }

    pub(super) fn partitions(&mut self, partitions: &PartitionsByTopic) {
        self.length(partitions.len());
        for (topic, indexes) in partitions {
            self.uuid(topic.0);
            self.length(indexes.len());
            for index in indexes {
                self.bytes.put_i32(*index);
            }
            self.tags(Tags::default());
        }
    }
}

impl Reader<'_> {
    pub(super) fn nullable_short_string(&mut self) -> Decoded<Option<String>> {
        let length = self.i16()?;
        if length < 0 {
            return Ok(None);
        }
        let text = self.take(length as usize)?;
        let text = std::str::from_utf8(text).map_err(|_| RecordDecodeError::Malformed("a string"))?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn short_string(&mut self) -> Decoded<String> {
        self.nullable_short_string()?.ok_or(RecordDecodeError::Malformed("a string"))
    }

    pub(super) fn sized_bytes(&mut self) -> Decoded<Bytes> {
        let length = usize::try_from(self.i32()?).map_err(|_| RecordDecodeError::Malformed("bytes"))?;
        self.take(length).map(Bytes::copy_from_slice)
    }

    pub(super) fn compact_bytes(&mut self) -> Decoded<Bytes> {
        let length = self.uvarint()?.checked_sub(1).ok_or(RecordDecodeError::Malformed("bytes"))?;
        self.take(length as usize).map(Bytes::copy_from_slice)
    }

    pub(super) fn strings(&mut self) -> Decoded<Vec<String>> {
        self.nullable_array(Self::string)?.ok_or(RecordDecodeError::Malformed("a list of strings"))
    }

    pub(super) fn partitions(&mut self) -> Decoded<PartitionsByTopic> {
        let topics = self.nullable_array(|r| {
            let topic = TopicId(r.uuid()?);
            let indexes = r.nullable_array(|r| r.i32())?.ok_or(RecordDecodeError::Malformed("a list of partitions"))?;
            r.tags(|_, _| Ok(()))?;
            Ok((topic, indexes))
        })?;
        let mut partitions = PartitionsByTopic::new();
        for (topic, indexes) in topics.ok_or(RecordDecodeError::Malformed("a list of topics"))? {
            partitions.entry(topic).or_default().extend(indexes);
        }
        Ok(partitions)
    }
}
