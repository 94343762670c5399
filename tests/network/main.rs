//! Delivery by the real program: what a faulty server costs a run, and what the next run delivers.
//!
//! The uploader by itself is tested where it is, in `src/delivery/tests`.

mod channels;
mod faults;
