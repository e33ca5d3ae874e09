//! `cepmon set-aside`: go on without a damaged block.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use cepmon_storage::{Storage, StorageOptions};
use clap::Args;
use serde::Deserialize;

use super::Failure;
use super::http_client::{self, DEFAULT_URL};
use super::output::Output;

/// Options of `cepmon set-aside`.
#[derive(Debug, Args)]
pub(crate) struct SetAsideArgs {
    /// The block's name, as the error says it
    block: String,
    /// The server to tell
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL, env = "CEPMON_URL")]
    url: String,
    /// Change this data directory instead of that of the server of --url; no server may be using it
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// What the server answers.
#[derive(Debug, Deserialize)]
struct Done {
    rows: u64,
    place: String,
}

pub(crate) fn run(args: &SetAsideArgs, output: &mut Output) -> Result<(), Failure> {
    let block = &args.block;
    if block.is_empty() || !block.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::usage(anyhow!("cannot set aside \"{block}\": a block's name has digits only, such as 00000012")));
    }
    let Done { rows, place } = match &args.data_dir {
        Some(data_dir) if !data_dir.is_dir() => {
            return Err(anyhow!("cannot open data directory \"{}\": there is no such folder", data_dir.display()).into());
        }
        Some(data_dir) => {
            let (storage, _) = Storage::open(StorageOptions::new(data_dir))?;
            let aside = storage.set_aside(block)?;
            Done { rows: aside.rows, place: aside.place.display().to_string() }
        }
        None => ask_server(&args.url, block)?,
    };
    writeln!(output, "block {block} is out of service; answers lack its {rows} rows; its files are in \"{place}\"")?;
    Ok(())
}

fn ask_server(url: &str, block: &str) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let path = format!("/api/v1/admin/blocks/{block}/set-aside");
    let answer = runtime.block_on(http_client::post_json(url, &path, "application/json", "{}".to_owned()))?;
    if !answer.status.is_success() {
        bail!("{}", http_client::problem(&answer));
    }
    serde_json::from_slice(&answer.body).map_err(|error| anyhow!("cannot understand the answer of \"{url}\": {error}"))
}
