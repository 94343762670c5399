//! Finds the interpreter's symbols in a process that has it loaded.
//!
//! The interpreter is the program itself or a library. Its symbols are read from its loaded image (the table that the
//! dynamic linker uses), never from its file: a file may be on a disk that does not answer, may have been replaced, or
//! may be in a container that we do not see.

use super::memory::ProcessMemory;

/// Images that are tried; a process has one interpreter, and perhaps a library that only passes calls on.
const IMAGES_MAX: usize = 4;
/// Program headers, and entries of the dynamic section, of one image.
const HEADERS_MAX: u64 = 64;
const DYNAMIC_MAX: u64 = 256;
/// Buckets and words of a symbol table's filter.
const TABLE_MAX: u32 = 1 << 20;
/// Symbols that share a bucket; the table has one to four each.
const CHAIN_MAX: u32 = 256;
/// Bytes of a symbol.
const SYMBOL_BYTES: u64 = 24;
/// Bytes of a program header.
const HEADER_BYTES: u64 = 56;

/// An image of ELF that a process has loaded, as far as it is needed to find a symbol.
#[derive(Clone, Copy, Debug)]
pub struct LoadedImage {
    /// What is added to an address of the file.
    bias: u64,
    hashes: u64,
    symbols: u64,
    names: u64,
}

/// A mapping of the beginning of a file that may be an interpreter.
#[derive(Debug, PartialEq, Eq)]
pub struct ImageCandidate {
    /// Its address.
    pub start: u64,
    /// 11 where the file is called `python3.11` or `libpython3.11.so.1.0`.
    pub version: Option<u64>,
}

/// The files with `python` in their names, of a text as `/proc/PID/maps` has it.
pub fn candidates(maps: &[u8]) -> Vec<ImageCandidate> {
    let mut candidates = Vec::new();
    for line in maps.split(|byte| *byte == b'\n') {
        if candidates.len() < IMAGES_MAX
            && let Ok(line) = std::str::from_utf8(line)
        {
            candidates.extend(candidate(line));
        }
    }
    candidates
}

/// `7f00-7f01 r--p 00000000 fe:01 42    /usr/lib/libpython3.11.so.1.0`.
fn candidate(line: &str) -> Option<ImageCandidate> {
    let (addresses, rest) = line.split_once(' ')?;
    let offset = rest.split(' ').nth(1)?;
    let (_, file) = line.rsplit_once('/')?;
    if offset.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let behind = file.strip_prefix("lib").unwrap_or(file);
    let version = behind.strip_prefix("python")?.strip_prefix("3.");
    let digits = version.map(|text| text.split(|letter: char| !letter.is_ascii_digit()).next());
    Some(ImageCandidate {
        start: u64::from_str_radix(addresses.split_once('-')?.0, 16).ok()?,
        version: digits.flatten().and_then(|digits| digits.parse().ok()),
    })
}

impl LoadedImage {
    /// Reads the headers of the image that begins at this address; None where it is none.
    pub fn at(memory: &mut ProcessMemory, start: u64) -> Option<Self> {
        let head: [u8; 64] = memory.bytes(start, 64)?.try_into().ok()?;
        // The magic number, and 64 bits.
        if !head.starts_with(b"\x7fELF\x02") {
            return None;
        }
        let header_offset = u64::from_ne_bytes(*head.get(32..)?.first_chunk()?);
        let count = u16::from_ne_bytes(*head.get(56..)?.first_chunk()?);
        let (mut first_load, mut dynamic) = (None, None);
        for index in 0..u64::from(count).min(HEADERS_MAX) {
            let header = start
                .checked_add(header_offset)?
                .checked_add(index * HEADER_BYTES)?;
            let address = memory.word(header.checked_add(16)?)?;
            match memory.half_word(header)? {
                1 => first_load = first_load.or(Some(address)),
                2 => dynamic = Some(address),
                _ => {}
            }
        }
        let bias = start.wrapping_sub(first_load?);
        Self::of_dynamic(memory, bias, bias.wrapping_add(dynamic?))
    }

