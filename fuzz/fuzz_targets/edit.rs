#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    assert!(liftlock_fuzz::run("edit", bytes));
});
