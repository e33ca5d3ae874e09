//! Table rows and key-value changes as records. Each record is complete in itself.

use std::sync::Arc;

use cepmon_model::LabelSet;

use super::cursor::{Cursor, Malformed, put_bytes, put_number, put_signed};
use super::frame::{RecordKind, put_record};
use crate::Cell;

/// Appends the record of some rows.
pub(crate) fn put_rows(out: &mut Vec<u8>, table: &str, rows: &[Vec<Cell>]) {
    put_record(out, RecordKind::Rows, |out| {
        put_bytes(out, table.as_bytes());
        put_number(out, rows.len() as u64);
        for row in rows {
            put_number(out, row.len() as u64);
            for cell in row {
                put_cell(out, cell);
            }
        }
    });
}

/// Reads a record: the table's name and its rows.
pub(crate) fn read_rows(payload: &[u8]) -> Result<(&str, Vec<Vec<Cell>>), Malformed> {
    let mut cursor = Cursor::new(payload);
    let table = cursor.text()?;
    let mut rows = Vec::new();
    for _ in 0..cursor.count()? {
        let mut row = Vec::new();
        for _ in 0..cursor.count()? {
            row.push(read_cell(&mut cursor)?);
        }
        rows.push(row);
    }
    cursor.end()?;
    Ok((table, rows))
}

/// Appends the record of one change; `None` removes the key.
pub(crate) fn put_key_value(out: &mut Vec<u8>, space: &str, key: &str, value: Option<&[u8]>) {
    put_record(out, RecordKind::KeyValues, |out| {
        put_bytes(out, space.as_bytes());
        put_bytes(out, key.as_bytes());
        out.push(u8::from(value.is_some()));
        put_bytes(out, value.unwrap_or_default());
    });
}

/// Reads a change: space, key, value.
pub(crate) fn read_key_value(payload: &[u8]) -> Result<(&str, &str, Option<&[u8]>), Malformed> {
    let mut cursor = Cursor::new(payload);
    let (space, key) = (cursor.text()?, cursor.text()?);
    let is_set = cursor.byte()? == 1;
    let value = cursor.bytes()?;
    cursor.end()?;
    Ok((space, key, is_set.then_some(value)))
}

fn put_cell(out: &mut Vec<u8>, cell: &Cell) {
    match cell {
        Cell::Null => out.push(0),
        Cell::Time(time) => {
            out.push(1);
            put_signed(out, *time);
        }
        Cell::Int(number) => {
            out.push(2);
            put_signed(out, *number);
        }
        Cell::Float(number) => {
            out.push(3);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Cell::Text(text) => {
            out.push(4);
            put_bytes(out, text.as_bytes());
        }
        Cell::Bool(truth) => out.push(5 + u8::from(*truth)),
        Cell::Labels(labels) => {
            out.push(7);
            put_number(out, labels.len() as u64);
            for (name, value) in labels.iter() {
                put_bytes(out, name.as_bytes());
                put_bytes(out, value.as_bytes());
            }
        }
        Cell::Ints(numbers) => {
            out.push(8);
            put_number(out, numbers.len() as u64);
            numbers.iter().for_each(|number| put_signed(out, *number));
        }
        Cell::Floats(numbers) => {
            out.push(9);
            put_number(out, numbers.len() as u64);
            numbers.iter().for_each(|number| out.extend_from_slice(&number.to_bits().to_le_bytes()));
        }
    }
}

fn read_cell(cursor: &mut Cursor<'_>) -> Result<Cell, Malformed> {
    Ok(match cursor.byte()? {
        0 => Cell::Null,
        1 => Cell::Time(cursor.signed()?),
        2 => Cell::Int(cursor.signed()?),
        3 => Cell::Float(f64::from_bits(cursor.word()?)),
        4 => Cell::Text(cursor.text()?.to_owned()),
        5 => Cell::Bool(false),
        6 => Cell::Bool(true),
        7 => {
            let mut pairs = Vec::new();
            for _ in 0..cursor.count()? {
                pairs.push((cursor.text()?, cursor.text()?));
            }
            Cell::Labels(Arc::new(LabelSet::from_pairs(pairs)))
        }
        8 => Cell::Ints((0..cursor.count()?).map(|_| cursor.signed()).collect::<Result<_, _>>()?),
        9 => Cell::Floats((0..cursor.count()?).map(|_| cursor.word().map(f64::from_bits)).collect::<Result<_, _>>()?),
        _ => return Err(Malformed),
    })
}
