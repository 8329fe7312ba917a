//! The requests of a corpus, one by one: read back from a file, or made as they are asked for.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use spandrel_corpus::{Requests, otlp};

use crate::commands::measure::corpus_flags::CorpusFlags;

/// How much of the file is read at once.
const CHUNK_LEN: usize = 8 << 20;

/// How many buffers are kept for the chunks to come.
const BUFFERS_MAX: usize = 64;

/// What a corpus file was asked to hold, and what it does.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct CorpusFacts {
    pub(super) profile: String,
    pub(super) seed: u64,
    pub(super) has_random_attribute: bool,
    pub(super) spans_per_request: usize,
    pub(super) spans_wanted: u64,
    /// Traces; their numbers are those below.
    pub(super) traces: u64,
    /// Spans sent, those that are sent twice counted twice.
    pub(super) spans: u64,
    pub(super) requests: u64,
    /// The lengths of all requests together, without what frames or lines add.
    pub(super) body_bytes: u64,
}

impl CorpusFacts {
    /// What the flags ask for, of which nothing is made yet.
    pub(super) fn wanted(flags: &CorpusFlags) -> Self {
        Self {
            profile: flags.profile.to_string(),
            seed: flags.seed,
            has_random_attribute: flags.random_attribute,
            spans_per_request: flags.spans_per_request,
            spans_wanted: flags.spans.0,
            traces: 0,
            spans: 0,
            requests: 0,
            body_bytes: 0,
        }
    }

    /// Whether this is what the flags ask for.
    pub(super) fn is_of(&self, flags: &CorpusFlags) -> bool {
        let Self { traces, spans, requests, body_bytes, .. } = *self;
        *self == Self { traces, spans, requests, body_bytes, ..Self::wanted(flags) }
    }
}

/// The requests of a corpus, in order.
pub(super) enum CorpusRequests {
    /// From a file.
    Read(Frames),
    /// Made when they are asked for.
    Made(Box<Maker>),
}

/// Makes requests, and counts them.
pub(super) struct Maker {
    requests: Requests,
    facts: CorpusFacts,
}

impl CorpusRequests {
    /// Returns the next request's bytes and its count of spans.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(Bytes, u32)>> {
        match self {
            Self::Read(frames) => frames.next(),
            Self::Made(maker) => Ok(maker.next()),
        }
    }
}

impl Maker {
    pub(super) fn new(flags: &CorpusFlags) -> Self {
        let requests = flags.corpus().requests(flags.spans.0, flags.spans_per_request);
        Self { requests, facts: CorpusFacts::wanted(flags) }
    }

    /// What was made so far.
    pub(super) fn into_facts(self) -> CorpusFacts {
        CorpusFacts { traces: self.requests.traces_made(), ..self.facts }
    }

    fn next(&mut self) -> Option<(Bytes, u32)> {
        let request = self.requests.next()?;
        let mut body = Vec::new();
        otlp::encode_request(&request, &mut body);
        self.facts.spans += request.spans.len() as u64;
        self.facts.requests += 1;
        self.facts.body_bytes += body.len() as u64;
        Some((body.into(), request.spans.len() as u32))
    }
}

/// The requests of a file of frames, in order.
///
/// Requests share the buffer of the chunk in which they were read; buffers that nobody looks at
/// any more are used again, so that reading touches no new memory after a while.
#[derive(Debug)]
pub(super) struct Frames {
    file: File,
    /// What is read and not handed out.
    rest: Bytes,
    buffers: VecDeque<Bytes>,
}

impl Frames {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        Ok(Self { file, rest: Bytes::new(), buffers: VecDeque::new() })
    }

    /// Returns the next request's bytes and its count of spans.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(Bytes, u32)>> {
        loop {
            if let Some(frame) = self.split_frame() {
                return Ok(Some(frame));
            }
            if self.read_chunk()? == 0 {
                if self.rest.is_empty() {
                    return Ok(None);
                }
                bail!("the file of the corpus ends inside a request");
            }
        }
    }

    fn split_frame(&mut self) -> Option<(Bytes, u32)> {
        let (len, behind) = self.rest.split_first_chunk::<4>()?;
        let spans = u32::from_le_bytes(*behind.first_chunk()?);
        let end = 8 + u32::from_le_bytes(*len) as usize;
        if self.rest.len() < end {
            return None;
        }
        let mut frame = self.rest.split_to(end);
        Some((frame.split_off(8), spans))
    }

    fn read_chunk(&mut self) -> io::Result<u64> {
        let mut buffer = self.free_buffer();
        buffer.clear();
        buffer.extend_from_slice(&self.rest);
        let start = buffer.len();
        buffer.resize(start + CHUNK_LEN, 0);
        let mut filled = start;
        while filled < buffer.len() {
            match self.file.read(&mut buffer[filled..])? {
                0 => break,
                len => filled += len,
            }
        }
        buffer.truncate(filled);
        self.rest = buffer.freeze();
        if self.buffers.len() < BUFFERS_MAX {
            self.buffers.push_back(self.rest.clone());
        }
        Ok((filled - start) as u64)
    }

    fn free_buffer(&mut self) -> BytesMut {
        for _ in 0..self.buffers.len() {
            let Some(oldest) = self.buffers.pop_front() else { break };
            match oldest.try_into_mut() {
                Ok(buffer) => return buffer,
                Err(in_use) => self.buffers.push_back(in_use),
            }
        }
        BytesMut::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spandrel_corpus::{Corpus, Profile, otlp};

    #[test]
    fn frames_are_read_as_they_were_written_and_a_cut_one_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corpus");
        let mut bytes = Vec::new();
        let requests = Corpus::of(Profile::Ten, 1).requests(30_000, 300);
        let bodies: Vec<Vec<u8>> = requests
            .map(|request| {
                otlp::encode_frame(&request, &mut bytes);
                let mut body = Vec::new();
                otlp::encode_request(&request, &mut body);
                body
            })
            .collect();
        assert!(bytes.len() > CHUNK_LEN, "{} bytes are more than a chunk", bytes.len());
        std::fs::write(&path, &bytes).unwrap();
        let mut frames = Frames::open(&path).unwrap();
        for body in &bodies {
            assert_eq!(frames.next().unwrap().unwrap().0, body);
        }
        assert!(frames.next().unwrap().is_none());

        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let mut frames = Frames::open(&path).unwrap();
        let outcome = (0..=bodies.len()).find_map(|_| frames.next().err());
        assert!(outcome.unwrap().to_string().contains("inside a request"));
    }
}
