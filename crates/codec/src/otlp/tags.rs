//! The fields of OTLP's messages: their numbers, and how their values stand on the wire.
//!
//! From opentelemetry-proto 1.9: `collector/trace/v1`, `trace/v1`, `resource/v1`, `common/v1`.

/// The fields of `ExportTraceServiceRequest`.
pub(super) mod request {
    use crate::protobuf::bytes_field;

    pub(crate) const RESOURCE_SPANS: u32 = bytes_field(1);
}

/// The fields of `ResourceSpans`.
pub(super) mod resource_spans {
    use crate::protobuf::bytes_field;

    pub(crate) const RESOURCE: u32 = bytes_field(1);
    pub(crate) const SCOPE_SPANS: u32 = bytes_field(2);
}

/// The fields of `Resource`.
pub(super) mod resource {
    use crate::protobuf::{bytes_field, varint_field};

    pub(crate) const ATTRIBUTES: u32 = bytes_field(1);
    pub(crate) const DROPPED_ATTRIBUTES: u32 = varint_field(2);
}

/// The fields of `ScopeSpans`.
pub(super) mod scope_spans {
    use crate::protobuf::bytes_field;

    pub(crate) const SCOPE: u32 = bytes_field(1);
    pub(crate) const SPANS: u32 = bytes_field(2);
}

/// The fields of `InstrumentationScope`.
pub(super) mod scope {
    use crate::protobuf::{bytes_field, varint_field};

    pub(crate) const NAME: u32 = bytes_field(1);
    pub(crate) const VERSION: u32 = bytes_field(2);
    pub(crate) const ATTRIBUTES: u32 = bytes_field(3);
    pub(crate) const DROPPED_ATTRIBUTES: u32 = varint_field(4);
}

/// The fields of `Span`.
pub(super) mod span {
    use crate::protobuf::{bytes_field, fixed32_field, fixed64_field, varint_field};

    pub(crate) const TRACE_ID: u32 = bytes_field(1);
    pub(crate) const SPAN_ID: u32 = bytes_field(2);
    pub(crate) const TRACE_STATE: u32 = bytes_field(3);
    pub(crate) const PARENT_SPAN_ID: u32 = bytes_field(4);
    pub(crate) const NAME: u32 = bytes_field(5);
    pub(crate) const KIND: u32 = varint_field(6);
    pub(crate) const START_TIME: u32 = fixed64_field(7);
    pub(crate) const END_TIME: u32 = fixed64_field(8);
    pub(crate) const ATTRIBUTES: u32 = bytes_field(9);
    pub(crate) const DROPPED_ATTRIBUTES: u32 = varint_field(10);
    pub(crate) const EVENTS: u32 = bytes_field(11);
    pub(crate) const DROPPED_EVENTS: u32 = varint_field(12);
    pub(crate) const LINKS: u32 = bytes_field(13);
    pub(crate) const DROPPED_LINKS: u32 = varint_field(14);
    pub(crate) const STATUS: u32 = bytes_field(15);
    pub(crate) const FLAGS: u32 = fixed32_field(16);
}

/// The fields of `Span.Event`.
pub(super) mod event {
    use crate::protobuf::{bytes_field, fixed64_field, varint_field};

    pub(crate) const TIME: u32 = fixed64_field(1);
    pub(crate) const NAME: u32 = bytes_field(2);
    pub(crate) const ATTRIBUTES: u32 = bytes_field(3);
    pub(crate) const DROPPED_ATTRIBUTES: u32 = varint_field(4);
}

/// The fields of `Span.Link`.
pub(super) mod link {
    use crate::protobuf::{bytes_field, fixed32_field, varint_field};

    pub(crate) const TRACE_ID: u32 = bytes_field(1);
    pub(crate) const SPAN_ID: u32 = bytes_field(2);
    pub(crate) const TRACE_STATE: u32 = bytes_field(3);
    pub(crate) const ATTRIBUTES: u32 = bytes_field(4);
    pub(crate) const DROPPED_ATTRIBUTES: u32 = varint_field(5);
    pub(crate) const FLAGS: u32 = fixed32_field(6);
}

/// The fields of `Status`.
pub(super) mod status {
    use crate::protobuf::{bytes_field, varint_field};

    pub(crate) const MESSAGE: u32 = bytes_field(2);
    pub(crate) const CODE: u32 = varint_field(3);
}

/// The fields of `KeyValue`.
pub(super) mod key_value {
    use crate::protobuf::bytes_field;

    pub(crate) const KEY: u32 = bytes_field(1);
    pub(crate) const VALUE: u32 = bytes_field(2);
}

/// The members of `AnyValue`, and the list in two of them.
pub(super) mod any_value {
    use crate::protobuf::{bytes_field, fixed64_field, varint_field};

    pub(crate) const STRING: u32 = bytes_field(1);
    pub(crate) const BOOL: u32 = varint_field(2);
    pub(crate) const INT: u32 = varint_field(3);
    pub(crate) const DOUBLE: u32 = fixed64_field(4);
    pub(crate) const ARRAY: u32 = bytes_field(5);
    pub(crate) const KEY_VALUE_LIST: u32 = bytes_field(6);
    pub(crate) const BYTES: u32 = bytes_field(7);
    /// The only field of `ArrayValue` and of `KeyValueList`.
    pub(crate) const VALUES: u32 = bytes_field(1);
}
