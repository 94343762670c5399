//! The line of an instruction, by the three tables that CPython has had. The tables are another process's: they end
//! where they end, and whatever they say is a number.

use axolotl_run_core::knowledge::python::layouts::LineTable;

/// Of a piece of code that has no line (CPython writes -128).
const NO_LINE: i8 = -128;

/// The line of the instruction at this byte of the code; None where the table has none.
pub fn line(kind: LineTable, table: &[u8], first_line: i64, byte: i64) -> Option<u64> {
    let line = match kind {
        LineTable::Increments => Some(by_increments(table, first_line, byte)),
        LineTable::Ranges => by_ranges(table, first_line, byte),
        LineTable::Locations => by_locations(table, first_line, byte),
    };
    u64::try_from(line?).ok()
}

fn by_increments(table: &[u8], first_line: i64, byte: i64) -> i64 {
    let (mut at, mut line) = (0, first_line);
    for pair in table.as_chunks::<2>().0 {
        let [code, lines] = *pair;
        at += i64::from(code);
        if at > byte {
            break;
        }
        line += i64::from(lines.cast_signed());
    }
    line
}

fn by_ranges(table: &[u8], first_line: i64, byte: i64) -> Option<i64> {
    let (mut end, mut line) = (0, first_line);
    for pair in table.as_chunks::<2>().0 {
        let [code, lines] = *pair;
        let lines = lines.cast_signed();
        if lines != NO_LINE {
            line += i64::from(lines);
        }
        end += i64::from(code);
        if byte < end {
            return (lines != NO_LINE).then_some(line);
        }
    }
    None
}

fn by_locations(table: &[u8], first_line: i64, byte: i64) -> Option<i64> {
    let mut bytes = table.iter().copied();
    let (mut end, mut line) = (0, first_line);
    while let Some(head) = bytes.next() {
        let mut has_line = true;
        match (head >> 3) & 15 {
            15 => has_line = false,
            14 => {
                line += signed(&mut bytes)?;
                for _ in 0..3 {
                    variable(&mut bytes)?;
                }
            }
            13 => line += signed(&mut bytes)?,
            form @ 10..=12 => {
                line += i64::from(form - 10);
                bytes.nth(1)?;
            }
            _ => {
                bytes.next()?;
            }
        }
        // Its length is in instructions of two bytes.
        end += 2 * (i64::from(head & 7) + 1);
        if byte < end {
            return has_line.then_some(line);
        }
    }
    None
}

/// Six bits a byte, the lowest first; the seventh says that more follow.
fn variable(bytes: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let mut value = 0_u32;
    for shift in (0..30).step_by(6) {
        let byte = bytes.next()?;
        value |= u32::from(byte & 63) << shift;
        if byte & 64 == 0 {
            return Some(value);
        }
    }
    None
}

/// The lowest bit is the sign.
fn signed(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let value = variable(bytes)?;
    let size = i64::from(value >> 1);
    Some(if value & 1 == 0 { size } else { -size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use LineTable::{Increments, Locations, Ranges};
    use proptest::prelude::*;

    #[test]
    fn each_table_tells_the_line_of_an_instruction() {
        for (kind, table, byte, expected) in [
            // def f(): / x / y, ten and twelve bytes of code.
            (Increments, &[0, 1, 10, 1][..], 0, Some(6)),
            (Increments, &[0, 1, 10, 1], 9, Some(6)),
            (Increments, &[0, 1, 10, 1], 10, Some(7)),
            (Increments, &[0, 9, 10, 0xff], 12, Some(13)),
            (Ranges, &[10, 1, 12, 1], 9, Some(6)),
            (Ranges, &[10, 1, 12, 1], 10, Some(7)),
            (Ranges, &[10, 1, 4, 0x80, 8, 1], 10, None),
            (Ranges, &[10, 1, 4, 0x80, 8, 1], 14, Some(7)),
            (Ranges, &[10, 1], 10, None),
            // One instruction on the line, two on the next, without columns two lines up, without a line.
            (Locations, &[0x80, 0, 0xd9, 1, 1, 0xe8, 5, 0xf8], 0, Some(5)),
            (Locations, &[0x80, 0, 0xd9, 1, 1, 0xe8, 5, 0xf8], 2, Some(6)),
            (Locations, &[0x80, 0, 0xd9, 1, 1, 0xe8, 5, 0xf8], 5, Some(6)),
            (Locations, &[0x80, 0, 0xd9, 1, 1, 0xe8, 5, 0xf8], 6, Some(4)),
            (Locations, &[0x80, 0, 0xd9, 1, 1, 0xe8, 5, 0xf8], 8, None),
            (Locations, &[0xf0, 0x42, 1, 0, 0, 0], 0, Some(38)),
            (Locations, &[0xf0], 0, None),
        ] {
            assert_eq!(
                line(kind, table, 5, byte),
                expected,
                "{kind:?} {table:?} {byte}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_table_ends(table in prop::collection::vec(any::<u8>(), 0..300), first in any::<i32>(), byte in any::<i32>()) {
            for kind in [Increments, Ranges, Locations] {
                let _ = line(kind, &table, first.into(), byte.into());
            }
        }
    }
}
