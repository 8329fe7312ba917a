//! Jaeger's protobuf as prost has it, declared anew after its schema.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) batch: Option<PbBatch>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbBatch {
    #[prost(message, repeated, tag = "1")]
    pub(super) spans: Vec<PbSpan>,
    #[prost(message, optional, tag = "2")]
    pub(super) process: Option<PbProcess>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbProcess {
    #[prost(string, tag = "1")]
    pub(super) service_name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) tags: Vec<PbKeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbSpan {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(super) operation_name: String,
    #[prost(message, repeated, tag = "4")]
    pub(super) references: Vec<PbReference>,
    #[prost(uint32, tag = "5")]
    pub(super) flags: u32,
    #[prost(message, optional, tag = "6")]
    pub(super) start_time: Option<PbTime>,
    #[prost(message, optional, tag = "7")]
    pub(super) duration: Option<PbTime>,
    #[prost(message, repeated, tag = "8")]
    pub(super) tags: Vec<PbKeyValue>,
    #[prost(message, repeated, tag = "9")]
    pub(super) logs: Vec<PbLog>,
    #[prost(message, optional, tag = "10")]
    pub(super) process: Option<PbProcess>,
    #[prost(string, tag = "11")]
    pub(super) process_id: String,
    #[prost(string, repeated, tag = "12")]
    pub(super) warnings: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbReference {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) span_id: Vec<u8>,
    #[prost(int32, tag = "3")]
    pub(super) ref_type: i32,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct PbTime {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbLog {
    #[prost(message, optional, tag = "1")]
    pub(super) timestamp: Option<PbTime>,
    #[prost(message, repeated, tag = "2")]
    pub(super) fields: Vec<PbKeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PbKeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(int32, tag = "2")]
    pub(super) v_type: i32,
    #[prost(string, tag = "3")]
    pub(super) v_str: String,
    #[prost(bool, tag = "4")]
    pub(super) v_bool: bool,
    #[prost(int64, tag = "5")]
    pub(super) v_int64: i64,
    #[prost(double, tag = "6")]
    pub(super) v_float64: f64,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) v_binary: Vec<u8>,
}
