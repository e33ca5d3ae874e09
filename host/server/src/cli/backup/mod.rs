//! `cepmon backup`: a snapshot of what a server has, copied into a folder that holds many backups and every content once. Coming back is
//! `restore`.

mod fault;
mod record;
pub(super) mod restore;
mod shelf;
mod source;

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use cepmon_model::{Clock, parse_duration};
use clap::Args;

use super::Failure;
use super::http_client::DEFAULT_URL;
use super::output::Output;
use super::serve::DEFAULT_PLUGINS_DIR;
use crate::clock::SystemClock;
use fault::pass;
use record::{FileRecord, Record};
use shelf::{Copied, Shelf, digest_of_file, list};

/// Options of `cepmon backup`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cepmon backup --to /var/backups/cepmon --keep 7d\n  \
    cepmon backup --to /var/backups/cepmon --data-dir data\n  \
    cepmon restore --from /var/backups/cepmon --data-dir data --plugins-dir plugins --verify")]
pub(crate) struct BackupArgs {
    /// Folder of the backups; it is made if there is none
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Remove backups older than this, such as 7d, once the new one is whole
    #[arg(long, value_name = "DURATION")]
    keep: Option<String>,
    /// The server, on this machine, whose data are saved
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL, env = "CEPMON_URL")]
    url: String,
    /// Save this data directory instead of that of the server of --url; no server may be using it
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Plugins that you installed; what no folder holds is not saved [default: with --url what the server uses, else "plugins"]
    #[arg(long, value_name = "DIR", env = "CEPMON_PLUGINS_DIR")]
    plugins_dir: Option<PathBuf>,
}

pub(crate) fn run(args: &BackupArgs, output: &mut Output) -> Result<(), Failure> {
    let keep =
        args.keep.as_deref().map(parse_duration).transpose().map_err(|error| Failure::usage(anyhow!("cannot use --keep: {error}")))?;
    let shelf = Shelf::open_for_writing(&args.to)?;
    source::remove_noted(&shelf.note())?;
    let now = SystemClock.now();
    let snapshot = match &args.data_dir {
        Some(data_dir) => source::of_directory(data_dir)?,
        None => source::of_server(&args.url)?,
    };
    source::note(&shelf.note(), &snapshot)?;
    pass("backup-noted");
    for problem in &snapshot.problems {
        writeln!(io::stderr(), "cepmon: warning: {problem}").ok();
    }
    let plugins_dir = args.plugins_dir.clone().or_else(|| snapshot.plugins_dir.clone()).unwrap_or_else(|| DEFAULT_PLUGINS_DIR.into());
    let mut copied = Copied::default();
    let mut files = save_data(&shelf, &snapshot.path, &mut copied)?;
    files.extend(save_plugins(&shelf, &plugins_dir, &mut copied)?);
    shelf.sync()?;
    pass("backup-synced");
    let record = Record::new(now, files);
    let name = record.store(&shelf.backups())?;
    pass("backup-recorded");
    source::remove_noted(&shelf.note())?;
    let Copied { files, bytes, known } = copied;
    writeln!(
        output,
        "backup {name}: {} files, {} bytes; copied {files} files, {bytes} bytes; {known} were there",
        record.files.len(),
        record.bytes()
    )?;
    if let Some(keep) = keep {
        let before = now.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
        let (backups, files) = shelf.remove_older(before, &name)?;
        writeln!(output, "removed {backups} older backups and {files} files that no other needs")?;
    }
    Ok(())
}

/// Takes in all of a snapshot. A Parquet file is not read again when the last backup has one of the same path and size whose
/// checksums, which are read, are the same.
fn save_data(shelf: &Shelf, snapshot: &Path, copied: &mut Copied) -> anyhow::Result<Vec<FileRecord>> {
    let known = shelf.known_files()?;
    let mut saved = Vec::new();
    for path in files_below(snapshot)? {
        let name = relative("data", snapshot, &path)?;
        if let Some(file) = known.get(&name).filter(|file| shelf.has(file))
            && is_unchanged(&path, file, snapshot, &known)?
        {
            copied.known += 1;
            saved.push(file.clone());
            continue;
        }
        saved.push(shelf.take(&path, name, copied)?);
    }
    Ok(saved)
}

fn is_unchanged(
    path: &Path,
    file: &FileRecord,
    snapshot: &Path,
    known: &std::collections::BTreeMap<String, FileRecord>,
) -> anyhow::Result<bool> {
    let Some(checksums) = cepmon_storage::checksums_beside(path).filter(|checksums| checksums.is_file()) else { return Ok(false) };
    let bytes = path.metadata().with_context(|| format!("cannot read the size of \"{}\"", path.display()))?.len();
    let Some(before) = known.get(&relative("data", snapshot, &checksums)?) else { return Ok(false) };
    Ok(bytes == file.bytes && digest_of_file(&checksums)? == before.sha256)
}

/// Takes in plugins with their lock file, which holds the grants, while nobody may change them.
fn save_plugins(shelf: &Shelf, folder: &Path, copied: &mut Copied) -> anyhow::Result<Vec<FileRecord>> {
    let held = match File::open(folder) {
        Ok(held) => held,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot open plugins folder \"{}\"", folder.display())),
    };
    if let Err(error) = held.lock_shared()
        && error.kind() != ErrorKind::Unsupported
    {
        return Err(error).with_context(|| format!("cannot lock plugins folder \"{}\"", folder.display()));
    }
    let mut saved = Vec::new();
    for path in files_below(folder)? {
        saved.push(shelf.take(&path, relative("plugins", folder, &path)?, copied)?);
    }
    Ok(saved)
}

/// The files of a folder and the folders in it, sorted.
fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in list(folder)? {
        let metadata = path.metadata().with_context(|| format!("cannot look at \"{}\"", path.display()))?;
        if metadata.is_dir() && !path.is_symlink() {
            found.extend(files_below(&path)?);
        } else if metadata.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

fn relative(part: &str, folder: &Path, path: &Path) -> anyhow::Result<String> {
    let rest = path.strip_prefix(folder)?.to_str();
    Ok(format!("{part}/{}", rest.with_context(|| format!("cannot save \"{}\": its name is not UTF-8; rename it", path.display()))?))
}
