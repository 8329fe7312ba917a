//! The standard span tags of OpenTracing's semantic conventions, by key.

/// The package, framework or library that made the span (text).
pub const COMPONENT: &str = "component";
/// The database instance (text).
pub const DB_INSTANCE: &str = "db.instance";
/// The database statement (text).
pub const DB_STATEMENT: &str = "db.statement";
/// The database's type: `sql`, or the product's name in lower case (text).
pub const DB_TYPE: &str = "db.type";
/// The database's user (text).
pub const DB_USER: &str = "db.user";
/// Whether the work of the span failed (boolean).
pub const ERROR: &str = "error";
/// The request's method (text).
pub const HTTP_METHOD: &str = "http.method";
/// The response's status (whole number).
pub const HTTP_STATUS_CODE: &str = "http.status_code";
/// The request's URL (text).
pub const HTTP_URL: &str = "http.url";
/// Where a message goes or comes from (text).
pub const MESSAGE_BUS_DESTINATION: &str = "message_bus.destination";
/// The other side's address in any form (text).
pub const PEER_ADDRESS: &str = "peer.address";
/// The other side's host name (text).
pub const PEER_HOSTNAME: &str = "peer.hostname";
/// The other side's IPv4 address (text, dotted).
pub const PEER_IPV4: &str = "peer.ipv4";
/// The other side's IPv6 address (text).
pub const PEER_IPV6: &str = "peer.ipv6";
/// The other side's port (whole number).
pub const PEER_PORT: &str = "peer.port";
/// The other side's service name (text).
pub const PEER_SERVICE: &str = "peer.service";
/// Above zero asks to keep the trace, zero asks to drop it (whole number).
pub const SAMPLING_PRIORITY: &str = "sampling.priority";
/// Which side of a call the span is; better given with [`SpanBuilder::kind`](crate::SpanBuilder::kind).
pub const SPAN_KIND: &str = "span.kind";
/// The sampler that chose to keep the trace (text, on its first span).
pub const SAMPLER_TYPE: &str = "sampler.type";
/// That sampler's parameter (on the trace's first span).
pub const SAMPLER_PARAM: &str = "sampler.param";
