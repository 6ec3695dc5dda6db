//! The pieces of a message's way through a node, each done as often as asked: `hot_path PIECE COUNT`.
//! `bench/instructions` counts what they take.

#[path = "../benches/pieces/mod.rs"]
mod pieces;

use std::process::ExitCode;

fn run(name: &str, count: u64) -> Option<()> {
    let mut piece = pieces::piece(name)?;
    (0..count).try_for_each(|_| piece())
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let piece = args.next().unwrap_or_default();
    let count = args.next().and_then(|count| count.parse().ok());
    if count.and_then(|count| run(&piece, count)).is_some() {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "hot_path PIECE COUNT, where PIECE is one of {:?}",
        pieces::PIECES
    );
    ExitCode::FAILURE
}
