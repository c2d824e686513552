#![no_main]
//! See [`scgate_fuzz::checks::http_date`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::http_date(data);
});
