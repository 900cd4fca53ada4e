//! tconv
#![forbid(unsafe_code)]
