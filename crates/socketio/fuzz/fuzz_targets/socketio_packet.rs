//! `cargo +nightly fuzz run socketio_packet`, in crates/socketio.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_socketio::fuzzing::socketio_packet(data));
