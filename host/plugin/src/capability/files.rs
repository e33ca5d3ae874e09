//! `files`: read-only files under granted globs. How a path is opened safely is `beneath.rs`.

use std::io::Read;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use crate::abi::wit::files::{Entry, EntryKind, Host};
use crate::abi::wit::types::Error;
use crate::capability::beneath::{Reference, Refusal, StuckPaths, system_error};
use crate::capability::glob::{PathGrant, is_always_refused, normal_path};
use crate::grant::Capability;
use crate::guest::{GuestState, PluginContext};

/// Names of one folder.
const MAX_ENTRIES: usize = 65_536;

impl Host for GuestState {
    async fn read(&mut self, path: String) -> Result<Vec<u8>, Error> {
        let path = self.allowed(Capability::Files, &path, PathGrant::allows)?;
        let limit = self.context.limits.file_bytes;
        let content = self.run(path, move |path, context| read(path, limit, context)).await?;
        self.context.counters.count_bytes_in(content.len() as u64);
        Ok(content)
    }

    async fn read_dir(&mut self, path: String) -> Result<Vec<Entry>, Error> {
        let path = self.allowed(Capability::Files, &path, PathGrant::allows_listing)?;
        self.run(path, read_dir).await
    }

    async fn read_link(&mut self, path: String) -> Result<String, Error> {
        // Where a granted folder's links point is part of the folder.
        let is_allowed = |grant: &PathGrant, path: &str| {
            let folder = path.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder });
            grant.allows(path) || (grant.allows_listing(folder) && !is_always_refused(path))
        };
        let path = self.allowed(Capability::Files, &path, is_allowed)?;
        self.run(path, read_link).await
    }
}

impl GuestState {
    /// The normal form of a path that the grant covers.
    pub(crate) fn allowed(
        &mut self,
        capability: Capability,
        path: &str,
        allows: impl Fn(&PathGrant, &str) -> bool,
    ) -> Result<String, Error> {
        let access = &self.context.access;
        let grant = if capability == Capability::Files { &access.files } else { &access.statfs };
        match normal_path(path) {
            Some(normal) if allows(grant, &normal) => {
                self.used(capability, &normal);
                Ok(normal)
            }
            Some(normal) => Err(self.deny(capability, &normal, &format!("path \"{normal}\""))),
            None => Err(Error::Other(format!("cannot open \"{path}\": expected an absolute path without \"..\""))),
        }
    }

    /// `/proc` and `/sys` answer from the kernel's memory: reading them in place saves two thread switches a file. Everything else may
    /// hang.
    async fn run<R: Send + 'static>(
        &mut self,
        path: String,
        work: impl FnOnce(&str, &PluginContext) -> Result<R, FileError> + Send + 'static,
    ) -> Result<R, Error> {
        let result = if path.starts_with("/proc/") || path.starts_with("/sys/") {
            Ok(work(&path, &self.context))
        } else {
            let context = std::sync::Arc::clone(&self.context);
            let key = path.clone();
            StuckPaths::run(&self.context, key, self.call.deadline, move |path| Ok(work(path, &context))).await
        };
        match result? {
            Ok(result) => Ok(result),
            Err(FileError::Guest(error)) => Err(error),
            Err(FileError::Denied { path, place }) => {
                Err(self.deny(Capability::Files, &place, &format!("path \"{path}\", which leads to \"{place}\"")))
            }
        }
    }
}

enum FileError {
    /// The path leads to a place that is not granted.
    Denied {
        path: String,
        place: String,
    },
    Guest(Error),
}

fn refused(path: &str) -> impl Fn(Refusal) -> FileError {
    move |refusal| match refusal {
        Refusal::Denied(place) => FileError::Denied { path: path.to_owned(), place },
        Refusal::System(errno) => FileError::Guest(system_error(path, errno)),
    }
}

/// Whether a path may lead to another place than it says; the grant of that place is used as well.
fn leads_to(context: &PluginContext, place: &str, allows: impl Fn(&PathGrant, &str) -> bool) -> bool {
    let is_allowed = allows(&context.access.files, place);
    if is_allowed {
        context.uses.record(Capability::Files, place);
    }
    is_allowed
}

fn read(path: &str, limit: usize, context: &PluginContext) -> Result<Vec<u8>, FileError> {
    let fail = |problem: String| FileError::Guest(Error::Other(format!("cannot read \"{path}\": {problem}")));
    let reference = Reference::open(path, |place| leads_to(context, place, PathGrant::allows)).map_err(refused(path))?;
    if reference.kind == FileType::Directory {
        return Err(fail("it is a folder".to_owned()));
    }
    let file: OwnedFd = reference.reopen().map_err(refused(path))?;
    // Files of /proc claim a size of 0: read to the end, at most one byte past the limit.
    let mut content = Vec::new();
    let mut file = std::fs::File::from(file).take(limit as u64 + 1);
    file.read_to_end(&mut content).map_err(|error| fail(error.to_string()))?;
    if content.len() > limit {
        return Err(fail(format!("it is larger than {limit} bytes")));
    }
    Ok(content)
}

fn read_dir(path: &str, context: &PluginContext) -> Result<Vec<Entry>, FileError> {
    let fail = |errno: Errno| FileError::Guest(system_error(path, errno));
    let reference = Reference::open(path, |place| leads_to(context, place, PathGrant::allows_listing)).map_err(refused(path))?;
    if reference.kind != FileType::Directory {
        return Err(fail(Errno::NOTDIR));
    }
    let mut entries = Vec::new();
    for entry in Dir::new(reference.reopen().map_err(refused(path))?).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        // A name that is not UTF-8 cannot cross the border.
        let Ok(name) = entry.file_name().to_str() else { continue };
        if name == "." || name == ".." {
            continue;
        }
        if entries.len() == MAX_ENTRIES {
            return Err(FileError::Guest(Error::Other(format!("cannot list \"{path}\": more than {MAX_ENTRIES} names"))));
        }
        let kind = match entry.file_type() {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => EntryKind::Link,
            _ => EntryKind::Other,
        };
        entries.push(Entry { name: name.to_owned(), kind });
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn read_link(path: &str, context: &PluginContext) -> Result<String, FileError> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = if folder.is_empty() { "/" } else { folder };
    // The folder may itself lie behind links; the link in it is what the grant has to cover.
    let allows = |grant: &PathGrant, place: &str| grant.allows(&format!("{place}/{name}")) || grant.allows_listing(place);
    let reference = Reference::open(folder, |place| leads_to(context, place, allows)).map_err(refused(path))?;
    let link = rustix::fs::readlinkat(&reference.fd, name, Vec::new()).map_err(|errno| FileError::Guest(system_error(path, errno)))?;
    link.into_string().map_err(|_| FileError::Guest(Error::Other(format!("cannot read link \"{path}\": not UTF-8"))))
}
