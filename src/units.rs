//! Sizes, times and rates as text: parsed once, at the border of the program, with checked arithmetic.
//!
//! Pure: no I/O, no clock. Sizes are bytes (`u64`), times are [`Duration`].
#![forbid(unsafe_code)]
