#![no_main]
//! See [`scgate_fuzz::checks::proxy_protocol`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::proxy_protocol(data);
});
