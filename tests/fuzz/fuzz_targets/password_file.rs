#![no_main]
//! See [`scgate_fuzz::checks::password_file`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    scgate_fuzz::checks::password_file(data);
});
