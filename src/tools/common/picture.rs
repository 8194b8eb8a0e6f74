//! A picture beside the text of an answer.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The bytes of the largest picture: clients keep every one in the model's context.
pub const MOST_BYTES: usize = 256 * 1024;

/// An encoded picture. Only tools that say so ([`crate::tools::Tool::PICTURES`]) may answer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The file, whole.
    pub bytes: Vec<u8>,
    /// Its format, as `image/png`.
    pub mime: Cow<'static, str>,
}

impl Picture {
    /// A PNG file.
    pub fn png(bytes: Vec<u8>) -> Self {
        Self { bytes, mime: "image/png".into() }
    }

    /// A JPEG file.
    pub fn jpeg(bytes: Vec<u8>) -> Self {
        Self { bytes, mime: "image/jpeg".into() }
    }

    /// The bytes as MCP carries them.
    pub fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.bytes)
    }
}
