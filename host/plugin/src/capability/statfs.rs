//! `statfs`: size and room of mounted file systems under granted globs. A dead network mount blocks its own thread, not the guest.

use rustix::fs::{StatVfsMountFlags, fstatvfs};

use crate::abi::wit::statfs::{Host, Usage};
use crate::abi::wit::types::Error;
use crate::capability::beneath::{Reference, Refusal, StuckPaths, system_error};
use crate::capability::glob::PathGrant;
use crate::grant::Capability;
use crate::guest::GuestState;

impl Host for GuestState {
    async fn statfs(&mut self, path: String) -> Result<Usage, Error> {
        let path = self.allowed(Capability::Statfs, &path, PathGrant::allows)?;
        let context = std::sync::Arc::clone(&self.context);
        let usage = StuckPaths::run(&self.context, path, self.call.deadline, move |path| {
            let leads_to = |place: &str| {
                let is_allowed = context.access.statfs.allows(place);
                if is_allowed {
                    context.uses.record(Capability::Statfs, place);
                }
                is_allowed
            };
            match Reference::open(path, leads_to) {
                Ok(reference) => usage(path, &reference).map(Ok),
                Err(Refusal::System(errno)) => Err(system_error(path, errno)),
                Err(Refusal::Denied(place)) => Ok(Err(place)),
            }
        });
        match usage.await? {
            Ok(usage) => Ok(usage),
            Err(place) => Err(self.deny(Capability::Statfs, &place, &format!("a path that leads to \"{place}\""))),
        }
    }
}

fn usage(path: &str, reference: &Reference) -> Result<Usage, Error> {
    let facts = fstatvfs(&reference.fd).map_err(|errno| system_error(path, errno))?;
    Ok(Usage {
        block_size: facts.f_bsize,
        blocks: facts.f_blocks,
        free: facts.f_bfree,
        available: facts.f_bavail,
        files: facts.f_files,
        files_free: facts.f_ffree,
        is_read_only: facts.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}
