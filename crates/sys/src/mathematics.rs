//! The two functions of the C library's `libm` that charts and progress bars need, so that it need not be loaded.
//!
//! The C library keeps `pow` and `log10` in a library of its own. To find, map and relocate it takes a twentieth of the
//! time to the command's start, on the way to every training, for an axis that is drawn when somebody asks for a
//! report. Its archive cannot be linked into a program with a dynamic C library. So both names are defined here, by the
//! Rust project's own port, and the linker leaves the library out. Nobody calls this module: the compiler calls the
//! symbols for `f64::powf` and `f64::log10`.

/// `f64::powf`.
// SAFETY: the C signature of the name, and what the C standard says that it returns.
#[unsafe(no_mangle)]
extern "C" fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// `f64::log10`.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn log10(number: f64) -> f64 {
    libm::log10(number)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    /// A mistake in the last place would put a mark of the axis at 0.99, or a decade too low.
    #[test]
    fn powers_of_ten_are_exact() {
        for exponent in -300_i16..=300 {
            let (exponent, written) = (
                f64::from(exponent),
                format!("1e{exponent}").parse::<f64>().unwrap(),
            );
            assert_eq!(black_box(written).log10(), exponent);
            let power = black_box(10.0_f64).powf(exponent);
            assert!(
                (power / written - 1.0).abs() <= f64::EPSILON,
                "{power:e} {written:e}"
            );
        }
        assert!(black_box(-1.0_f64).log10().is_nan());
        assert_eq!(black_box(0.0_f64).powf(0.0), 1.0);
        assert_eq!(black_box(2.0_f64).powf(0.5), std::f64::consts::SQRT_2);
    }
}
