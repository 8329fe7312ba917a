//! From received bytes to spans: the same way when they arrive and when the log is replayed.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel_codec::SpanSink;
use spandrel_model::{Resource, Span};
use spandrel_storage::{Origin, OverBudget, RecordDecoder, Reservation, SpanBatch};

use crate::admission::{ContentEncoding, inflate};
use crate::receivers::format::WireFormat;
use crate::receivers::span_limits::{Limited, SPAN_LIMITS, SpanLimits};

/// The name under which a record keeps how large its body could be when inflated.
pub(crate) const INFLATED_LEN_LIMIT: &str = "inflated_len_max";

/// Gathers decoded spans and charges the memory they take, before the store does.
///
/// A decoder can't be stopped from its sink, so past the budget spans are let go at once and
/// the refusal is kept for whoever asks at the end.
#[derive(Debug)]
pub(crate) struct ChargedSpans {
    spans: SpanBatch,
    charge: Reservation,
    charged_ahead_bytes: u64,
    seen_spans: u64,
    /// Of the first span.
    resource: Option<Arc<Resource>>,
    refused: Option<OverBudget>,
}

/// How many bytes are charged at a time, so that most spans cost no atomic operation.
const CHARGE_STEP_BYTES: u64 = 64 << 10;

impl ChargedSpans {
    /// Starts with what the request charges already.
    pub(crate) fn new(charge: Reservation) -> Self {
        let spans = SpanBatch::new();
        Self { spans, charge, charged_ahead_bytes: 0, seen_spans: 0, resource: None, refused: None }
    }

    /// How many spans came, those let go of included.
    pub(crate) fn seen_spans(&self) -> u64 {
        self.seen_spans
    }

    /// Returns the resource of the first span.
    pub(crate) fn take_resource(&mut self) -> Option<Arc<Resource>> {
        self.resource.take()
    }

    /// Returns the spans and all that they charge, or why there was no room.
    pub(crate) fn finish(self) -> Result<(SpanBatch, Reservation), OverBudget> {
        match self.refused {
            Some(refused) => Err(refused),
            None => Ok((self.spans, self.charge)),
        }
    }

    /// Charges bytes to the same account as the request.
    pub(crate) fn charge(&mut self, bytes: u64) -> Result<(), OverBudget> {
        self.charge.grow(bytes)
    }

    fn charge_growth(&mut self, bytes: u64) -> Result<(), OverBudget> {
        if self.charged_ahead_bytes < bytes {
            let step = bytes.max(CHARGE_STEP_BYTES);
            self.charge.grow(step)?;
            self.charged_ahead_bytes += step;
        }
        self.charged_ahead_bytes -= bytes;
        Ok(())
    }
}

impl SpanSink for ChargedSpans {
    fn span(&mut self, span: &Span<'_>) {
        if self.seen_spans == 0 {
            self.resource = Some(Arc::clone(&span.resource));
        }
        self.seen_spans += 1;
        if self.refused.is_some() {
            return;
        }
        let before = self.spans.byte_len();
        self.spans.push(span);
        if let Err(refused) = self.charge_growth(self.spans.byte_len() - before) {
            self.spans = SpanBatch::new();
            self.refused = Some(refused);
        }
    }
}

/// Decodes what the log kept, under the limits that held when it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredRequests;

impl RecordDecoder for StoredRequests {
    fn decode(
        &self,
        origin: &Origin,
        body: &[u8],
        sink: &mut dyn FnMut(&Span<'_>),
    ) -> Result<(), String> {
        let format = WireFormat::from_name(&origin.format)
            .ok_or_else(|| format!("this version knows no format `{}`", origin.format))?;
        let encoding = ContentEncoding::from_name(&origin.content_encoding).ok_or_else(|| {
            format!("this version knows no content encoding `{}`", origin.content_encoding)
        })?;
        let limit = |name| {
            let held = origin.limits.iter().find(|(known, _)| known == name);
            held.map(|(_, limit)| *limit)
        };
        let number = limit(SPAN_LIMITS);
        let span_limits = SpanLimits::of_number(number)
            .ok_or_else(|| format!("this version knows no limits of spans of number {number:?}"))?;
        let body = match encoding {
            ContentEncoding::Identity => Cow::Borrowed(body),
            encoding => {
                let len_max = limit(INFLATED_LEN_LIMIT).unwrap_or(u64::MAX);
                let mut inflated = Vec::new();
                let len = inflate(encoding, body, len_max, &mut inflated, &mut |_| Ok(()))
                    .map_err(|error| error.to_string())?;
                inflated.truncate(len);
                Cow::Owned(inflated)
            }
        };
        let mut sink = Lent(sink);
        let mut limited = Limited::new(span_limits, &mut sink);
        format.decode(&body, &mut limited).map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Passes on the spans that a decoder lends.
pub(crate) struct Lent<'s>(pub(crate) &'s mut dyn FnMut(&Span<'_>));

impl SpanSink for Lent<'_> {
    fn span(&mut self, span: &Span<'_>) {
        (self.0)(span);
    }
}
