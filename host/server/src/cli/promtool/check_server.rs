//! `promtool check healthy` and `check ready`.

use clap::Args;

use super::{FAILURE, SUCCESS, complain};
use crate::cli::http_client;

/// Which server.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The URL of the server
    #[arg(long, value_name = "URL", default_value = "http://localhost:9090")]
    url: String,
}

pub(super) fn run(args: &ServerArgs, path: &str) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url = http_client::with_scheme(&args.url);
    match runtime.block_on(http_client::get(&url, path, "*/*")) {
        Ok(answer) if answer.status.as_u16() == 200 => {
            // The server's words end with a line end, and promtool adds one.
            complain(&format!("  SUCCESS:  {}", String::from_utf8_lossy(&answer.body)));
            Ok(SUCCESS)
        }
        Ok(answer) => {
            complain(&format!("  FAILED: check failed: URL={url}, status={}", answer.status.as_u16()));
            Ok(FAILURE)
        }
        Err(error) => {
            complain(&format!("  FAILED: {error:#}"));
            Ok(FAILURE)
        }
    }
}
