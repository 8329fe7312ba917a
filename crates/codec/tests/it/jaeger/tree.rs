//! Thrift's values as a tree, written and read in both protocols: slow, plain, of no schema.

/// One of Thrift's protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Binary,
    Compact,
}

/// A value. A list knows the type of its elements, by an example.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Bool(bool),
    Byte(u8),
    I16(i16),
    I32(i32),
    I64(i64),
    Double(u64),
    Bytes(Vec<u8>),
    Struct(Vec<(i16, Self)>),
    List(Box<Self>, Vec<Self>),
    Set(Box<Self>, Vec<Self>),
    Map(Box<(Self, Self)>, Vec<(Self, Self)>),
    Uuid([u8; 16]),
}

impl Tree {
    pub(super) fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    pub(super) fn structs(elements: Vec<Self>) -> Self {
        Self::List(Box::new(Self::Struct(vec![])), elements)
    }

    pub(super) fn written(&self, protocol: Protocol) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(protocol, &mut out);
        out
    }

    /// The number of its type in the protocol.
    fn type_number(&self, protocol: Protocol) -> u8 {
        let [binary, compact] = match self {
            Self::Bool(true) => [2, 1],
            Self::Bool(false) => [2, 2],
            Self::Byte(_) => [3, 3],
            Self::I16(_) => [6, 4],
            Self::I32(_) => [8, 5],
            Self::I64(_) => [10, 6],
            Self::Double(_) => [4, 7],
            Self::Bytes(_) => [11, 8],
            Self::Struct(_) => [12, 12],
            Self::List(..) => [15, 9],
            Self::Set(..) => [14, 10],
            Self::Map(..) => [13, 11],
            Self::Uuid(_) => [16, 13],
        };
        if protocol == Protocol::Binary { binary } else { compact }
    }

    fn write(&self, protocol: Protocol, out: &mut Vec<u8>) {
        let is_binary = protocol == Protocol::Binary;
        match self {
            Self::Bool(value) if is_binary => out.push(u8::from(*value)),
            Self::Bool(value) => out.push(if *value { 1 } else { 2 }),
            Self::Byte(value) => out.push(*value),
            Self::I16(value) if is_binary => out.extend(value.to_be_bytes()),
            Self::I16(value) => zigzag((*value).into(), out),
            Self::I32(value) if is_binary => out.extend(value.to_be_bytes()),
            Self::I32(value) => zigzag((*value).into(), out),
            Self::I64(value) if is_binary => out.extend(value.to_be_bytes()),
            Self::I64(value) => zigzag(*value, out),
            Self::Double(bits) if is_binary => out.extend(bits.to_be_bytes()),
            Self::Double(bits) => out.extend(bits.to_le_bytes()),
            Self::Bytes(bytes) => {
                write_len(bytes.len(), protocol, out);
                out.extend(bytes);
            }
            Self::Struct(fields) => write_struct(fields, protocol, out),
            Self::List(example, elements) | Self::Set(example, elements) => {
                let element_type = example.type_number(protocol);
                match (is_binary, elements.len()) {
                    (true, len) => {
                        out.push(element_type);
                        write_len(len, protocol, out);
                    }
                    (false, len @ 0..15) => {
                        out.push(u8::try_from(len).unwrap() << 4 | element_type);
                    }
                    (false, len) => {
                        out.push(0xf0 | element_type);
                        write_len(len, protocol, out);
                    }
                }
                elements.iter().for_each(|element| element.write(protocol, out));
            }
            Self::Map(example, entries) => {
                let [key, value] = [&example.0, &example.1].map(|it| it.type_number(protocol));
                if is_binary {
                    out.extend([key, value]);
                }
                write_len(entries.len(), protocol, out);
                if !is_binary && !entries.is_empty() {
                    out.push(key << 4 | value);
                }
                for (key, value) in entries {
                    key.write(protocol, out);
                    value.write(protocol, out);
                }
            }
            Self::Uuid(bytes) => out.extend(bytes),
        }
    }

    /// The first field of this id that is of the type that `pick` picks.
    pub(super) fn field<'t, T>(
        &'t self,
        id: i16,
        pick: impl Fn(&'t Self) -> Option<T>,
    ) -> Option<T> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().filter(|(field, _)| *field == id).find_map(|(_, value)| pick(value))
    }

    /// Whether a struct somewhere inside has an id twice.
    pub(super) fn repeats_a_field(&self) -> bool {
        match self {
            Self::Struct(fields) => {
                let mut ids: Vec<_> = fields.iter().map(|(id, _)| *id).collect();
                ids.sort_unstable();
                ids.windows(2).any(|two| two[0] == two[1])
                    || fields.iter().any(|(_, value)| value.repeats_a_field())
            }
            Self::List(_, elements) => elements.iter().any(Self::repeats_a_field),
            _ => false,
        }
    }
}

