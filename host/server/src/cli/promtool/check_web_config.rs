//! `promtool check web-config`: the file of `--web.config.file`, with the certificates that it names.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{FAILURE, SUCCESS, complain, missing_file};
use crate::config::WebFile;
use crate::web::tls_server_config;

/// Options of `promtool check web-config`.
#[derive(Debug, Args)]
pub(super) struct WebConfigArgs {
    /// The config files to check
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &WebConfigArgs) -> u8 {
    if let Some(code) = missing_file(&args.files) {
        return code;
    }
    let mut code = SUCCESS;
    for file in &args.files {
        match check(file) {
            Ok(()) => complain(&format!("{} SUCCESS", file.display())),
            Err(problem) => {
                complain(&format!("{} FAILED: {problem}", file.display()));
                code = FAILURE;
            }
        }
    }
    code
}

fn check(path: &Path) -> Result<(), String> {
    let file = WebFile::load(path)?;
    file.tls_server_config.as_ref().map(tls_server_config).transpose().map(drop)
}
