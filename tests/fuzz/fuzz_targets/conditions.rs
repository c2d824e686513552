#![no_main]
//! See [`scgate_fuzz::checks::conditions`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::conditions(data);
});