    fn of_dynamic(memory: &mut ProcessMemory, bias: u64, section: u64) -> Option<Self> {
        let (mut hashes, mut symbols, mut names) = (None, None, None);
        for index in 0..DYNAMIC_MAX {
            let entry = section.checked_add(index * 16)?;
            let mut address = memory.word(entry.checked_add(8)?)?;
            // The dynamic linker of glibc has added the bias; that of musl has not.
            if address < bias {
                address = address.wrapping_add(bias);
            }
            match memory.word(entry)? {
                0 => break,
                5 => names = Some(address),
                6 => symbols = Some(address),
                0x6fff_fef5 => hashes = Some(address),
                _ => {}
            }
        }
        Some(Self {
            bias,
            hashes: hashes?,
            symbols: symbols?,
            names: names?,
        })
    }

    /// The address of a symbol (`DT_GNU_HASH`).
    pub fn symbol(&self, memory: &mut ProcessMemory, name: &str) -> Option<u64> {
        let hash = gnu_hash(name);
        let buckets = memory.half_word(self.hashes)?;
        let first_symbol = memory.half_word(self.hashes.wrapping_add(4))?;
        let filter = memory.half_word(self.hashes.wrapping_add(8))?;
        if buckets == 0 || buckets > TABLE_MAX || filter > TABLE_MAX {
            return None;
        }
        let bucket_table = self.hashes.wrapping_add(16 + 8 * u64::from(filter));
        let chain_table = bucket_table.wrapping_add(4 * u64::from(buckets));
        let bucket = bucket_table.wrapping_add(4 * u64::from(hash % buckets));
        let begin = memory.half_word(bucket)?;
        for index in begin..begin.saturating_add(CHAIN_MAX) {
            let place = index.checked_sub(first_symbol)?;
            let found = memory.half_word(chain_table.wrapping_add(4 * u64::from(place)))?;
            if found | 1 == hash | 1
                && let Some(address) = self.named(memory, index, name)
            {
                return Some(address);
            }
            // The last one of the bucket.
            if found & 1 == 1 {
                return None;
            }
        }
        None
    }

    /// The symbol with this index, if it has this name.
    fn named(&self, memory: &mut ProcessMemory, index: u32, name: &str) -> Option<u64> {
        let symbol = self.symbols.checked_add(SYMBOL_BYTES * u64::from(index))?;
        let text = self.names.checked_add(memory.half_word(symbol)?.into())?;
        let written = memory.bytes(text, name.len() + 1)?;
        if written.strip_suffix(&[0]) != Some(name.as_bytes()) {
            return None;
        }
        let value = memory.word(symbol.checked_add(8)?)?;
        Some(self.bias.wrapping_add(value))
    }
}

fn gnu_hash(name: &str) -> u32 {
    let mut hash = 5381_u32;
    for byte in name.bytes() {
        hash = hash.wrapping_mul(33).wrapping_add(byte.into());
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_found_by_the_names_of_their_files() {
        let maps = b"00400000-0041f000 r--p 00000000 fe:00 41    /usr/bin/python3.11\n\
            0041f000-006b9000 r-xp 0001f000 fe:00 41    /usr/bin/python3.11\n\
            7f00-7f01 r--p 00000000 fe:01 42    /opt/my lib/libpython3.9.so.1.0 (deleted)\n\
            7f02-7f03 r--p 00000000 fe:01 43    /v/bin/python\n\
            7f04-7f05 r--p 00000000 fe:01 44    /v/lib/libtorch_python.so\n\
            7f06-7f07 rw-p 00000000 00:00 0     [heap]\n\xff\n";
        let found: Vec<_> = candidates(maps)
            .iter()
            .map(|candidate| (candidate.start, candidate.version))
            .collect();
        assert_eq!(
            found,
            [(0x40_0000, Some(11)), (0x7f00, Some(9)), (0x7f02, None)]
        );
        assert_eq!(
            candidates(&b"1-2 r 0 0 0 /python3\n".repeat(9)).len(),
            IMAGES_MAX
        );
    }

    #[test]
    fn the_hash_is_the_linkers() {
        // readelf --histogram and the ABI's own examples.
        assert_eq!(gnu_hash(""), 0x1505);
        assert_eq!(gnu_hash("printf"), 0x156b_2bb8);
    }
}
