//! Randomness, which a strict container may refuse: then there is none, and that is not the end of anything.

use std::fs::File;
use std::io::{Read as _, Result};

/// Random bytes.
///
/// # Errors
/// Where neither the system call nor the device is to be had.
pub fn bytes() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    let flags = rustix::rand::GetRandomFlags::empty();
    // So few come at once or not at all.
    match rustix::rand::getrandom(&mut bytes[..], flags) {
        Ok(16) => {}
        _ => File::open("/dev/urandom")?.read_exact(&mut bytes)?,
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        assert_ne!(bytes().unwrap(), bytes().unwrap());
    }
}
