#![no_main]
//! See [`scgate_fuzz::checks::address`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::address(data);
});
