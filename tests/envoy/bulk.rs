//! Bodies of many megabytes: sent from one block, compared as they come, kept by nobody.

use bytes::Bytes;

use crate::h2;
use crate::upstream::Answer;

/// `[`, the block so often, and the last element with `]`.
#[derive(Clone, Debug)]
pub struct Bulk {
    block: Bytes,
    times: usize,
    last: Bytes,
}

/// Compares what comes with what must.
#[derive(Debug)]
pub struct Check {
    want: Bulk,
    at: usize,
}

impl Bulk {
    /// A list of an element, about so many bytes long.
    pub fn of(element: &str, bytes: usize) -> Self {
        let block = format!("{element},").repeat(BLOCK_BYTES.div_ceil(element.len()));
        let times = bytes.div_ceil(block.len());
        Self { block: block.into(), times, last: format!("{element}]").into() }
    }

    /// As long a list of another element: what must come of it.
    #[must_use]
    pub fn with(&self, from: &str, to: &str) -> Self {
        let count = self.block.len() / (from.len() + 1);
        Self { block: format!("{to},").repeat(count).into(), times: self.times, last: format!("{to}]").into() }
    }

    /// How long it is.
    pub fn length(&self) -> usize {
        1 + self.block.len() * self.times + self.last.len()
    }

    /// JSON with `content-length`.
    pub fn answer(&self) -> Answer {
        let length = self.length().to_string();
        let head = Answer::head("200 OK", &[("content-type", "application/json"), ("content-length", &length)]);
        head.send("[").repeat(&self.block, self.times).send(&self.last)
    }

    /// JSON in chunks.
    pub fn chunked_answer(&self) -> Answer {
        let head = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
        let mut block = format!("{:x}\r\n", self.block.len()).into_bytes();
        block.extend_from_slice(&self.block);
        block.extend_from_slice(b"\r\n");
        Answer::head("200 OK", &head)
            .chunks([&b"["[..]])
            .repeat(&block, self.times)
            .chunks([&self.last[..]])
            .trailers(&[])
    }

    /// The same from a portal that speaks HTTP/2.
    pub fn h2_answer(&self) -> h2::Answer {
        h2::Answer::json("[").repeat(self.block.clone(), self.times).data(self.last.clone())
    }

    /// Its pieces in order.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> {
        let front = std::iter::once(Bytes::from_static(b"["));
        front.chain(std::iter::repeat_n(self.block.clone(), self.times)).chain([self.last.clone()])
    }

    /// Compares from the beginning.
    pub fn check(&self) -> Check {
        Check { want: self.clone(), at: 0 }
    }
}

impl Check {
    /// The next bytes.
    ///
    /// # Panics
    /// They are others.
    pub fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let want = self.rest_of_part();
            let both = want.len().min(bytes.len());
            assert!(both > 0, "more came than {} bytes", self.at);
            assert!(bytes[..both] == want[..both], "other bytes came from {} on", self.at);
            self.at += both;
            bytes = &bytes[both..];
        }
    }

    /// How much has come.
    pub fn came(&self) -> usize {
        self.at
    }

    /// Nothing is missing.
    ///
    /// # Panics
    /// Something is.
    pub fn end(&self) {
        assert_eq!(self.at, self.want.length(), "the end is missing");
    }

    fn rest_of_part(&self) -> Bytes {
        let Some(at) = self.at.checked_sub(1) else {
            return Bytes::from_static(b"[");
        };
        let blocks = self.want.block.len() * self.want.times;
        if at < blocks {
            self.want.block.slice(at % self.want.block.len()..)
        } else {
            self.want.last.slice(at - blocks..)
        }
    }
}

const BLOCK_BYTES: usize = 64 << 10;
