//! `cargo +nightly fuzz run engine_payload_v3`, in crates/socketio.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_socketio::fuzzing::engine_payload_v3(data));
