//! The program `tconv`.
#![forbid(unsafe_code)]
fn main() {}
