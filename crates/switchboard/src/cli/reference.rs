//! Writes the reference of the commands from what they say of themselves, and holds it to that.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use super::Cli;

const INTRODUCTION: &str = "\
<!-- Generated from crates/switchboard/src/cli by
     `UPDATE_DOCS=1 cargo test -p switchboard`; do not edit. -->

# Commands

What `--help` says of each. Exit codes, signals and what the commands are for: [Running it](../operations.md).
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut cli = Cli::command();
    cli.build();
    for command in cli.get_subcommands_mut() {
        add(&mut page, command);
    }
    page
}

/// A command without commands of its own, or those.
fn add(page: &mut String, command: &mut Command) {
    if command.get_name() == "help" {
        return;
    }
    if command.has_subcommands() {
        for inner in command.get_subcommands_mut() {
            add(page, inner);
        }
        return;
    }
    let name = command.get_bin_name().unwrap_or_default().to_owned();
    let help = command.render_long_help().to_string();
    let lines = help.lines().map(str::trim_end);
    let help = lines.collect::<Vec<_>>().join("\n");
    // Writing to a string cannot fail.
    let _ = write!(page, "\n## {name}\n\n```text\n{}\n```\n", help.trim());
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/commands.md"
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == page(),
        "docs/reference/commands.md is stale; regenerate it with `make docs-reference`"
    );
}
