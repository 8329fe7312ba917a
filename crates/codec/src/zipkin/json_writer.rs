//! Writes what Zipkin's two JSON formats have in common: the endpoint.

use spandrel_model::Address;

use crate::json_writer::ObjectWriter;

/// Writes an endpoint; where it has nothing, an empty object.
pub(super) fn write_endpoint(out: &mut Vec<u8>, service_name: Option<&str>, address: &Address) {
    let mut endpoint = ObjectWriter::begin(out);
    if let Some(name) = service_name {
        endpoint.text("serviceName", name);
    }
    if let Some(ipv4) = address.ipv4 {
        endpoint.display("ipv4", ipv4);
    }
    if let Some(ipv6) = address.ipv6 {
        endpoint.display("ipv6", ipv6);
    }
    if let Some(port) = address.port {
        endpoint.raw("port", port);
    }
    endpoint.end();
}
