#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    (uphold_tests::fuzz::target("snapshots").check)(input);
});
