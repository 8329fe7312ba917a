//! Texts split into templates and what varies in them.
//!
//! `/users/4711/orders/9f86d081884c7d65` and a thousand like it are one template with two holes,
//! a column of numbers, and eight bytes of id each. Holes are numbers, runs of hexadecimal digits
//! and UUIDs; any bytes read back as they were.

use hashbrown::HashTable;

use super::compression::{COLUMN_LEVEL, Decoder, Encoder};
use super::damaged::{Damaged, Fault};
use super::input::{Input, nested};
use super::ints::{self, Kind};
use super::texts::{LEN_MAX, Texts, check_heap_len};
use super::{block, dictionary, hash};

/// What stands in a template for a hole. A byte of a text that has one of these values is
/// written behind [`mark::LITERAL`].
mod mark {
    /// A decimal number without leading zeros.
    pub(super) const NUMBER: u8 = 1;
    /// A decimal number with leading zeros; how many digits, in a byte, follows.
    pub(super) const PADDED: u8 = 2;
    /// Lower-case hexadecimal digits; how many bytes they are, in a byte, follows.
    pub(super) const HEX: u8 = 3;
    /// A UUID in lower case.
    pub(super) const UUID: u8 = 4;
    /// The byte that follows is itself.
    pub(super) const LITERAL: u8 = 5;
}

/// Shorter numbers stay in the template: they tell kinds apart more often than things.
const NUMBER_LEN_MIN: usize = 2;
/// All numbers of this many digits fit 64 bits.
const NUMBER_LEN_MAX: usize = 19;
/// From here on a run of hexadecimal digits is an id and not a word.
const HEX_LEN_MIN: usize = 16;
const HEX_LEN_MAX: usize = 128;
const UUID_LEN: usize = 36;
/// Where the dashes are.
const UUID_DASHES: [usize; 4] = [8, 13, 18, 23];

/// Below this many texts templates are not tried.
const TEXT_COUNT_MIN: usize = 32;
/// After this many texts more than half of them must have had a template already.
const PROBED_COUNT: usize = 1024;

/// Finds the templates of a column, and takes the variables out.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// The entry of a template, by the hash of it.
    table: HashTable<u32>,
    templates: Texts,
    /// The template of each text.
    codes: Vec<u32>,
    numbers: Vec<u64>,
    /// The bytes of hexadecimal runs and UUIDs.
    ids: Vec<u8>,
    template: Vec<u8>,
}

impl Splitter {
    /// Splits the texts; `false` when they have too little in common to be worth it.
    pub(super) fn split(&mut self, texts: &Texts) -> bool {
        self.table.clear();
        self.templates.clear();
        self.codes.clear();
        self.numbers.clear();
        self.ids.clear();
        if texts.len() < TEXT_COUNT_MIN {
            return false;
        }
        for text in texts.iter() {
            self.split_text(text);
            let Some(code) = self.intern() else {
                return false;
            };
            self.codes.push(code);
            let seen = self.codes.len();
            if seen == PROBED_COUNT && self.templates.len() > seen / 2 {
                return false;
            }
        }
        self.templates.len() < texts.len() / 4
    }

    /// Fills `template`, and appends to the variables.
    fn split_text(&mut self, text: &[u8]) {
        self.template.clear();
        // What stands from `literal` to `at` belongs in the template as it is.
        let (mut literal, mut at) = (0, 0);
        while let Some(byte) = text.get(at) {
            match CLASSES[usize::from(*byte)] {
                class::OTHER => at += 1,
                class::MARK => {
                    self.template.extend_from_slice(&text[literal..at]);
                    self.template.push(mark::LITERAL);
                    literal = at;
                    at += 1;
                }
                _ => {
                    let variable = Variable::at(&text[at..]);
                    let end = at + variable.len();
                    if !matches!(variable, Variable::None(_)) {
                        self.template.extend_from_slice(&text[literal..at]);
                        self.take(variable, &text[at..end]);
                        literal = end;
                    }
                    at = end;
                }
            }
        }
        self.template.extend_from_slice(&text[literal..]);
    }

