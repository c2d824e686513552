#![no_main]
//! See [`scgate_fuzz::checks::credentials`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::credentials(data);
});
