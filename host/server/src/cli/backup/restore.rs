//! `cepmon restore`: a backup into folders that are empty, or a look at what backups there are and whether they are whole.

use std::fs::{self, DirBuilder};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use cepmon_storage::{Storage, StorageOptions, decode_parquet};
use clap::Args;

use super::fault::pass;
use super::record::{FileRecord, Record};
use super::shelf::{Shelf, copy, digest_of_file, list, sync_folder};
use crate::cli::Failure;
use crate::cli::output::Output;

/// The file that makes a folder a data directory. It is restored last, so that half a directory is none.
const MANIFEST: &str = "data/MANIFEST";

/// Options of `cepmon restore`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cepmon restore --from /var/backups/cepmon --list\n  \
    cepmon restore --from /var/backups/cepmon --verify\n  \
    cepmon restore --from /var/backups/cepmon --at 2026-11-20 --data-dir data --plugins-dir plugins")]
pub(crate) struct RestoreArgs {
    /// Folder of the backups
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Which backup: its name, or the last one before a time such as 2026-11-20 or 2026-11-20T08:00:00Z [default: the last one]
    #[arg(long, value_name = "TIME|NAME")]
    at: Option<String>,
    /// List the backups that there are
    #[arg(long, conflicts_with_all = ["data_dir", "plugins_dir", "verify", "at"])]
    list: bool,
    /// Where the data go: a folder that is empty or not there
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where plugins, lock file and grants go: a folder that is empty or not there; without it they are left out
    #[arg(long, value_name = "DIR")]
    plugins_dir: Option<PathBuf>,
    /// Read every file of the backup, compare digests, decode every page; with --data-dir of what was restored
    #[arg(long)]
    verify: bool,
}

pub(crate) fn run(args: &RestoreArgs, output: &mut Output) -> Result<(), Failure> {
    let shelf = Shelf::open(&args.from);
    if args.list {
        return Ok(show(&shelf, output)?);
    }
    if args.data_dir.is_none() && args.plugins_dir.is_none() && !args.verify {
        return Err(Failure::usage(anyhow!("cannot tell what to do; give --data-dir and --plugins-dir, --verify or --list")));
    }
    let name = choose(&Record::names(&shelf.backups())?, args.at.as_deref()).map_err(Failure::usage)?;
    let record = Record::load(&shelf.backups(), &name)?;
    let targets: Vec<(&str, &Path)> = [("data", &args.data_dir), ("plugins", &args.plugins_dir)]
        .into_iter()
        .filter_map(|(part, folder)| Some((part, folder.as_deref()?)))
        .collect();
    for (_, folder) in &targets {
        check_empty(folder).map_err(Failure::usage)?;
    }
    for (part, folder) in &targets {
        let files = restore(&shelf, &record, part, folder)?;
        writeln!(output, "restored {files} files of backup {name} to \"{}\"", folder.display())?;
    }
    let has_plugins = record.files.iter().any(|file| file.path.starts_with("plugins/"));
    if has_plugins && args.plugins_dir.is_none() && args.data_dir.is_some() {
        writeln!(output, "its plugins were left out; restore them too with --plugins-dir")?;
    }
    if args.verify {
        let place = |file: &FileRecord| {
            let restored = targets.iter().find_map(|(part, folder)| Some(folder.join(file.path.strip_prefix(part)?.strip_prefix('/')?)));
            restored.unwrap_or_else(|| shelf.content(&file.sha256))
        };
        let (parquet_files, rows) = verify(&record, place)?;
        let count = record.files.len();
        writeln!(output, "backup {name} is whole: {count} files have their digests; {parquet_files} Parquet files decode, {rows} rows")?;
        if let Some(data_dir) = &args.data_dir {
            check_log(data_dir, output)?;
        }
    }
    Ok(())
}

fn show(shelf: &Shelf, output: &mut Output) -> anyhow::Result<()> {
    for (name, record) in shelf.records()? {
        match record {
            Ok(record) => writeln!(output, "{name}  {} files  {} bytes", record.files.len(), record.bytes())?,
            Err(error) => writeln!(output, "{name}  {error:#}")?,
        }
    }
    Ok(())
}

/// The backup that was asked for. Names begin with their time and sort by it.
fn choose(names: &[String], at: Option<&str>) -> anyhow::Result<String> {
    let last = names.last().ok_or_else(|| anyhow!("cannot restore: there is no backup in this folder"))?;
    let Some(at) = at else { return Ok(last.clone()) };
    if let Some(name) = names.iter().find(|name| *name == at) {
        return Ok(name.clone());
    }
    let is_time = at.len() >= 8 && at.bytes().all(|byte| byte.is_ascii_digit() || b"-:TZ".contains(&byte)) && at.matches('T').count() <= 1;
    if !is_time {
        bail!("cannot use --at \"{at}\": it is neither a backup's name (--list shows them) nor a time such as 2026-11-20T08:00:00Z (UTC)");
    }
    let digits = at.replace(['-', ':', 'Z'], "");
    // A day, or a minute, is meant to its end.
    let (day, clock) = digits.split_once('T').unwrap_or((digits.as_str(), ""));
    let limit = format!("{day}T{clock:9<6}Z");
    let before = names.iter().rev().find(|name| name.split('-').next().unwrap_or_default() <= limit.as_str());
    before.cloned().ok_or_else(|| anyhow!("cannot use --at \"{at}\": the oldest backup is {}", names[0]))
}

