//! Every raw system call of the program, and with it every `unsafe` block. What leaves this file is `io::Result`,
//! owned descriptors and plain values.
#![allow(unsafe_code)]
