//! `cepmon plugin install`: shows what a plugin is, asks for and changes, gets the operator's decision, and installs all of it or
//! nothing. Where it may come from, what the grants mean and where they are kept is the plugin host's.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, anyhow};
use cepmon_plugin::{Candidate, Capability, Digest, Grants, InstallPlan, Manifest, fetch, install, plan};
use clap::Args;

use super::Failure;
use super::at_risk::rules_at_risk;
use super::output::Output;
use super::plugin::HOW_TO_RELOAD;
use super::printable::is_printable;
use super::supply::{Supplied, Supply, failure};

/// Options of `cepmon plugin install`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cepmon plugin install ./redis.wasm\n  \
    cepmon plugin install https://example.org/redis-1.2.0.wasm --sha256 9f86…\n  \
    cepmon plugin install redis@1.2.0 --index https://example.org/index.json --key RWQf…\n\n\
    What comes over the network needs a pinned key's signature (SOURCE.minisig), or a digest: yours, or one from an index that is a\n\
    local file or that a pinned key signed.")]
pub(crate) struct InstallArgs {
    /// A .wasm file, an https:// URL, or NAME or NAME@VERSION from the index
    source: String,
    /// The digest that the file has to have: 64 hexadecimal digits
    #[arg(long, value_name = "DIGEST")]
    sha256: Option<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    supply: Supply,
}

/// What the operator agrees to in advance.
#[derive(Debug, Args)]
pub(crate) struct Consent {
    /// Answer the question with yes; this grants no new capability
    #[arg(long)]
    yes: bool,
    /// Grant every new capability that is asked for, without a question
    #[arg(long)]
    accept_capabilities: bool,
    /// Put an older version in the place of a newer one
    #[arg(long)]
    downgrade: bool,
}

pub(crate) fn run(args: &InstallArgs, output: &mut Output) -> Result<(), Failure> {
    let mut supplied = args.supply.read()?;
    supplied.options.trust.digest = args.sha256.as_deref().map(read_digest).transpose()?;
    let candidate = fetch(&args.source, &supplied.options).map_err(failure)?;
    let plan = plan_checked(&supplied, candidate)?;
    show_plan(&supplied, &plan, output)?;
    if plan.is_installed() && plan.new.is_empty() {
        writeln!(output, "nothing to do: it is installed")?;
        return Ok(());
    }
    args.consent.check_version(&plan)?;
    args.consent.ask("Install it", !plan.new.is_empty())?;
    install_planned(&supplied, &plan, output)
}

/// Makes a plan; refuses texts that would not look like what they are.
pub(crate) fn plan_checked(supplied: &Supplied, candidate: Candidate) -> Result<InstallPlan, Failure> {
    check_texts(&candidate).with_context(|| format!("cannot install {:?}", candidate.source))?;
    plan(&supplied.plugins_dir, supplied.bundled_dir.as_deref(), candidate).map_err(failure)
}

/// Prints a plan, what changes, and the rules that would lose a metric.
pub(crate) fn show_plan(supplied: &Supplied, plan: &InstallPlan, output: &mut impl Write) -> io::Result<()> {
    write!(output, "{plan}")?;
    if let Some(changes) = &plan.changes {
        write!(output, "{changes}")?;
        show_risk(supplied, changes, output)?;
    }
    output.flush()
}

/// Prints the rules that would lose a metric.
fn show_risk(supplied: &Supplied, changes: &cepmon_plugin::Changes, output: &mut impl Write) -> io::Result<()> {
    if changes.lost_metrics().is_empty() {
        return Ok(());
    }
    let Some(config) = &supplied.config else {
        return writeln!(output, "pass --config to see which rules would lose a metric");
    };
    match rules_at_risk(config, changes) {
        lines if lines.is_empty() => writeln!(output, "no rule of the configuration uses a metric that goes"),
        lines => {
            writeln!(output, "rules that would lose a metric")?;
            lines.iter().try_for_each(|line| writeln!(output, "  {line}"))
        }
    }
}

/// Carries a plan out and says so.
pub(crate) fn install_planned(supplied: &Supplied, plan: &InstallPlan, output: &mut impl Write) -> Result<(), Failure> {
    install(&supplied.plugins_dir, plan).map_err(failure)?;
    let manifest = &plan.candidate.package.manifest;
    let folder = supplied.plugins_dir.display();
    writeln!(output, "installed {} {} into \"{folder}\"; {HOW_TO_RELOAD}", manifest.name, manifest.version)?;
    Ok(())
}

fn read_digest(text: &str) -> Result<Digest, Failure> {
    let digest = Digest::parse(&format!("sha256:{}", text.trim_start_matches("sha256:")));
    digest.ok_or_else(|| Failure::usage(anyhow!("cannot read --sha256 \"{text}\"; wanted 64 hexadecimal digits")))
}

impl Consent {
    /// Refuses a downgrade that was not asked for.
    pub(crate) fn check_version(&self, plan: &InstallPlan) -> Result<(), Failure> {
        if self.downgrade { Ok(()) } else { plan.check_not_older().map_err(failure) }
    }

    /// Gets the operator's decision, or ends with the flag that would give it.
    pub(crate) fn ask(&self, what: &str, grants_more: bool) -> Result<(), Failure> {
        match decide(grants_more, self.yes, self.accept_capabilities, io::stdin().is_terminal()) {
            Decision::Install => Ok(()),
            Decision::Refuse(reason) => Err(Failure::usage(anyhow!(reason))),
            Decision::Ask => {
                let question = if grants_more { format!("{what} and grant all of this?") } else { format!("{what}?") };
                if is_yes(&question, &mut io::stdin().lock())? { Ok(()) } else { Err(anyhow!("nothing was installed").into()) }
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Install,
    Ask,
    Refuse(&'static str),
}

fn decide(grants_more: bool, yes: bool, accept_capabilities: bool, is_terminal: bool) -> Decision {
    match (grants_more, yes) {
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
pub(super) fn is_yes(question: &str, input: &mut impl BufRead) -> io::Result<bool> {
    let mut stderr = io::stderr();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What is shown before the question must be what it seems to be.
pub(crate) fn check_texts(candidate: &Candidate) -> anyhow::Result<()> {
    let from = [Some(candidate.source.as_str()), candidate.index.as_deref()];
    if let Some(text) = from.into_iter().flatten().find(|text| !is_printable(text)) {
        return Err(anyhow!("its source holds control characters: {text:?}"));
    }
    check_manifest_texts(&candidate.package.manifest)
}

fn check_manifest_texts(manifest: &Manifest) -> anyhow::Result<()> {
    let capabilities = &manifest.capabilities;
    let asked = Grants::asked(capabilities);
    let words = Capability::ALL.into_iter().flat_map(|capability| asked.of(capability));
    let reasons = Capability::ALL.into_iter().filter_map(|capability| capabilities.reason(capability));
    let texts = [manifest.description.as_str(), manifest.license.as_str()].into_iter();
    // Names of settings and metrics stand in the list of changes.
    let keys = manifest.settings.keys().chain(manifest.metrics.iter().map(|metric| &metric.name)).map(String::as_str);
    let texts = texts.chain(manifest.source.as_deref()).chain(reasons).chain(words).chain(keys);
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
        check_manifest_texts(&manifest("reads the counters")).unwrap();
        let message = check_manifest_texts(&manifest("harmless\n  http: never")).unwrap_err().to_string();
        assert!(message.contains("control characters"), "{message}");
    }
}
