#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iron_fuzz::guard_filter(data));
