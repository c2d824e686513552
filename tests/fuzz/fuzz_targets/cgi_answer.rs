#![no_main]
//! See [`scgate_fuzz::checks::cgi_answer`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::cgi_answer(data);
});
