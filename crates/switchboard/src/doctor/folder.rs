//! Whether something can be written somewhere.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder that a file or folder at `path` would be written to or made in: the nearest that there is.
///
/// # Errors
///
/// Why nothing can be written there.
pub(super) fn writable(path: &Path) -> Result<PathBuf, String> {
    let nearest = nearest(path);
    let shown = nearest.display();
    if !nearest.is_dir() {
        return Err(format!("{shown} is a file, not a folder"));
    }
    let name = format!(".switchboard-doctor-{:016x}", rand::random::<u64>());
    let probe = nearest.join(name);
    let made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe);
    made.map_err(|error| format!("{shown} cannot be written to: {error}"))?;
    fs::remove_file(&probe).map_err(|error| format!("{shown}: nothing can be removed: {error}"))?;
    Ok(nearest)
}

fn nearest(path: &Path) -> PathBuf {
    for folder in path.ancestors() {
        if folder.as_os_str().is_empty() {
            break;
        }
        if folder.exists() {
            return folder.to_owned();
        }
    }
    PathBuf::from(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_folder_can_be_made_and_what_is_below_a_file_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let found = writable(&folder.path().join("a/b"));
        assert_eq!(found, Ok(folder.path().to_owned()));
        let file = folder.path().join("file");
        fs::write(&file, "kept").unwrap();
        let refused = writable(&file.join("a/b")).unwrap_err();
        assert!(refused.contains("is a file"), "{refused}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_relative_path_begins_where_the_process_is() {
        assert_eq!(nearest(Path::new("no-such-folder/x")), Path::new("."));
    }
}
