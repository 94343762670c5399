//! The times that stand in prefixes.

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `2026-03-01T11:22:33.456Z`, or with an offset.
    Iso,
    /// `2026-03-01 11:22:33,456`
    Date,
    /// `11:22:33,456`
    Clock,
}

/// The text behind a leading time, or behind seconds (`1772362953.123`).
pub(super) fn any(text: &str) -> Option<&str> {
    match clock(text) {
        Some((_, rest)) => Some(rest),
        None => seconds(text),
    }
}

/// The text behind a leading time of this style.
pub(super) fn styled(text: &str, style: Style) -> Option<&str> {
    let (found, rest) = clock(text)?;
    (found == style).then_some(rest)
}

/// A whole number, a point and three digits at least; no address of a machine, which has another point.
fn seconds(text: &str) -> Option<&str> {
    let whole = digits(text.as_bytes());
    if !(1..=10).contains(&whole) {
        return None;
    }
    let fraction = text[whole..].strip_prefix('.')?;
    let count = digits(fraction.as_bytes());
    let rest = &fraction[count..];
    if !(3..=9).contains(&count) || rest.starts_with('.') {
        return None;
    }
    Some(rest)
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

fn clock(text: &str) -> Option<(Style, &str)> {
    let mut style = Style::Clock;
    let mut rest = text;
    if let Some(after) = shaped(text, b"0000-00-00").or_else(|| shaped(text, b"0000/00/00")) {
        style = if after.starts_with('T') {
            Style::Iso
        } else {
            Style::Date
        };
        rest = after.strip_prefix(['T', ' '])?;
    }
    rest = shaped(rest, b"00:00:00")?;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let count = digits(fraction.as_bytes());
        if count > 0 {
            rest = &fraction[count..];
        }
    }
    if let Some(after) = rest.strip_prefix('Z') {
        rest = after;
    } else if style == Style::Iso {
        let offset = shaped(rest, b"+00:00").or_else(|| shaped(rest, b"-00:00"));
        // Without a zone it is a program's own time as well as a collector's.
        match offset {
            Some(after) => rest = after,
            None => style = Style::Date,
        }
    }
    Some((style, rest))
}

/// The text behind what has this shape, where `0` is any digit.
fn shaped<'a>(text: &'a str, shape: &[u8]) -> Option<&'a str> {
    let head = text.as_bytes().get(..shape.len())?;
    for (byte, wanted) in head.iter().zip(shape) {
        let fits = match wanted {
            b'0' => byte.is_ascii_digit(),
            _ => byte == wanted,
        };
        if !fits {
            return None;
        }
    }
    Some(&text[shape.len()..])
}
