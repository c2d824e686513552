#![no_main]
//! See [`scgate_fuzz::checks::response_head`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::response_head(data);
});
