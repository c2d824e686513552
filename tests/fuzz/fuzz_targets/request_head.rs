#![no_main]
//! See [`scgate_fuzz::checks::request_head`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::request_head(data);
});
