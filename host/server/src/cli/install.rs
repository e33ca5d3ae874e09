//! `cepmon plugin install`: shows what a plugin is and asks for, gets the operator's decision, and installs all of it or nothing.
//! What the grants mean and where they are kept is the plugin host's.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use cepmon_plugin::{Capability, Grants, Limits, Manifest, inspect, install, plan};
use clap::Args;

use super::Failure;
use super::output::Output;
use super::plugin::{Folder, HOW_TO_RELOAD};
use super::printable::is_printable;

/// Options of `cepmon plugin install`.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The .wasm file
    path: PathBuf,
    /// Answer the question with yes; this grants no capability
    #[arg(long)]
    yes: bool,
    /// Grant everything that the plugin asks for, without a question
    #[arg(long)]
    accept_capabilities: bool,
    #[command(flatten)]
    folder: Folder,
}

pub(crate) fn run(args: &InstallArgs, output: &mut Output) -> Result<(), Failure> {
    let package = inspect(&args.path, Limits::default().wasm_bytes)?;
    check_texts(&package.manifest).with_context(|| format!("cannot install \"{}\"", args.path.display()))?;
    let plan = plan(&args.folder.plugins_dir, package)?;
    write!(output, "{plan}")?;
    output.flush()?;

    let asks = !plan.asked.is_empty();
    match decide(asks, args.yes, args.accept_capabilities, io::stdin().is_terminal()) {
        Decision::Install => {}
        Decision::Ask => {
            let question = if asks { "Install it and grant all of this?" } else { "Install it?" };
            if !is_yes(question, &mut io::stdin().lock())? {
                return Err(anyhow!("nothing was installed").into());
            }
        }
        Decision::Refuse(reason) => return Err(Failure::usage(anyhow!(reason))),
    }
    install(&args.folder.plugins_dir, &plan.package, plan.asked.clone())?;
    let manifest = &plan.package.manifest;
    let folder = args.folder.plugins_dir.display();
    writeln!(output, "installed {} {} into \"{folder}\"; {HOW_TO_RELOAD}", manifest.name, manifest.version)?;
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Install,
    Ask,
    Refuse(&'static str),
}

fn decide(asks: bool, yes: bool, accept_capabilities: bool, is_terminal: bool) -> Decision {
    match (asks, yes) {
        _ if accept_capabilities => Decision::Install,
        (false, true) => Decision::Install,
        (true, true) => Decision::Refuse(
            "nothing was installed: --yes alone grants no capability; read what it asks for and pass --accept-capabilities",
        ),
        _ if is_terminal => Decision::Ask,
        (false, false) => Decision::Refuse("nothing was installed: there is no terminal to ask on; pass --yes"),
        (true, false) => {
            Decision::Refuse("nothing was installed: there is no terminal to ask on; read what it asks for and pass --accept-capabilities")
        }
    }
}

/// Asks on standard error, so that the question is seen also when the output goes to a file.
fn is_yes(question: &str, input: &mut impl BufRead) -> io::Result<bool> {
    let mut stderr = io::stderr();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What is shown before the question must be what it seems to be.
fn check_texts(manifest: &Manifest) -> anyhow::Result<()> {
    let capabilities = &manifest.capabilities;
    let asked = Grants::asked(capabilities);
    let words = Capability::ALL.into_iter().flat_map(|capability| asked.of(capability));
    let reasons = Capability::ALL.into_iter().filter_map(|capability| capabilities.reason(capability));
    let texts = [manifest.description.as_str(), manifest.license.as_str()].into_iter();
    let texts = texts.chain(manifest.source.as_deref()).chain(reasons).chain(words);
    match texts.into_iter().find(|text| !is_printable(text)) {
        Some(text) => Err(anyhow!("its manifest holds control characters in {text:?}; its author has to remove them")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_alone_never_grants_a_capability() {
        for is_terminal in [false, true] {
            let Decision::Refuse(reason) = decide(true, true, false, is_terminal) else { panic!("it was not refused") };
            assert!(reason.contains("--accept-capabilities"), "{reason}");
        }
        assert_eq!(decide(true, false, true, false), Decision::Install);
        assert_eq!(decide(true, true, true, false), Decision::Install);
    }

    #[test]
    fn without_a_terminal_the_message_names_the_flags() {
        assert!(matches!(decide(true, false, false, false), Decision::Refuse(reason) if reason.contains("--accept-capabilities")));
        assert!(matches!(decide(false, false, false, false), Decision::Refuse(reason) if reason.contains("--yes")));
        assert_eq!(decide(false, true, false, false), Decision::Install);
        assert_eq!(decide(true, false, false, true), Decision::Ask);
        assert_eq!(decide(false, false, false, true), Decision::Ask);
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, expected) in [("y\n", true), ("YES\n", true), ("\n", false), ("n\n", false), ("", false), ("yup\n", false)] {
            assert_eq!(is_yes("Install it?", &mut answer.as_bytes()).unwrap(), expected, "{answer:?}");
        }
    }

    #[test]
    fn a_manifest_that_paints_over_the_question_is_refused() {
        let manifest = |reason: &str| {
            let text = format!(
                "name = \"p\"\nversion = \"0.1.0\"\nkind = \"exporter\"\ndescription = \"d\"\nlicense = \"Apache-2.0\"\n\
                 [capabilities.files]\npaths = [\"/proc/stat\"]\nreason = {}\n",
                serde_json::Value::from(reason)
            );
            Manifest::parse(text.as_bytes(), "t").unwrap()
        };
        check_texts(&manifest("reads the counters")).unwrap();
        let message = check_texts(&manifest("harmless\n  http: never")).unwrap_err().to_string();
        assert!(message.contains("control characters"), "{message}");
    }
}
