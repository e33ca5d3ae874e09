//! Opens granted paths without being led astray: a path is opened as a bare reference first (no device is touched, nothing blocks
//! on a pipe), then the place where it really lies is checked against the grant too, and only then it is opened for reading, through
//! that same reference. So a link is followed only to where the plugin may read anyway, and nobody can swap it in between.

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat};
use rustix::io::Errno;

use crate::abi::wit::types::Error;

/// An opened reference to a file or folder that the grant covers, and its kind.
pub(crate) struct Reference {
    pub(crate) fd: OwnedFd,
    pub(crate) kind: FileType,
}

/// Why a path cannot be opened.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It leads to a place that is not granted.
    Denied(String),
    /// The system says no.
    System(Errno),
}

impl Reference {
    /// Opens a normal path if the place where it leads satisfies `allows`.
    pub(crate) fn open(path: &str, allows: impl Fn(&str) -> bool) -> Result<Self, Refusal> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        // Magic links (/proc/PID/root, fd, cwd, exe) lead out of the tree of names; nobody follows them.
        let fd = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS).map_err(Refusal::System)?;
        let place = readlinkat(CWD, self_fd(&fd), Vec::new()).map_err(Refusal::System)?;
        let place = place.to_string_lossy();
        let place = own_process(&place);
        if place != path && !allows(&place) {
            return Err(Refusal::Denied(place));
        }
        let kind = FileType::from_raw_mode(fstat(&fd).map_err(Refusal::System)?.st_mode);
        Ok(Self { fd, kind })
    }

    /// Opens what it refers to for reading. Only files and folders: devices and pipes have side effects and block.
    pub(crate) fn reopen(&self) -> Result<OwnedFd, Refusal> {
        if !matches!(self.kind, FileType::RegularFile | FileType::Directory) {
            return Err(Refusal::System(Errno::INVAL));
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        rustix::fs::openat(CWD, self_fd(&self.fd), flags, Mode::empty()).map_err(Refusal::System)
    }
}

fn self_fd(fd: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

/// `/proc/self` is a link to this process's number; names under either are the same.
fn own_process(place: &str) -> String {
    let own = format!("/proc/{}", std::process::id());
    match place.strip_prefix(&own) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("/proc/self{rest}"),
        _ => place.to_owned(),
    }
}

/// The guest's error for a failed call to the system.
pub(crate) fn system_error(path: &str, errno: Errno) -> Error {
    let reason = std::io::Error::from(errno);
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NXIO | Errno::NODEV => Error::Unreachable(format!("cannot open \"{path}\": {reason}")),
        Errno::TIMEDOUT => Error::Timeout,
        _ => Error::Other(format!("cannot open \"{path}\": {reason}")),
    }
}

/// Paths whose last call has not come back: a dead network mount blocks for ever, and must not eat a thread at each scrape.
#[derive(Debug, Default)]
pub(crate) struct StuckPaths(Mutex<HashMap<String, Running>>);

/// Calls about one path that are under way.
#[derive(Debug)]
struct Running {
    calls: usize,
    since: Instant,
}

/// Paths that may be stuck at the same time.
const MAX_STUCK: usize = 64;
/// A call that takes longer is stuck; until then others may ask about the same path.
const STUCK_AFTER: Duration = Duration::from_secs(1);

impl StuckPaths {
    /// Runs a blocking call about a path aside, until the deadline. While one about the same path is stuck, there is a time-out at
    /// once.
    pub(crate) async fn run<R: Send + 'static>(
        context: &std::sync::Arc<crate::guest::PluginContext>,
        path: String,
        deadline: Instant,
        work: impl FnOnce(&str) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let stuck = &context.shared.stuck.0;
        {
            let mut paths = crate::lock_mutex(stuck);
            let now = Instant::now();
            let is_stuck = |running: &Running| now.saturating_duration_since(running.since) > STUCK_AFTER;
            if paths.get(&path).is_some_and(is_stuck) || paths.values().filter(|running| is_stuck(running)).count() >= MAX_STUCK {
                return Err(Error::Timeout);
            }
            paths.entry(path.clone()).or_insert(Running { calls: 0, since: now }).calls += 1;
        }
        let context = std::sync::Arc::clone(context);
        let task = tokio::task::spawn_blocking(move || {
            let result = work(&path);
            let mut paths = crate::lock_mutex(&context.shared.stuck.0);
            if let Some(running) = paths.get_mut(&path) {
                running.calls -= 1;
                if running.calls == 0 {
                    paths.remove(&path);
                }
            }
            drop(paths);
            result
        });
        match tokio::time::timeout_at(deadline.into(), task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::Other("the host's thread failed".to_owned())),
            Err(_) => Err(Error::Timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_only_to_where_one_may_read_anyway() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("granted")).unwrap();
        std::fs::write(root.join("granted/file"), "x").unwrap();
        std::fs::write(root.join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", root.join("granted/out")).unwrap();
        std::os::unix::fs::symlink("file", root.join("granted/in")).unwrap();
        let prefix = format!("{}/granted/", root.display());
        let open = |name: &str| Reference::open(&format!("{prefix}{name}"), |place| place.starts_with(&prefix));
        assert!(open("file").is_ok());
        assert!(open("in").unwrap().reopen().is_ok());
        assert!(matches!(open("out"), Err(Refusal::Denied(place)) if place.ends_with("/secret")));
        assert!(matches!(open("missing"), Err(Refusal::System(Errno::NOENT))));
        let folder = Reference::open(prefix.trim_end_matches('/'), |_| false).unwrap();
        assert!(folder.kind == FileType::Directory && folder.reopen().is_ok());
    }

    #[test]
    fn magic_links_and_devices_are_not_opened() {
        let everything = |_: &str| true;
        assert!(Reference::open("/proc/self/root/etc", everything).is_err());
        assert!(Reference::open("/proc/self/fd/0", everything).is_err());
        let null = Reference::open("/dev/null", everything).unwrap();
        assert!(matches!(null.reopen(), Err(Refusal::System(Errno::INVAL))));
        assert!(Reference::open("/proc/self/mounts", |place| place == "/proc/self/mounts").is_ok());
    }
}
