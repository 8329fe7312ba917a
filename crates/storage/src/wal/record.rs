//! One record of the log: how a request came, and its bytes.
//!
//! A record is valid only in its own file and at its own offset: both go into its checksums.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::store::{AppendError, Batch, Origin};
use crate::tenant::Tenant;

/// What every record starts with.
pub(super) const MARKER: [u8; 4] = *b"\xf5SpR";

/// Marker, length of the head, length of the body, checksum of the body, checksum of the head.
pub(super) const PREFIX_LEN: usize = 20;

/// The longest head: tenant, origin and limits are short names. Whoever looks for records behind
/// damage checks no more than this at each place that looks like one, so that a file full of such
/// places, which a sender can make, is read in little time.
const HEAD_LEN_MAX: usize = 8 << 10;

/// Where in a file a record stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    /// Where the checksums of the file start from.
    pub(super) seed: u32,
    /// The record's offset in the file.
    pub(super) offset: u64,
}

/// A record whose head is whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Framed<'a> {
    /// Tenant and origin, encoded.
    pub(super) head: &'a [u8],
    /// The body, unless it is damaged or cut short.
    pub(super) body: Option<&'a [u8]>,
    /// The length of the whole record.
    pub(super) len: u64,
}

/// The length of the record of one request.
///
/// # Errors
///
/// Refuses a request of which a name is longer than 255 bytes, or whose parts are too many or
/// too long for the fields that count them, or whose names are too long together.
pub(crate) fn record_len(batch: &Batch) -> Result<u64, AppendError> {
    record_len_of(&batch.tenant, &batch.origin, batch.body.len())
}

/// [`record_len`], of the parts.
pub(crate) fn record_len_of(
    tenant: &Tenant,
    origin: &Origin,
    body_len: usize,
) -> Result<u64, AppendError> {
    let texts = [tenant.as_str(), &origin.format, &origin.content_encoding, &origin.door];
    let limits = origin.limits.iter().map(|(name, _)| &**name);
    let mut len = PREFIX_LEN + PEER_LEN + 8 + 4 + 4 + 2 + origin.limits.len() * 8;
    for text in texts.into_iter().chain(limits) {
        if text.len() > usize::from(u8::MAX) {
            return Err(AppendError::TooLarge { len: text.len() as u64, len_max: 255 });
        }
        len += 1 + text.len();
    }
    for (count, max) in [(len - PREFIX_LEN, HEAD_LEN_MAX as u64), (body_len, u64::from(u32::MAX))] {
        if count as u64 > max {
            return Err(AppendError::TooLarge { len: count as u64, len_max: max });
        }
    }
    Ok((len + body_len) as u64)
}

/// Appends the record of one request to `out`.
///
/// `seed` is of the file and `offset` in the file; the lengths were checked by [`record_len`].
///
/// # Panics
///
/// Panics when a length does not fit its field, which [`record_len`] refuses.
pub(crate) fn encode_record(batch: &Batch, seed: u32, offset: u64, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX_LEN]);
    encode_head(&batch.tenant, &batch.origin, out);
    let head_len = out.len() - start - PREFIX_LEN;
    let body_len = u32::try_from(batch.body.len()).expect("record_len refused a longer body");
    let head_len = u32::try_from(head_len).expect("a head is made of a few short names");
    out.extend_from_slice(&batch.body);
    let body_checksum = crc32c::crc32c_append(seed, &batch.body);
    let prefix = &mut out[start..start + PREFIX_LEN];
    prefix[..4].copy_from_slice(&MARKER);
    prefix[4..8].copy_from_slice(&head_len.to_le_bytes());
    prefix[8..12].copy_from_slice(&body_len.to_le_bytes());
    prefix[12..16].copy_from_slice(&body_checksum.to_le_bytes());
    let checked_end = start + PREFIX_LEN + head_len as usize;
    let checksum = head_checksum(
        Site { seed, offset },
        &out[start..start + PREFIX_LEN - 4],
        &out[start + PREFIX_LEN..checked_end],
    );
    out[start + PREFIX_LEN - 4..start + PREFIX_LEN].copy_from_slice(&checksum.to_le_bytes());
}

