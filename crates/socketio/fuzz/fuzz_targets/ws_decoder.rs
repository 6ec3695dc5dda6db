//! `cargo +nightly fuzz run ws_decoder`, in crates/socketio.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_socketio::fuzzing::ws_decoder(data));