    /// Appends a variable, and its mark to the template.
    fn take(&mut self, variable: Variable, text: &[u8]) {
        match variable {
            Variable::None(_) => {}
            Variable::Number(len) => {
                let digits = text.iter().map(|digit| u64::from(digit - b'0'));
                self.numbers.push(digits.fold(0, |number, digit| number * 10 + digit));
                match text[0] {
                    b'0' => self.template.extend_from_slice(&[mark::PADDED, len as u8]),
                    _ => self.template.push(mark::NUMBER),
                }
            }
            Variable::Hex(len) => {
                self.template.extend_from_slice(&[mark::HEX, (len / 2) as u8]);
                push_hex(text, &mut self.ids);
            }
            Variable::Uuid => {
                self.template.push(mark::UUID);
                for group in text.split(|byte| *byte == b'-') {
                    push_hex(group, &mut self.ids);
                }
            }
        }
    }

    /// Returns the entry of the template at hand.
    fn intern(&mut self) -> Option<u32> {
        let (templates, template) = (&mut self.templates, &self.template);
        let hash = hash::bytes(0, template);
        let entry = |code: u32| templates.get(code as usize);
        if let Some(code) = self.table.find(hash, |code| entry(*code) == Some(template)) {
            return Some(*code);
        }
        let code = templates.len() as u32;
        templates.push(template).ok()?;
        let templates = &*templates;
        let rehash = |code: &u32| hash::bytes(0, templates.get(*code as usize).unwrap_or_default());
        self.table.insert_unique(hash, code, rehash);
        Some(code)
    }
}

/// What a text has where a hexadecimal digit stands behind none.
#[derive(Clone, Copy, Debug)]
enum Variable {
    /// So many digits that are no variable.
    None(usize),
    Number(usize),
    Hex(usize),
    Uuid,
}

impl Variable {
    /// Looks at the run of digits that the text begins with.
    fn at(text: &[u8]) -> Self {
        // Digits and letters come as they like: no branch may depend on which.
        let (mut len, mut seen) = (0, class::OTHER);
        for byte in text {
            let class = CLASSES[usize::from(*byte)];
            if class & (class::DIGIT | class::LETTER) == 0 {
                break;
            }
            seen |= class;
            len += 1;
        }
        let is_decimal = seen == class::DIGIT;
        if len == UUID_DASHES[0] && text.get(..UUID_LEN).is_some_and(is_uuid) {
            return Self::Uuid;
        }
        if is_decimal && (NUMBER_LEN_MIN..=NUMBER_LEN_MAX).contains(&len) {
            return Self::Number(len);
        }
        if (HEX_LEN_MIN..=HEX_LEN_MAX).contains(&len) && len.is_multiple_of(2) {
            return Self::Hex(len);
        }
        Self::None(len)
    }

    fn len(self) -> usize {
        match self {
            Self::None(len) | Self::Number(len) | Self::Hex(len) => len,
            Self::Uuid => UUID_LEN,
        }
    }
}

/// Appends the split column.
pub(super) fn encode(splitter: &Splitter, encoder: &mut Encoder, out: &mut Vec<u8>) {
    nested(out, |out| dictionary::encode(&splitter.templates, encoder, out));
    nested(out, |out| ints::encode(&splitter.codes, Kind::Code, encoder, out));
    nested(out, |out| ints::encode(&splitter.numbers, Kind::Number, encoder, out));
    block::encode(&splitter.ids, COLUMN_LEVEL, encoder, out);
}

/// What is read of a split column before it is put together.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    templates: Texts,
    codes: Vec<u32>,
    plans: Vec<Plan>,
    pieces: Vec<Piece>,
    /// The literal pieces' bytes, back to back.
    literals: Vec<u8>,
    numbers: Vec<u64>,
    ids: Vec<u8>,
}

