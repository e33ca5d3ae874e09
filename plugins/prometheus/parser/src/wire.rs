//! Protobuf's wire format, as far as messages of others have to be read: fields with their numbers, in order. It knows no message.

/// Bytes that are no protobuf message of the kind that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// A field's value as the wire has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// 32 bits, which no message here has.
    Fixed32,
}

/// The fields of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field's number and value.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Field::Bytes(self.bytes()?),
            5 => {
                self.array::<4>()?;
                Field::Fixed32
            }
            _ => return Err(Malformed("a field of an unknown wire type")),
        };
        Ok(Some((key >> 3, field)))
    }

    /// The next message of a stream of messages, each behind its length.
    pub(super) fn delimited(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        if self.rest.is_empty() { Ok(None) } else { self.bytes().map(Some) }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(Malformed("a number that does not end"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed("a length beyond all memory"))?;
        let (head, tail) = self.rest.split_at_checked(length).ok_or(Malformed("it ends in the middle of a message"))?;
        self.rest = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(Malformed("it ends in the middle of a number"))?;
        self.rest = tail;
        Ok(*head)
    }
}