fn head_checksum(site: Site, lengths: &[u8], head: &[u8]) -> u32 {
    let checksum = crc32c::crc32c_append(site.seed, &site.offset.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(checksum, lengths), head)
}

/// Reads the record at the start of `bytes`; `None` when no whole head stands there.
pub(super) fn frame(bytes: &[u8], site: Site) -> Option<Framed<'_>> {
    let (prefix, rest) = bytes.split_first_chunk::<PREFIX_LEN>()?;
    let number = |at: usize| {
        let bytes = [prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]];
        u32::from_le_bytes(bytes)
    };
    if prefix[..4] != MARKER {
        return None;
    }
    let head_len = number(4) as usize;
    let (head, rest) = rest.split_at_checked(head_len).filter(|_| head_len <= HEAD_LEN_MAX)?;
    if head_checksum(site, &prefix[..PREFIX_LEN - 4], head) != number(16) {
        return None;
    }
    let body_len = number(8) as usize;
    let body = rest.get(..body_len);
    let body = body.filter(|body| crc32c::crc32c_append(site.seed, body) == number(12));
    Some(Framed { head, body, len: (PREFIX_LEN + head.len() + body_len) as u64 })
}

/// Puts the checksums of the record at the start of `bytes` right; returns its length, or `None`
/// when it is not all there.
pub(super) fn put_checksums(bytes: &mut [u8], site: Site) -> Option<usize> {
    let number = |at: usize| {
        let number = bytes.get(at..at + 4)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*number)).ok()
    };
    let head_end = PREFIX_LEN.checked_add(number(4)?)?;
    let end = head_end.checked_add(number(8)?)?;
    let body_checksum = crc32c::crc32c_append(site.seed, bytes.get(head_end..end)?);
    bytes[12..16].copy_from_slice(&body_checksum.to_le_bytes());
    let checksum = head_checksum(site, &bytes[..PREFIX_LEN - 4], &bytes[PREFIX_LEN..head_end]);
    bytes[16..PREFIX_LEN].copy_from_slice(&checksum.to_le_bytes());
    Some(end)
}

/// The kind of address, the address, the port, and IPv6's flow and scope: always all.
const PEER_LEN: usize = 1 + 16 + 2 + 4 + 4;

fn encode_head(tenant: &Tenant, origin: &Origin, out: &mut Vec<u8>) {
    for text in [tenant.as_str(), &origin.format, &origin.content_encoding, &origin.door] {
        encode_text(text, out);
    }
    encode_peer(origin.peer, out);
    out.extend_from_slice(&origin.arrival_ns.to_le_bytes());
    out.extend_from_slice(&origin.accepted.to_le_bytes());
    out.extend_from_slice(&origin.rejected.to_le_bytes());
    let limit_count = u16::try_from(origin.limits.len()).expect("record_len refused more limits");
    out.extend_from_slice(&limit_count.to_le_bytes());
    for (name, limit) in &origin.limits {
        encode_text(name, out);
        out.extend_from_slice(&limit.to_le_bytes());
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.push(u8::try_from(text.len()).expect("record_len refused a longer name"));
    out.extend_from_slice(text.as_bytes());
}

fn encode_peer(peer: Option<SocketAddr>, out: &mut Vec<u8>) {
    let (kind, octets, port, flow, scope) = match peer {
        None => (0, [0; 16], 0, 0, 0),
        Some(SocketAddr::V4(peer)) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&peer.ip().octets());
            (4, octets, peer.port(), 0, 0)
        }
        Some(SocketAddr::V6(peer)) => {
            (6, peer.ip().octets(), peer.port(), peer.flowinfo(), peer.scope_id())
        }
    };
    out.push(kind);
    out.extend_from_slice(&octets);
    out.extend_from_slice(&port.to_le_bytes());
    out.extend_from_slice(&flow.to_le_bytes());
    out.extend_from_slice(&scope.to_le_bytes());
}

