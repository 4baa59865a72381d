//! A folder of a process's own below the scratch folder, gone when the process is.
//!
//! A process that is killed cannot tidy up, and what it spilled may fill the disk. So each holds a
//! lock beside its folder, which the kernel gives back however the process ends, and each removes
//! the folders whose locks nobody holds.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tracing::debug;

use crate::errors::{Context as _, Kind, Result};

const PREFIX: &str = "rapport-";
const LOCK: &str = "lock";

/// A folder for spilled data. It is removed when this is dropped, whoever still writes to it.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    lock_path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Scratch {
    /// A new folder below `root`; those that dead processes left there are removed.
    ///
    /// Errors: [`Kind::Usage`] where no folder can be made there.
    pub fn create(root: &Path) -> Result<Scratch> {
        let what = || format!("create a folder in the scratch folder `{}`", root.display());
        fs::create_dir_all(root).context(Kind::Usage, what)?;
        sweep(root);
        let folder = root.join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
        let lock_path = folder.with_extension(LOCK);
        let lock = File::create_new(&lock_path).context(Kind::Usage, what)?;
        lock.lock().context(Kind::Usage, what)?;
        fs::create_dir(&folder).context(Kind::Usage, what)?;
        Ok(Scratch { folder, lock_path, _lock: lock })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.folder, &self.lock_path);
    }
}

/// Removes what dead processes left below `root`, as far as it can be removed.
fn sweep(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for lock_path in entries.flatten().map(|entry| entry.path()) {
        let name = lock_path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_lock = name.starts_with(PREFIX) && lock_path.extension().is_some_and(|e| e == LOCK);
        if !is_lock {
            continue;
        }
        let is_free = File::open(&lock_path).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_free {
            remove(&lock_path.with_extension(""), &lock_path);
        }
    }
}

/// The folder first: without its lock nobody would ever find it again.
fn remove(folder: &Path, lock_path: &Path) {
    let removed = match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => fs::remove_file(lock_path),
    };
    if let Err(error) = removed {
        debug!(folder = %folder.display(), "a scratch folder was not removed: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_owner_or_with_the_next_that_comes() {
        let root = tempfile::tempdir().unwrap();
        let names = || fs::read_dir(root.path()).unwrap().flatten().count();
        let living = Scratch::create(root.path()).unwrap();
        fs::write(living.folder().join("spilled"), "rows").unwrap();
        // What a killed process leaves: a folder, and a lock that nobody holds.
        let dead = root.path().join("rapport-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("spilled"), "rows").unwrap();
        fs::write(dead.with_extension(LOCK), "").unwrap();
        let foreign = root.path().join("somebody-elses");
        fs::create_dir(&foreign).unwrap();

        let next = Scratch::create(root.path()).unwrap();
        assert!(!dead.exists() && !dead.with_extension(LOCK).exists());
        assert!(living.folder().join("spilled").exists() && foreign.exists());
        drop(next);
        drop(living);
        assert_eq!(names(), 1, "only what is somebody else's");
    }
}
