//! What users see: the four programs, the errors, what a session promises.
#![forbid(unsafe_code)]

mod checkpoint;
mod errors;
mod locations;
mod named;
mod names;
mod programs;
mod properties;
mod session;
mod shapes;
