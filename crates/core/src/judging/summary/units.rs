//! Figures as people read them: a few digits and a unit.
//!
//! Pure. Used wherever the owner is told about a run; a figure that makes no sense becomes `?`, never a panic
//! and never a page-wide number.

/// What stands for a figure that is none.
const UNKNOWN: &str = "?";

/// A duration in its two largest units: `0.8s`, `42s`, `3m 07s`, `2h 13m`, `6d 4h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return UNKNOWN.to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1}s");
    }
    // A float's cast saturates.
    let whole = seconds.round() as u64;
    let (minutes, hours, days) = (whole / 60, whole / 3600, whole / 86_400);
    match whole {
        0..60 => format!("{whole}s"),
        60..3600 => format!("{minutes}m {:02}s", whole % 60),
        3600..86_400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// Bytes in binary units: `512 B`, `18.7 GiB`.
pub fn bytes(bytes: f64) -> String {
    let (mut value, mut unit) = (bytes, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if value.abs() < 1000.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    let text = if unit == "B" && value.is_finite() {
        format!("{value:.0}")
    } else {
        number(value)
    };
    format!("{text} {unit}")
}

/// A number with about three significant digits, and four where it begins with a zero: `1.93`, `0.4163`, `512`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        UNKNOWN.to_owned()
    } else if size == 0.0 {
        "0".to_owned()
    } else if !(0.001..1e7).contains(&size) {
        format!("{value:.1e}")
    } else {
        let decimals = match size {
            100.0.. => 0,
            10.0.. => 1,
            1.0.. => 2,
            _ => 4,
        };
        let text = format!("{value:.decimals$}");
        let text = if decimals == 0 {
            &text
        } else {
            text.trim_end_matches('0').trim_end_matches('.')
        };
        text.to_owned()
    }
}

/// A number that is none, as the log has it: `nan`, `inf`, `-inf`.
pub fn not_finite(value: f64) -> String {
    value.to_string().to_ascii_lowercase()
}

/// A share as a percentage: `42 %`.
pub fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.0} %", share * 100.0)
    } else {
        UNKNOWN.to_owned()
    }
}

/// Energy as electricity bills have it: `0.22 Wh`, `1.25 kWh`.
pub fn energy(joules: f64) -> String {
    let watt_hours = joules / 3600.0;
    if watt_hours < 1000.0 {
        format!("{} Wh", number(watt_hours))
    } else {
        format!("{} kWh", number(watt_hours / 1000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn figures_read_as_people_write_them() {
        for (expected, text) in [
            ("0.8s", duration(0.84)),
            ("10s", duration(9.97)),
            ("42s", duration(42.4)),
            ("3m 07s", duration(187.0)),
            ("1h 00m", duration(3599.9)),
            ("2h 13m", duration(8000.0)),
            ("6d 4h", duration(533_000.0)),
            ("?", duration(f64::NAN)),
            ("?", duration(-1.0)),
            ("512 B", bytes(512.0)),
            ("18.7 GiB", bytes(18.7 * 1024.0 * 1024.0 * 1024.0)),
            ("1 KiB", bytes(1024.0)),
            ("0", number(0.0)),
            ("1.93", number(1.9312)),
            ("0.4163", number(0.41627)),
            ("500", number(500.0)),
            ("2.0e-5", number(2e-5)),
            ("?", number(f64::INFINITY)),
            ("nan", not_finite(f64::NAN)),
            ("-inf", not_finite(f64::NEG_INFINITY)),
            ("42 %", percent(0.4167)),
            ("0.2278 Wh", energy(820.0)),
            ("1.25 kWh", energy(4_500_000.0)),
        ] {
            assert_eq!(text, expected);
        }
    }

    proptest! {
        #[test]
        fn no_figure_is_wide(value in any::<f64>()) {
            for text in [duration(value), bytes(value), number(value), energy(value)] {
                prop_assert!((1..=24).contains(&text.len()), "{}", text);
            }
        }
    }
}
