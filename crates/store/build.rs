//! A new file in `migrations/` is a reason to compile this crate again.

#[expect(clippy::print_stdout, reason = "this is how a build script speaks")]
fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
