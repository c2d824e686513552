#![no_main]
//! See [`scgate_fuzz::checks::scgi_encode`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::scgi_encode(data);
});
