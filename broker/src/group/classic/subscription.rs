//! What a consumer said that it reads (`ConsumerProtocolSubscription`), as far as a classic coordinator looks at it.
//!
//! The coordinator does not interpret what members say to each other, with this exception: the
//! topics decide which offsets expire. They stand at the same place in all versions.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};

use crate::ids::TopicName;

/// The topics of a subscription; none if these are no such bytes.
pub fn subscribed_topics(said: &Bytes) -> Option<BTreeSet<TopicName>> {
    let mut bytes = said.clone();
    let version = bytes.try_get_i16().ok()?;
    if version < 0 {
        return None;
    }
    let count = usize::try_from(bytes.try_get_i32().ok()?).ok()?;
    let mut topics = BTreeSet::new();
    for _ in 0..count {
        let length = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
        if bytes.remaining() < length {
            return None;
        }
        let name = bytes.split_to(length);
        topics.insert(TopicName::new(std::str::from_utf8(&name).ok()?));
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_from_any_version() {
        let bytes = Bytes::from_static(b"\x00\x03\x00\x00\x00\x02\x00\x01a\x00\x02bc\xff\xff\xff\xffwhatever follows");
        let topics = subscribed_topics(&bytes).expect("a subscription");
        assert_eq!(topics, BTreeSet::from([TopicName::new("a"), TopicName::new("bc")]));
    }

    #[test]
    fn what_is_no_subscription_tells_no_topics() {
        for bytes in [&b""[..], b"\x00", b"\xff\xff\x00\x00\x00\x00", b"\x00\x00\x00\x00\x00\x01\x00\x09abc"] {
            assert_eq!(subscribed_topics(&Bytes::copy_from_slice(bytes)), None, "{bytes:?}");
        }
    }
}
