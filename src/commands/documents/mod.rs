//! What is printed from the tables that the program is made of: the manual page and the published list.

pub mod man;
pub mod schema;
