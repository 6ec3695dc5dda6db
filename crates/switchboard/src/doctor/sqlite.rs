//! SQLite's file, and the folder that has it and the development key.

use std::fs;
use std::path::Path;

use switchboard_store::sqlite_file;

use super::finding::Finding;
use super::folder::writable;
use super::patient::Patient;
use super::schema;

const CHECK: &str = "sqlite";

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let url = patient.settings().database.url.expose();
    let file = match sqlite_file(url) {
        Ok(file) => file,
        Err(error) => {
            let mend = "write database.url like sqlite://./data/switchboard.db";
            return vec![Finding::fail(CHECK, error.to_string(), mend)];
        }
    };
    match usable(&file) {
        Err(why) => vec![Finding::fail(
            CHECK,
            format!("{}: {why}", file.display()),
            "let the user of `switchboard serve` write to the folder and the file (`chown`), have a \
             volume mounted there, or set database.url to another path",
        )],
        Ok(None) => {
            let found = format!("{} is made when a node starts", file.display());
            vec![Finding::ok(CHECK, found)]
        }
        Ok(Some(bytes)) => {
            let size = bytes as f64 / f64::from(1 << 20);
            let found = format!("{} can be written to, {size:.1} MiB", file.display());
            let schema = schema::look(patient, "sqlite.schema").await;
            vec![Finding::ok(CHECK, found), schema]
        }
    }
}

/// The size of the file, if there is one. SQLite writes beside it, too.
fn usable(file: &Path) -> Result<Option<u64>, String> {
    writable(file.parent().unwrap_or(Path::new(".")))?;
    if !file.exists() {
        return Ok(None);
    }
    let opened = fs::OpenOptions::new().read(true).write(true).open(file);
    let opened = opened.map_err(|error| format!("cannot be written to: {error}"))?;
    let size = opened.metadata().map_err(|error| error.to_string())?;
    Ok(Some(size.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_where_there_is_none_but_not_by_looking() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/x.db");
        assert_eq!(usable(&file), Ok(None));
        assert!(!file.exists());
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(&file, "12345").unwrap();
        assert_eq!(usable(&file), Ok(Some(5)));
        assert!(usable(&file.join("below.db")).is_err());
    }
}
