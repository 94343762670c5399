//! To be written: the configuration keys of Axolotl's public schema.

/// Whether Axolotl's public schema has a key of that name, at any depth.
#[must_use]
pub fn is_key(_name: &str) -> bool {
    false
}
