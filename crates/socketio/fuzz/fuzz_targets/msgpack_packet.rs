//! `cargo +nightly fuzz run msgpack_packet`, in crates/socketio.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_socketio::fuzzing::msgpack_packet(data));
