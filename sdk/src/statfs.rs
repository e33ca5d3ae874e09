//! Size and room of mounted file systems: facts that no file holds.

use crate::Error;

pub use crate::bindings::statfs::Usage;

/// Size and room of the file system at `path`.
///
/// # Errors
/// [`Error::Denied`] without a grant, [`Error::Unreachable`] when nothing is there; both name the path.
pub fn statfs(path: &str) -> Result<Usage, Error> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::statfs::statfs(path)
        .map_err(|error| crate::error::from_host(error).context(format_args!("cannot look at the file system \"{path}\"")));
    #[cfg(not(target_family = "wasm"))]
    return native(path).map_err(|error| Error::Unreachable(format!("cannot look at the file system \"{path}\": {error}")));
}

#[cfg(not(target_family = "wasm"))]
fn native(path: &str) -> std::io::Result<Usage> {
    let usage = rustix::fs::statvfs(path)?;
    Ok(Usage {
        block_size: usage.f_bsize,
        blocks: usage.f_blocks,
        free: usage.f_bfree,
        available: usage.f_bavail,
        files: usage.f_files,
        files_free: usage.f_ffree,
        is_read_only: usage.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
    })
}