/// How a template's texts are put together, and what they take.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    /// Where the template's pieces begin and end.
    pieces: (usize, usize),
    /// Where its literals begin.
    literals: usize,
    numbers: usize,
    id_len: usize,
    text_len_min: usize,
}

/// A piece of a template.
#[derive(Clone, Copy, Debug)]
enum Piece {
    /// So many of the literal bytes.
    Literal(u32),
    /// A number of at least so many digits.
    Number(u8),
    /// So many bytes as hexadecimal digits.
    Hex(u8),
    Uuid,
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(
    mut input: Input<'_>,
    count: usize,
    heap_len_max: usize,
    (decoder, joiner): (&mut Decoder, &mut Joiner),
    out: &mut Texts,
) -> Result<(), Damaged> {
    let start = input;
    let heap_len_max = heap_len_max.min(LEN_MAX);
    // Marks make a template up to twice as long as a text of it.
    let limits = dictionary::Limits { count_max: count, heap_len_max: 2 * heap_len_max };
    dictionary::decode_input(input.nested()?, limits, decoder, &mut joiner.templates)?;
    joiner.plan().ok_or_else(|| start.damaged(Fault::Template))?;
    let codes = input.nested()?;
    ints::decode_input(codes, count, decoder, &mut joiner.codes)?;
    // Every variable is two digits long at least, so the check of the length bounds the others.
    let (mut number_count, mut id_len, mut heap_len) = (0, 0, 0);
    for code in &joiner.codes {
        let Some(plan) = joiner.plans.get(*code as usize) else {
            let (what, len_max) = ("code of a template", joiner.plans.len() as u64);
            return Err(codes.damaged(Fault::TooLong { what, len: (*code).into(), len_max }));
        };
        number_count += plan.numbers;
        id_len += plan.id_len;
        heap_len += plan.text_len_min;
        check_heap_len(codes, heap_len as u64, heap_len_max)?;
    }
    ints::decode_input(input.nested()?, number_count, decoder, &mut joiner.numbers)?;
    let ids = input;
    block::decode(input, id_len, decoder, &mut joiner.ids)?;
    if joiner.ids.len() != id_len {
        let (expected, found) = (id_len as u64, joiner.ids.len() as u64);
        return Err(ids.damaged(Fault::Miscounted { what: "bytes of ids", expected, found }));
    }
    let done = joiner.join(|len| check_heap_len(start, len as u64, heap_len_max), out);
    if done.is_err() {
        out.clear();
    }
    done
}

impl Joiner {
    /// Takes the templates apart; `None` when one is malformed.
    fn plan(&mut self) -> Option<()> {
        let Self { templates, plans, pieces, literals, .. } = self;
        plans.clear();
        pieces.clear();
        literals.clear();
        for template in templates.iter() {
            let first_piece = pieces.len();
            let mut plan = Plan { literals: literals.len(), ..Plan::default() };
            let mut bytes = template.iter().copied();
            while let Some(byte) = bytes.next() {
                let piece = match byte {
                    mark::NUMBER => Piece::Number(1),
                    mark::PADDED => Piece::Number(bytes.next()?),
                    mark::HEX => Piece::Hex(bytes.next()?),
                    mark::UUID => Piece::Uuid,
                    byte => {
                        literals.push(if byte == mark::LITERAL { bytes.next()? } else { byte });
                        Piece::Literal(1)
                    }
                };
                plan.add(piece)?;
                match (piece, pieces[first_piece..].last_mut()) {
                    (Piece::Literal(more), Some(Piece::Literal(len))) => *len += more,
                    _ => pieces.push(piece),
                }
            }
            plan.pieces = (first_piece, pieces.len());
            plans.push(plan);
        }
        Some(())
    }

