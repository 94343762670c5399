//! What is printed from the tables that the program is made of: the manual page and the published list.

pub mod man;
pub mod schema;

use crate::{owner_record, store};

/// Every file of the launcher's with what it holds.
pub fn files() -> Vec<(String, &'static str)> {
    let mut files = Vec::new();
    for (path, holds) in store::files() {
        let is_lock = path.ends_with("/live");
        files.push((path, holds));
        if is_lock {
            for (name, holds) in owner_record::FILES {
                files.push((store::run_file(name), holds));
            }
        }
    }
    files
}
