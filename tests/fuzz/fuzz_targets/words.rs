#![no_main]
//! See [`scgate_fuzz::checks::words`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::words(data);
});
