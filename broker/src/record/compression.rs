//! The compression codecs of a batch's body, framed as Kafka's Java clients frame them.
//!
//! | codec | frame |
//! |---|---|
//! | gzip | one gzip member |
//! | snappy | xerial's: a 16-byte header, then blocks of at most 32 KiB, each behind its length |
//! | lz4 | the LZ4 frame format, 64 KiB independent blocks, no content checksum |
//! | zstd | one zstd frame (KIP-110) |

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use super::RecordError;

/// No batch decompresses to more than this: a damaged or hostile body must not eat the memory.
const MAX_DECOMPRESSED: u64 = 256 * 1024 * 1024;
/// `\x82SNAPPY\0`, version 1, compatible from version 1.
const XERIAL_HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const XERIAL_BLOCK: usize = 32 * 1024;

/// `compression.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not compressed.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy in xerial's framing.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

impl Compression {
    /// The value of the lowest three attribute bits.
    pub(crate) fn bits(self) -> i16 {
        self as i16
    }

    pub(crate) fn from_bits(bits: u8) -> Result<Compression, RecordError> {
        match bits {
            0 => Ok(Compression::None),
            1 => Ok(Compression::Gzip),
            2 => Ok(Compression::Snappy),
            3 => Ok(Compression::Lz4),
            4 => Ok(Compression::Zstd),
            other => Err(RecordError::UnknownCompression(other)),
        }
    }

    /// Compresses a body. Deterministic: no time stamps, no dictionaries.
    pub(crate) fn compress(self, body: &[u8]) -> Vec<u8> {
        const MEMORY: &str = "writing to memory does not fail";
        match self {
            Compression::None => body.to_vec(),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(body).expect(MEMORY);
                encoder.finish().expect(MEMORY)
            }
            Compression::Snappy => {
                let mut out = XERIAL_HEADER.to_vec();
                for block in body.chunks(XERIAL_BLOCK) {
                    let packed = snap::raw::Encoder::new().compress_vec(block).expect("a block of 32 KiB fits");
                    out.extend_from_slice(&(packed.len() as u32).to_be_bytes());
                    out.extend_from_slice(&packed);
                }
                out
            }
            Compression::Lz4 => {
                let info = lz4_flex::frame::FrameInfo::new()
                    .block_size(lz4_flex::frame::BlockSize::Max64KB)
                    .block_mode(lz4_flex::frame::BlockMode::Independent);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(body).expect(MEMORY);
                encoder.finish().expect(MEMORY)
            }
            Compression::Zstd => ruzstd::encoding::compress_to_vec(body, ruzstd::encoding::CompressionLevel::Fastest),
        }
    }

    /// # Errors
    /// `CannotDecompress`.
    pub(crate) fn decompress(self, body: &[u8]) -> Result<Vec<u8>, RecordError> {
        match self {
            Compression::None => Ok(body.to_vec()),
            Compression::Gzip => read_limited(flate2::read::GzDecoder::new(body)),
            Compression::Snappy => decompress_snappy(body),
            Compression::Lz4 => read_limited(lz4_flex::frame::FrameDecoder::new(body)),
            Compression::Zstd => {
                let decoder = ruzstd::decoding::StreamingDecoder::new(body);
                read_limited(decoder.map_err(|_| RecordError::CannotDecompress)?)
            }
        }
    }
}

fn read_limited(reader: impl Read) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::new();
    let read = reader.take(MAX_DECOMPRESSED + 1).read_to_end(&mut out);
    match read {
        Ok(length) if length as u64 <= MAX_DECOMPRESSED => Ok(out),
        _ => Err(RecordError::CannotDecompress),
    }
}

/// Blocks in xerial's framing, or, as Kafka also accepts, one bare block.
fn decompress_snappy(body: &[u8]) -> Result<Vec<u8>, RecordError> {
    let failed = |_| RecordError::CannotDecompress;
    let block = |packed: &[u8]| -> Result<Vec<u8>, RecordError> {
        let length = snap::raw::decompress_len(packed).map_err(failed)?;
        if length as u64 > MAX_DECOMPRESSED {
            return Err(RecordError::CannotDecompress);
        }
        snap::raw::Decoder::new().decompress_vec(packed).map_err(failed)
    };
    if !body.starts_with(&XERIAL_HEADER[..8]) {
        return block(body);
    }
    let mut rest = body.get(XERIAL_HEADER.len()..).ok_or(RecordError::CannotDecompress)?;
    let mut out = Vec::new();
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk::<4>().ok_or(RecordError::CannotDecompress)?;
        let length = u32::from_be_bytes(*length) as usize;
        let packed = tail.get(..length).ok_or(RecordError::CannotDecompress)?;
        out.extend_from_slice(&block(packed)?);
        if out.len() as u64 > MAX_DECOMPRESSED {
            return Err(RecordError::CannotDecompress);
        }
        rest = &tail[length..];
    }
    Ok(out)
}
