//! Entry points of the fuzz targets in `fuzz`, one function for each decoder. They panic if an
//! invariant does not hold. The property tests call them too.

use crate::ws::fuzzing as ws;

/// Decodes the input as what a WebSocket client sends, in one piece and in many. Its first three
/// bytes choose the limit, the options and the size of the pieces.
pub fn ws_decoder(data: &[u8]) {
    ws::decoder(data);
}