    /// Puts the texts together. `check` refuses a column that grows too long.
    fn join(
        &self,
        check: impl Fn(usize) -> Result<(), Damaged>,
        out: &mut Texts,
    ) -> Result<(), Damaged> {
        out.clear();
        let (mut numbers, mut ids) = (self.numbers.iter(), &self.ids[..]);
        let mut take_ids = |len: usize| {
            let (taken, rest) = ids.split_at(len);
            ids = rest;
            taken
        };
        for code in &self.codes {
            let plan = self.plans[*code as usize];
            let mut literals = &self.literals[plan.literals..];
            for piece in &self.pieces[plan.pieces.0..plan.pieces.1] {
                match *piece {
                    Piece::Literal(len) => {
                        let (literal, rest) = literals.split_at(len as usize);
                        literals = rest;
                        out.extend(literal);
                    }
                    Piece::Number(len_min) => {
                        let number = *numbers.next().expect("the plans count the numbers");
                        extend_decimal(number, len_min.into(), out);
                        // All else was counted; a number may be longer than its plan says.
                        check(out.heap().len())?;
                    }
                    Piece::Hex(len) => extend_hex(take_ids(len.into()), out),
                    Piece::Uuid => extend_uuid(take_ids(16), out),
                }
            }
            check(out.heap().len())?;
            out.end_text();
        }
        Ok(())
    }
}

impl Plan {
    /// Counts what a piece takes; `None` when no encoder writes such a piece.
    fn add(&mut self, piece: Piece) -> Option<()> {
        match piece {
            Piece::Literal(len) => self.text_len_min += len as usize,
            Piece::Number(len_min) => {
                self.numbers += 1;
                self.text_len_min += usize::from(len_min).max(NUMBER_LEN_MIN);
                return (usize::from(len_min) <= NUMBER_LEN_MAX).then_some(());
            }
            Piece::Hex(len) => {
                self.id_len += usize::from(len);
                self.text_len_min += 2 * usize::from(len);
            }
            Piece::Uuid => {
                self.id_len += 16;
                self.text_len_min += UUID_LEN;
            }
        }
        Some(())
    }
}

fn extend_decimal(mut number: u64, len_min: usize, out: &mut Texts) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while number > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend(&digits[start.min(digits.len() - len_min)..]);
}

fn extend_hex(bytes: &[u8], out: &mut Texts) {
    let mut digits = [[0; 2]; 16];
    for bytes in bytes.chunks(digits.len()) {
        for (pair, byte) in digits.iter_mut().zip(bytes) {
            *pair = HEX_DIGITS[usize::from(*byte)];
        }
        out.extend(digits[..bytes.len()].as_flattened());
    }
}

fn extend_uuid(bytes: &[u8], out: &mut Texts) {
    let mut rest = bytes;
    for (index, len) in [4, 2, 2, 2, 6].into_iter().enumerate() {
        let (group, behind) = rest.split_at(len);
        rest = behind;
        if index > 0 {
            out.extend(b"-");
        }
        extend_hex(group, out);
    }
}

/// The two digits of each byte.
const HEX_DIGITS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 0xf]];
        byte += 1;
    }
    pairs
};

/// What a byte is to a template.
mod class {
    pub(super) const OTHER: u8 = 0;
    pub(super) const DIGIT: u8 = 1;
    /// A lower-case hexadecimal digit that is a letter.
    pub(super) const LETTER: u8 = 2;
    /// One of the values of [`mark`](super::mark).
    pub(super) const MARK: u8 = 4;
}

const CLASSES: [u8; 256] = {
    let mut classes = [class::OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            mark::NUMBER..=mark::LITERAL => class::MARK,
            b'0'..=b'9' => class::DIGIT,
            b'a'..=b'f' => class::LETTER,
            _ => class::OTHER,
        };
        byte += 1;
    }
    classes
};

fn is_uuid(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(at, byte)| match UUID_DASHES.contains(&at) {
        true => *byte == b'-',
        false => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    })
}

/// Appends what an even number of lower-case hexadecimal digits stands for.
fn push_hex(digits: &[u8], bytes: &mut Vec<u8>) {
    let value = |digit: u8| (digit & 0xf) + 9 * (digit >> 6);
    bytes.extend(digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])));
}
