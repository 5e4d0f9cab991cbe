//! Variable-length integers as Kafka's records use them (`ByteUtils`).
//!
//! Signed numbers are zigzag-coded first, so that small negative ones stay short;
//! then seven bits go into each byte, least significant first, and the top bit says
//! whether another byte follows.

use super::RecordError;

/// Appends a signed 32-bit number: 1 to 5 bytes.
pub(crate) fn write_varint(out: &mut Vec<u8>, value: i32) {
    write_unsigned(out, u64::from(((value << 1) ^ (value >> 31)) as u32));
}

/// Appends a signed 64-bit number: 1 to 10 bytes.
pub(crate) fn write_varlong(out: &mut Vec<u8>, value: i64) {
    write_unsigned(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends an unsigned number, as flexible message versions write lengths and tags.
pub(crate) fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes `write_varint` takes.
pub(crate) fn varint_size(value: i32) -> usize {
    unsigned_size(u64::from(((value << 1) ^ (value >> 31)) as u32))
}

/// How many bytes `write_varlong` takes.
pub(crate) fn varlong_size(value: i64) -> usize {
    unsigned_size(((value << 1) ^ (value >> 63)) as u64)
}

fn unsigned_size(value: u64) -> usize {
    ((64 - (value | 1).leading_zeros()) as usize).div_ceil(7)
}

/// A reading position in a slice. Reading past the end is an error, never a panic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, position: 0 }
    }

    /// How far it has come.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// What is left.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The next `length` bytes.
    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let end = self.position.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(RecordError::InvalidRecord)?;
        let taken = &self.bytes[self.position..end];
        self.position = end;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        self.take(N)?.try_into().map_err(|_| RecordError::InvalidRecord)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, RecordError> {
        Ok(self.array::<1>()?[0])
    }

    #[inline]
    pub(crate) fn i16(&mut self) -> Result<i16, RecordError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, RecordError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn i32(&mut self) -> Result<i32, RecordError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, RecordError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64, RecordError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub(crate) fn u128(&mut self) -> Result<u128, RecordError> {
        Ok(u128::from_be_bytes(self.array()?))
    }

    /// An unsigned number of at most `bits` bits.
    fn unsigned_bits(&mut self, bits: u32) -> Result<u64, RecordError> {
        let mut value = 0_u64;
        let mut shift = 0;
        loop {
            let byte = self.u8()?;
            if shift >= bits {
                return Err(RecordError::InvalidRecord);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// An unsigned 32-bit number.
    pub(crate) fn unsigned(&mut self) -> Result<u32, RecordError> {
        Ok(self.unsigned_bits(32)? as u32)
    }

    /// A zigzag-coded 32-bit number.
    pub(crate) fn varint(&mut self) -> Result<i32, RecordError> {
        let raw = self.unsigned()?;
        Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
    }

    /// A zigzag-coded 64-bit number.
    pub(crate) fn varlong(&mut self) -> Result<i64, RecordError> {
        let raw = self.unsigned_bits(64)?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ByteUtilsTest`.
    #[test]
    fn varint_bytes_are_kafkas() {
        let cases: [(i32, &[u8]); 13] = [
            (0, &[0x00]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (-65, &[0x81, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (-8192, &[0xff, 0x7f]),
            (8192, &[0x80, 0x80, 0x01]),
            (-8193, &[0x81, 0x80, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for (value, bytes) in cases {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            assert_eq!(out, bytes, "varint of {value}");
            assert_eq!(varint_size(value), bytes.len());
            assert_eq!(Cursor::new(bytes).varint(), Ok(value));
        }
    }

    #[test]
    fn varlong_and_unsigned_bytes_are_kafkas() {
        let mut out = Vec::new();
        write_varlong(&mut out, i64::MAX);
        assert_eq!(out, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        assert_eq!(Cursor::new(&out).varlong(), Ok(i64::MAX));
        assert_eq!(varlong_size(i64::MAX), 10);
        for (value, bytes) in [(63, vec![0x3f]), (64, vec![0x40]), (8191, vec![0xff, 0x3f]), (8192, vec![0x80, 0x40])] {
            let mut out = Vec::new();
            write_unsigned(&mut out, value);
            assert_eq!(out, bytes, "unsigned {value}");
        }
    }

    #[test]
    fn endless_varint_is_refused_rather_than_read_for_ever() {
        assert_eq!(Cursor::new(&[0x80; 12]).varint(), Err(RecordError::InvalidRecord));
        assert_eq!(Cursor::new(&[0x80, 0x80]).varlong(), Err(RecordError::InvalidRecord));
    }
}
