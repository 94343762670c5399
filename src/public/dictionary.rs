//! To be written.

/// tmp
pub fn is_public(_text: &str) -> bool {
    false
}