/// Reads the head of a record; `None` when it holds what this version never writes.
pub(super) fn decode_head(head: &[u8]) -> Option<(Tenant, Origin)> {
    let mut input = Input(head);
    let tenant = Tenant::new(input.text()?).ok()?;
    let mut name = || Some(Cow::Owned(input.text()?.to_owned()));
    let (format, content_encoding, door) = (name()?, name()?, name()?);
    let peer = input.peer()?;
    let arrival_ns = u64::from_le_bytes(input.array()?);
    let accepted = u32::from_le_bytes(input.array()?);
    let rejected = u32::from_le_bytes(input.array()?);
    let mut limits = Vec::new();
    for _ in 0..u16::from_le_bytes(input.array()?) {
        let name = input.text()?.to_owned();
        limits.push((Cow::Owned(name), u64::from_le_bytes(input.array()?)));
    }
    let origin =
        Origin { format, content_encoding, door, peer, arrival_ns, accepted, rejected, limits };
    input.0.is_empty().then_some((tenant, origin))
}

/// What is left to read of a head.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn array<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn text(&mut self) -> Option<&'a str> {
        let [len] = self.array()?;
        let (text, rest) = self.0.split_at_checked(len.into())?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn peer(&mut self) -> Option<Option<SocketAddr>> {
        let [kind] = self.array()?;
        let octets: [u8; 16] = self.array()?;
        let port = u16::from_le_bytes(self.array()?);
        let flow = u32::from_le_bytes(self.array()?);
        let scope = u32::from_le_bytes(self.array()?);
        match kind {
            0 => Some(None),
            4 => {
                let ip = Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]);
                Some(Some(SocketAddrV4::new(ip, port).into()))
            }
            6 => {
                let ip = Ipv6Addr::from(octets);
                Some(Some(SocketAddrV6::new(ip, port, flow, scope).into()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::SpanBatch;
    use bytes::Bytes;

    fn batch(peer: Option<SocketAddr>) -> Batch {
        let origin = Origin {
            format: "zipkin-v2-json".into(),
            content_encoding: "gzip".into(),
            door: "zipkin-http".into(),
            peer,
            arrival_ns: u64::MAX,
            accepted: 3,
            rejected: 1,
            limits: vec![("body_len_max".into(), 1 << 40), ("".into(), 0)],
        };
        let body = Bytes::from_static(b"body");
        Batch { tenant: Tenant::new("team-a").unwrap(), origin, body, spans: SpanBatch::new() }
    }

    const SITE: Site = Site { seed: 9, offset: 4096 };

    fn encoded(batch: &Batch) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_record(batch, SITE.seed, SITE.offset, &mut bytes);
        assert_eq!(record_len(batch).unwrap(), bytes.len() as u64);
        bytes
    }

    #[test]
    fn every_field_of_a_record_reads_back() {
        let scoped = SocketAddrV6::new("fe80::1".parse().unwrap(), 9, 7, 2);
        for peer in [None, Some("127.0.0.1:9411".parse().unwrap()), Some(scoped.into())] {
            let batch = batch(peer);
            let bytes = encoded(&batch);
            let framed = frame(&bytes, SITE).unwrap();
            assert_eq!(framed.body, Some(&b"body"[..]));
            assert_eq!(framed.len, bytes.len() as u64);
            let expected = (batch.tenant.clone(), batch.origin.clone());
            assert_eq!(decode_head(framed.head), Some(expected));
        }
    }

    #[test]
    fn a_record_is_valid_only_in_its_file_and_at_its_offset() {
        let bytes = encoded(&batch(None));
        assert_eq!(frame(&bytes, Site { seed: 10, ..SITE }), None);
        assert_eq!(frame(&bytes, Site { offset: 4097, ..SITE }), None);
    }

    #[test]
    fn a_damaged_body_leaves_the_records_length_known() {
        let mut bytes = encoded(&batch(None));
        *bytes.last_mut().unwrap() ^= 1;
        let framed = frame(&bytes, SITE).unwrap();
        assert_eq!((framed.body, framed.len), (None, bytes.len() as u64));
    }

    #[test]
    fn a_name_over_255_bytes_is_refused() {
        let mut batch = batch(None);
        batch.origin.door = "d".repeat(256).into();
        let refused = AppendError::TooLarge { len: 256, len_max: 255 };
        assert_eq!(record_len(&batch), Err(refused));
    }
}
