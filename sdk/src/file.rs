//! Read-only files, under the paths that `plugin.toml` asks for and the operator granted. The host follows a link only to where the
//! grant allows as well, so ask for both: `/proc/net/dev` is `/proc/self/net/dev` in truth.

use crate::Error;

pub use crate::bindings::files::{Entry, EntryKind};

/// The largest file that [`read`] gives: 16 MiB.
pub const MAX_BYTES: usize = 16 << 20;

/// The whole file, at most [`MAX_BYTES`].
///
/// # Errors
/// [`Error::Denied`] without a grant, [`Error::Unreachable`] when there is no such file; both name the path.
pub fn read(path: &str) -> Result<Vec<u8>, Error> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::files::read(path).map_err(|error| named("read", path, error));
    #[cfg(not(target_family = "wasm"))]
    return std::fs::read(path).map_err(|error| native(path, "read", &error));
}

/// The whole file as text.
///
/// # Errors
/// As [`read`], and [`Error::Protocol`] when it is not UTF-8.
pub fn read_text(path: &str) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|_| Error::Protocol(format!("cannot read \"{path}\": it is not UTF-8")))
}

/// What lies in a directory, sorted by name, without `.` and `..`.
///
/// # Errors
/// As [`read`].
pub fn read_dir(path: &str) -> Result<Vec<Entry>, Error> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::files::read_dir(path).map_err(|error| named("list", path, error));
    #[cfg(not(target_family = "wasm"))]
    return native_read_dir(path).map_err(|error| native(path, "list", &error));
}

/// Where a link points, unresolved.
///
/// # Errors
/// As [`read`].
pub fn read_link(path: &str) -> Result<String, Error> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::files::read_link(path).map_err(|error| named("read link", path, error));
    #[cfg(not(target_family = "wasm"))]
    return std::fs::read_link(path).map(|link| link.to_string_lossy().into_owned()).map_err(|error| native(path, "read link", &error));
}

#[cfg(target_family = "wasm")]
fn named(verb: &str, path: &str, error: crate::bindings::types::Error) -> Error {
    crate::error::from_host(error).context(format_args!("cannot {verb} \"{path}\""))
}

#[cfg(not(target_family = "wasm"))]
fn native(path: &str, verb: &str, error: &std::io::Error) -> Error {
    let message = format!("cannot {verb} \"{path}\": {error}");
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::Unreachable(message),
        std::io::ErrorKind::PermissionDenied => Error::Denied(message),
        _ => Error::Other(message),
    }
}

#[cfg(not(target_family = "wasm"))]
fn native_read_dir(path: &str) -> std::io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let kind = if kind.is_dir() {
            EntryKind::Directory
        } else if kind.is_symlink() {
            EntryKind::Link
        } else if kind.is_file() {
            EntryKind::File
        } else {
            EntryKind::Other
        };
        entries.push(Entry { name: entry.file_name().to_string_lossy().into_owned(), kind });
    }
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(entries)
}
