//! Which operations and remote services each service has, for lists of names.

use super::summary::{put, take};
use super::version::{self, miscounted};
use crate::columns::TextHeap;
use crate::encoding::ints::Kind;
use crate::encoding::texts::Texts;
use crate::encoding::{Damaged, Decoder, Encoder, dictionary};

/// How many operations of a segment are listed at most. A sender that puts ids into names must
/// not make lists of names as large as the spans.
pub(super) const OPERATION_COUNT_MAX: usize = 1 << 16;

/// How many pairs of a service and a remote service are listed at most.
pub(super) const REMOTE_COUNT_MAX: usize = 1 << 16;

/// How many bytes the names of remote services come to at most.
pub(super) const REMOTE_LEN_MAX: usize = 1 << 24;

/// The names that services have in a segment. Services are codes plus one, 0 for none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NameSets {
    /// The service of each operation.
    pub(crate) service: Vec<u32>,
    /// The code of its name.
    pub(crate) name: Vec<u32>,
    /// Its kind, by [`Marks`](crate::columns::Marks).
    pub(crate) kind: Vec<u8>,
    /// The service that calls.
    pub(crate) caller: Vec<u32>,
    /// The place of the remote service in `remotes`.
    pub(crate) remote: Vec<u32>,
    /// The names of remote services.
    pub(crate) remotes: Texts,
    /// Whether there are more than these.
    pub(crate) is_cut: bool,
}

impl NameSets {
    /// Appends them.
    pub(super) fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) {
        out.push(version::VERSION);
        out.push(self.is_cut.into());
        put(&self.service, Kind::Code, encoder, out);
        put(&self.name, Kind::Code, encoder, out);
        put(&self.kind, Kind::Code, encoder, out);
        put(&self.caller, Kind::Code, encoder, out);
        put(&self.remote, Kind::Code, encoder, out);
        dictionary::encode(&self.remotes, encoder, out);
    }

    /// Reads what [`Self::encode`] wrote, for a segment with these dictionaries.
    ///
    /// # Errors
    ///
    /// Fails when the section is damaged, or is another segment's.
    pub(crate) fn parse(
        section: &[u8],
        (services, names): (&TextHeap, &TextHeap),
        decoder: &mut Decoder,
    ) -> Result<Self, Damaged> {
        let mut input = version::read(section, "a list of names")?;
        let start = input;
        let mut sets = Self { is_cut: input.byte()? != 0, ..Self::default() };
        take(&mut input, None, decoder, &mut sets.service)?;
        let operations = Some(sets.service.len());
        take(&mut input, operations, decoder, &mut sets.name)?;
        take(&mut input, operations, decoder, &mut sets.kind)?;
        take(&mut input, None, decoder, &mut sets.caller)?;
        take(&mut input, Some(sets.caller.len()), decoder, &mut sets.remote)?;
        let limits =
            dictionary::Limits { count_max: REMOTE_COUNT_MAX, heap_len_max: REMOTE_LEN_MAX };
        dictionary::decode(input.rest(), limits, decoder, &mut sets.remotes)?;
        let below = |list: &[u32], what: &'static str, count: usize| match list
            .iter()
            .find(|code| **code as usize >= count)
        {
            Some(code) => Err(miscounted(start, what, count, *code as usize)),
            None => Ok(()),
        };
        below(&sets.service, "services", services.len() + 1)?;
        below(&sets.name, "names", names.len())?;
        below(&sets.caller, "services", services.len() + 1)?;
        below(&sets.remote, "remote services", sets.remotes.len())?;
        Ok(sets)
    }
}
