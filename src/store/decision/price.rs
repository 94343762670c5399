//! The price that `--price` stores: what an hour costs, for the reports alone.
//!
//! A file of one line that users may read and edit. What cannot be understood is no price.

use super::replace_file;
use crate::store::layout::{self, OURS, PRICE, StoreProblem};
use axolotl_run_core::judging::summary::price::Price;
use axolotl_run_core::launch::Environment;
use axolotl_run_sys::files::{Directory, Missing};
use axolotl_run_sys::probe::open_regular;
use std::io::{self, Read as _};
use std::path::Path;

/// Bytes of the file that are read; a price has a dozen.
const PRICE_BYTES_MAX: u64 = 1024;

/// The stored price, as it was written.
pub fn read(environment: Environment<'_>) -> Option<String> {
    let home = layout::config_home(environment).ok()?;
    let file = open_regular(&home.join(OURS).join(PRICE)).ok()?;
    let mut text = String::new();
    file.take(PRICE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Price::parse(&text)?;
    Some(text.trim().to_owned())
}

/// Stores a price in the place of any older one; none is no file.
///
/// # Errors
/// Why it can't be stored; the text reads after "failed to".
pub fn write(environment: Environment<'_>, price: Option<&str>) -> Result<(), StoreProblem> {
    let ours = layout::config_home(environment)?.join(OURS);
    let path = ours.join(PRICE);
    let written = match price {
        Some(price) => replace_file(&path, &format!("{price}\n")),
        None => remove(&ours),
    };
    written.map_err(|error| StoreProblem::Io(path, error))
}

fn remove(ours: &Path) -> io::Result<()> {
    let Ok(directory) = Directory::open(ours, Missing::Fail) else {
        return Ok(());
    };
    match directory.remove_file(PRICE) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