fn write_struct(fields: &[(i16, Tree)], protocol: Protocol, out: &mut Vec<u8>) {
    let mut last = 0i32;
    for (id, value) in fields {
        let type_number = value.type_number(protocol);
        match (protocol, i32::from(*id) - last) {
            (Protocol::Binary, _) => {
                out.push(type_number);
                out.extend(id.to_be_bytes());
            }
            (Protocol::Compact, step @ 1..=15) => {
                out.push(u8::try_from(step).unwrap() << 4 | type_number);
            }
            (Protocol::Compact, _) => {
                out.push(type_number);
                zigzag((*id).into(), out);
            }
        }
        last = (*id).into();
        let is_in_head = protocol == Protocol::Compact && matches!(value, Tree::Bool(_));
        if !is_in_head {
            value.write(protocol, out);
        }
    }
    out.push(0);
}

fn write_len(len: usize, protocol: Protocol, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Binary => out.extend(u32::try_from(len).unwrap().to_be_bytes()),
        Protocol::Compact => varint(len as u64, out),
    }
}

fn varint(value: u64, out: &mut Vec<u8>) {
    let low = u8::try_from(value % 128).unwrap();
    if value < 128 {
        out.push(low);
    } else {
        out.push(low + 128);
        varint(value / 128, out);
    }
}

fn zigzag(value: i64, out: &mut Vec<u8>) {
    let doubled = i128::from(value) * 2;
    let raw = if value < 0 { -doubled - 1 } else { doubled };
    varint(u64::try_from(raw).unwrap(), out);
}

/// Reads a struct; `None` where there is none.
pub(super) fn read_struct(bytes: &[u8], protocol: Protocol) -> Option<Tree> {
    Source { bytes, protocol }.read_struct()
}

struct Source<'b> {
    bytes: &'b [u8],
    protocol: Protocol,
}

