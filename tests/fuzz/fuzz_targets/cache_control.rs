#![no_main]
//! See [`scgate_fuzz::checks::cache_control`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::cache_control(data);
});