/// Refuses a folder that something is in.
fn check_empty(folder: &Path) -> anyhow::Result<()> {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot restore into \"{}\"", folder.display())),
    };
    if entries.next().is_some() {
        bail!("cannot restore into \"{}\": it is not empty; name another folder, or move that one away", folder.display());
    }
    Ok(())
}

/// Copies one part of a backup; gives its number of files.
fn restore(shelf: &Shelf, record: &Record, part: &str, folder: &Path) -> anyhow::Result<usize> {
    let make = |folder: &Path| {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("cannot make folder \"{}\"", folder.display()))
    };
    make(folder)?;
    let of_part = record.files.iter().filter_map(|file| Some((file, file.path.strip_prefix(part)?.strip_prefix('/')?)));
    let (last, first): (Vec<_>, Vec<_>) = of_part.partition(|(file, _)| file.path == MANIFEST);
    let count = first.len() + last.len();
    for (file, path) in first.into_iter().chain(last) {
        let place = folder.join(path);
        let within = place.parent().unwrap_or(folder);
        make(within)?;
        if file.path == MANIFEST {
            sync_all(folder)?;
            pass("restore-manifest");
        }
        let content = shelf.content(&file.sha256);
        let (bytes, sha256) = copy(&content, &place).with_context(|| format!("cannot restore \"{}\"", file.path))?;
        if (bytes, &sha256) != (file.bytes, &file.sha256) {
            let way_out = "nothing was started; restore an older backup, and remove that file so that the next backup copies it again";
            bail!("cannot restore \"{}\": \"{}\" is damaged; {way_out}", file.path, content.display());
        }
        pass("restore-file");
        sync_folder(within)?;
    }
    Ok(count)
}

fn sync_all(folder: &Path) -> anyhow::Result<()> {
    for path in list(folder)?.iter().filter(|path| path.is_dir()) {
        sync_all(path)?;
    }
    sync_folder(folder)
}

/// Reads every file where it lies, compares digests and decodes Parquet files; gives the number of those and their rows. All that is
/// damaged is named.
fn verify(record: &Record, place: impl Fn(&FileRecord) -> PathBuf) -> anyhow::Result<(u64, u64)> {
    let (mut parquet_files, mut rows, mut damaged) = (0, 0, Vec::new());
    for file in &record.files {
        let path = place(file);
        match digest_of_file(&path) {
            Ok(digest) if digest == file.sha256 => {}
            Ok(_) => {
                damaged.push(format!("\"{}\" in \"{}\" is damaged", file.path, path.display()));
                continue;
            }
            Err(error) => {
                damaged.push(format!("\"{}\": {error:#}", file.path));
                continue;
            }
        }
        if file.path.ends_with(".parquet") {
            match decode_parquet(&path) {
                Ok(found) => (parquet_files, rows) = (parquet_files + 1, rows + found),
                Err(error) => damaged.push(format!("\"{}\": {:#}", file.path, anyhow!(error))),
            }
        }
    }
    if damaged.is_empty() {
        return Ok((parquet_files, rows));
    }
    bail!(
        "cannot use this backup as it is: {}; restore an older one, and remove damaged files so that the next backup copies them again",
        damaged.join("; ")
    )
}

/// Opens the restored directory as a server will.
fn check_log(data_dir: &Path, output: &mut Output) -> anyhow::Result<()> {
    let (_storage, report) = Storage::open(StorageOptions::new(data_dir))?;
    if !report.problems.is_empty() || report.torn_bytes > 0 {
        bail!("cannot read all of the restored log: {} bytes torn; {}", report.torn_bytes, report.problems.join("; "));
    }
    writeln!(
        output,
        "the data directory opens: {} records of the log, {} samples in them",
        report.replayed_records, report.replayed_samples
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_chosen_by_name_or_by_the_time_before_which_it_is_the_last() {
        let names: Vec<String> =
            ["20261118T020000123Z-aa", "20261119T020000123Z-bb", "20261119T140000123Z-cc"].iter().map(|name| (*name).to_owned()).collect();
        let chosen = |at: &str| choose(&names, Some(at)).map_err(|error| error.to_string());
        assert_eq!(choose(&names, None).unwrap(), names[2]);
        assert_eq!(chosen("20261119T020000123Z-bb").unwrap(), names[1]);
        assert_eq!(chosen("2026-11-18").unwrap(), names[0]);
        assert_eq!(chosen("2026-11-19").unwrap(), names[2]);
        assert_eq!(chosen("2026-11-19T02:00:00Z").unwrap(), names[1]);
        assert_eq!(chosen("2026-11-19T01:59").unwrap(), names[0]);
        assert_eq!(chosen("2026-11-17").unwrap_err(), "cannot use --at \"2026-11-17\": the oldest backup is 20261118T020000123Z-aa");
        assert!(chosen("yesterday").unwrap_err().contains("--list shows them"));
        assert!(choose(&[], None).is_err());
    }
}