impl Source<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = self.bytes.get(..N)?.try_into().unwrap();
        self.bytes = &self.bytes[N..];
        Some(taken)
    }

    fn varint(&mut self, bits: u32) -> Option<u64> {
        let mut value = 0u128;
        for place in 0..10 {
            let [byte] = self.take()?;
            value += u128::from(byte % 128) << (7 * place);
            if byte < 128 {
                return u64::try_from(value).ok().filter(|value| bits == 64 || value >> bits == 0);
            }
        }
        None
    }

    fn zigzag(&mut self, bits: u32) -> Option<i64> {
        let raw = self.varint(bits)?;
        let half = i64::try_from(raw / 2).unwrap();
        Some(if raw % 2 == 0 { half } else { -half - 1 })
    }

    fn len(&mut self) -> Option<usize> {
        let len = match self.protocol {
            Protocol::Binary => i32::from_be_bytes(self.take()?).try_into().ok()?,
            Protocol::Compact => self.varint(32)? as usize,
        };
        Some(len).filter(|len| *len <= self.bytes.len())
    }

    fn read_struct(&mut self) -> Option<Tree> {
        let (mut fields, mut last) = (Vec::new(), 0i16);
        loop {
            let [head] = self.take()?;
            if head == 0 {
                return Some(Tree::Struct(fields));
            }
            let (id, value) = match self.protocol {
                Protocol::Binary => {
                    let id = i16::from_be_bytes(self.take()?);
                    (id, self.value(head)?)
                }
                Protocol::Compact => {
                    let id = match head >> 4 {
                        0 => i16::try_from(self.zigzag(32)?).ok()?,
                        step => last.wrapping_add(step.into()),
                    };
                    let value = match head & 15 {
                        1 => Tree::Bool(true),
                        2 => Tree::Bool(false),
                        other => self.value(other)?,
                    };
                    (id, value)
                }
            };
            last = id;
            fields.push((id, value));
        }
    }

    fn value(&mut self, number: u8) -> Option<Tree> {
        let is_binary = self.protocol == Protocol::Binary;
        let of_binary =
            if is_binary { number } else { *COMPACT_AS_BINARY.get(usize::from(number))? };
        Some(match of_binary {
            2 => {
                let [byte] = self.take()?;
                Tree::Bool(if is_binary { byte != 0 } else { byte == 1 })
            }
            3 => Tree::Byte(self.take::<1>()?[0]),
            6 if is_binary => Tree::I16(i16::from_be_bytes(self.take()?)),
            6 => Tree::I16(i16::try_from(self.zigzag(32)?).ok()?),
            8 if is_binary => Tree::I32(i32::from_be_bytes(self.take()?)),
            8 => Tree::I32(i32::try_from(self.zigzag(32)?).ok()?),
            10 if is_binary => Tree::I64(i64::from_be_bytes(self.take()?)),
            10 => Tree::I64(self.zigzag(64)?),
            4 if is_binary => Tree::Double(u64::from_be_bytes(self.take()?)),
            4 => Tree::Double(u64::from_le_bytes(self.take()?)),
            11 => {
                let len = self.len()?;
                let bytes = self.bytes[..len].to_vec();
                self.bytes = &self.bytes[len..];
                Tree::Bytes(bytes)
            }
            12 => self.read_struct()?,
            13 => self.map()?,
            14 | 15 => {
                let (element, len) = self.list_head()?;
                let elements = (0..len).map(|_| self.value(element)).collect::<Option<Vec<_>>>()?;
                let example = Box::new(example_of(element, self.protocol)?);
                let make = if of_binary == 14 { Tree::Set } else { Tree::List };
                make(example, elements)
            }
            16 => Tree::Uuid(self.take()?),
            _ => return None,
        })
    }

    fn list_head(&mut self) -> Option<(u8, usize)> {
        let [head] = self.take()?;
        match self.protocol {
            Protocol::Binary => Some((head, self.len()?)),
            Protocol::Compact if head >> 4 == 15 => Some((head & 15, self.len()?)),
            Protocol::Compact => Some((head & 15, usize::from(head >> 4))),
        }
    }

    fn map(&mut self) -> Option<Tree> {
        let (key, value, len) = match self.protocol {
            Protocol::Binary => {
                let [key, value] = self.take()?;
                (key, value, self.len()?)
            }
            Protocol::Compact => match self.len()? {
                0 => (3, 3, 0),
                len => {
                    let [types] = self.take()?;
                    (types >> 4, types & 15, len)
                }
            },
        };
        let entries: Option<Vec<_>> =
            (0..len).map(|_| Some((self.value(key)?, self.value(value)?))).collect();
        let example = (example_of(key, self.protocol)?, example_of(value, self.protocol)?);
        Some(Tree::Map(Box::new(example), entries?))
    }
}

/// The types of the compact protocol by the numbers of the binary one; 0 is none.
const COMPACT_AS_BINARY: [u8; 14] = [0, 2, 2, 3, 6, 8, 10, 4, 11, 15, 14, 13, 12, 16];

/// A value of the type.
fn example_of(number: u8, protocol: Protocol) -> Option<Tree> {
    let byte = || Box::new(Tree::Byte(0));
    let all = [
        Tree::Bool(true),
        Tree::Bool(false),
        Tree::Byte(0),
        Tree::I16(0),
        Tree::I32(0),
        Tree::I64(0),
        Tree::Double(0),
        Tree::Bytes(vec![]),
        Tree::Struct(vec![]),
        Tree::List(byte(), vec![]),
        Tree::Set(byte(), vec![]),
        Tree::Map(Box::new((Tree::Byte(0), Tree::Byte(0))), vec![]),
        Tree::Uuid([0; 16]),
    ];
    all.into_iter().find(|example| example.type_number(protocol) == number)
}
