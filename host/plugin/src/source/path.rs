//! A file of this machine. It needs no signature: whoever can write it can as well run programs as the operator.

use std::path::PathBuf;

use super::{Fetched, Source, max_plugin_bytes};
use crate::Error;
use crate::package::read_plugin_file;

/// A plugin's file.
#[derive(Debug)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
}

impl Source for LocalFile {
    fn fetch(&self) -> Result<Fetched, Error> {
        let bytes = read_plugin_file(&self.path, max_plugin_bytes())?;
        let source = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone()).display().to_string();
        Ok(Fetched { bytes, source, is_local: true, signature: None, promised: None })
    }
}
