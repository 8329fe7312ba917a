//! The names that settling works with: one code for each text, whatever segment it stands in, and
//! what follows from the text once and for all.

use std::collections::HashMap;
use std::sync::Arc;

use spandrel_model::trace::facts::{NO_CODE, Phases, Tables};

use crate::encoding::hash::{self, ValueKind};
use crate::rollup::{Name, Rollup};

/// Names of services and operations, by code.
#[derive(Debug, Default)]
pub(super) struct Names {
    codes: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    /// What fingerprints are made of: a part of the format.
    hashes: Vec<u64>,
    /// The code of each in lower case.
    folded: Vec<u32>,
    /// The name of each in the rollup, once it was asked for.
    rolled: Vec<Option<Name>>,
}

impl Names {
    /// The code of a text.
    pub(super) fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        // The texts stand in dictionaries, whose codes have 32 bits too.
        let code = self.texts.len() as u32;
        let kept: Arc<str> = text.into();
        self.texts.push(Arc::clone(&kept));
        self.codes.insert(kept, code);
        self.hashes.push(hash::attribute(b"", ValueKind::String, text.as_bytes()));
        self.folded.push(code);
        self.rolled.push(None);
        let lower = text.to_lowercase();
        if lower != text {
            self.folded[code as usize] = self.code(&lower);
        }
        code
    }

    /// The code of bytes that are a text, unless what they were read from was damaged.
    pub(super) fn code_of(&mut self, bytes: &[u8]) -> u32 {
        self.code(&String::from_utf8_lossy(bytes))
    }

    /// The code of a name that is none when it is empty.
    pub(super) fn code_of_operation(&mut self, bytes: &[u8]) -> u32 {
        if bytes.is_empty() { NO_CODE } else { self.code_of(bytes) }
    }

    /// The text of a code.
    pub(super) fn text(&self, code: u32) -> &str {
        self.texts.get(code as usize).map_or("", |text| text)
    }

    /// What the settler asks for.
    pub(super) fn tables<'t>(&'t self, phases: &'t [Phases]) -> Tables<'t> {
        Tables {
            service_hashes: &self.hashes,
            operation_hashes: &self.hashes,
            folded_services: &self.folded,
            phases,
        }
    }

    /// The name of a code in some rollup.
    pub(super) fn name_in(&self, code: u32, rollup: &mut Rollup) -> Name {
        self.texts.get(code as usize).map_or(Name::ABSENT, |text| rollup.name(text))
    }

    /// The name of a code in the rollup; always the same rollup.
    pub(super) fn rolled(&mut self, code: u32, rollup: &mut Rollup) -> Name {
        let Some(known) = self.rolled.get_mut(code as usize) else { return Name::ABSENT };
        *known.get_or_insert_with(|| rollup.name(&self.texts[code as usize]))
    }
}
