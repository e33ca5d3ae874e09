//! `promtool check rules`: a rule file read as the server reads it, its mistakes in the words of Prometheus's `rulefmt`.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cepmon_alert::rule::{CheckOptions, RuleFile, check_rule_file};
use clap::Args;

use super::duplicate_rule::duplicate_rules;
use super::{FAILURE, LINT, LintArgs, SUCCESS, complain, missing_file};
use crate::cli::check::SyntaxOnly;
use crate::cli::output::Output;
use crate::config::{Document, Node, Value, Variables, read_text};

/// Options of `promtool check rules`.
#[derive(Debug, Args)]
pub(super) struct RulesArgs {
    /// The rule files to check; without one, standard input is read
    files: Vec<PathBuf>,
    #[command(flatten)]
    lint: LintArgs,
}

/// What came out of some files.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Checked {
    pub(super) has_errors: bool,
    pub(super) has_lint: bool,
}

impl Checked {
    pub(super) fn code(self, lint: &LintArgs) -> u8 {
        match self {
            Self { has_errors: true, .. } => FAILURE,
            Self { has_lint: true, .. } if lint.lint_fatal => LINT,
            _ => SUCCESS,
        }
    }
}

pub(super) fn run(args: &RulesArgs, output: &mut Output) -> anyhow::Result<u8> {
    if let Some(code) = missing_file(&args.files) {
        return Ok(code);
    }
    args.lint.warn(output)?;
    if !args.files.is_empty() {
        return Ok(check_files(&args.files, &args.lint, output)?.code(&args.lint));
    }
    writeln!(output, "Checking standard input")?;
    output.flush()?;
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    let mut checked = Checked::default();
    report(check_text(None, text, args.lint.ignore_unknown_fields), &args.lint, &mut checked, output)?;
    Ok(checked.code(&args.lint))
}

/// Checks files one after the other.
pub(super) fn check_files(files: &[PathBuf], lint: &LintArgs, output: &mut Output) -> anyhow::Result<Checked> {
    let mut checked = Checked::default();
    for file in files {
        writeln!(output, "Checking {}", file.display())?;
        output.flush()?;
        let found = match std::fs::read_to_string(file) {
            Ok(text) => check_text(Some(file), text, lint.ignore_unknown_fields),
            Err(error) => Err(vec![error.to_string()]),
        };
        report(found, lint, &mut checked, output)?;
    }
    Ok(checked)
}

fn report(found: Result<RuleFile, Vec<String>>, lint: &LintArgs, checked: &mut Checked, output: &mut Output) -> anyhow::Result<()> {
    match found {
        Err(problems) => {
            checked.has_errors = true;
            complain("  FAILED:");
            problems.iter().for_each(|problem| complain(problem));
        }
        Ok(file) => match duplicate_rules(&file).filter(|_| lint.finds_duplicates()) {
            Some(problem) => {
                checked.has_lint = true;
                complain("  FAILED:");
                complain(&problem);
            }
            None => {
                let rules: usize = file.groups.iter().map(|group| group.rules.len()).sum();
                writeln!(output, "  SUCCESS: {rules} rules found")?;
            }
        },
    }
    writeln!(output)?;
    Ok(())
}

/// Reads and checks a text; `path` stands before each mistake.
pub(super) fn check_text(path: Option<&Path>, text: String, ignores_unknown: bool) -> Result<RuleFile, Vec<String>> {
    let prefix = path.map_or_else(String::new, |path| format!("{}: ", path.display()));
    let mut unknown = Vec::new();
    let document: Document<RuleFile> =
        read_text(path.unwrap_or(Path::new("standard input")), text, Variables::Expand, |root| take_unknown(root, &mut unknown))
            .map_err(|errors| vec![errors.to_string()])?;
    if !unknown.is_empty() && !ignores_unknown {
        return Err(vec![format!("{prefix}yaml: unmarshal errors:\n{}", unknown.join("\n"))]);
    }
    let options = CheckOptions { file: prefix.clone(), default_interval: Duration::from_secs(60), default_query_offset: Duration::ZERO };
    match check_rule_file(&document.file, &options, &SyntaxOnly) {
        Ok(_) => Ok(document.file),
        Err(problems) => {
            Err(problems.iter().map(|problem| format!("{prefix}{}", placed(&document, &problem.path, &problem.message))).collect())
        }
    }
}

/// A mistake with its place and its rule, as `rulefmt.Error` prints it.
fn placed(document: &Document<RuleFile>, path: &str, message: &str) -> String {
    let at = |path: &str| {
        let position = document.root.at(path).position;
        format!("{}:{}", position.line, position.column)
    };
    let numbers: Vec<usize> = path.split(['[', ']']).filter_map(|part| part.parse().ok()).collect();
    let Some((&group_index, rest)) = numbers.split_first() else { return message.to_owned() };
    let group_path = format!("groups[{group_index}]");
    let Some(&rule_index) = rest.first() else {
        // Of a duration rulefmt says neither where it is nor whose.
        return if path == group_path { format!("{}: {message}", at(&group_path)) } else { message.to_owned() };
    };
    let group = &document.file.groups[group_index];
    let rule = &group.rules[rule_index];
    let rule_path = format!("{group_path}.rules[{rule_index}]");
    let name = rule.alert.as_deref().filter(|name| !name.is_empty()).or(rule.record.as_deref()).unwrap_or_default();
    let (alert, record) = (at(&format!("{rule_path}.alert")), at(&format!("{rule_path}.record")));
    // The node that rulefmt blames: of a key that is not there it has no place.
    let place = match message {
        _ if message.starts_with("only one of") => format!("{record}: {alert}: "),
        _ if message.starts_with("one of") || message.starts_with("field 'expr'") => "0:0: ".to_owned(),
        _ if message.contains("recording rule") => format!("{record}: "),
        _ if path.ends_with(".expr") => format!("{}: ", at(path)),
        _ => String::new(),
    };
    format!("{place}group {:?}, rule {}, {name:?}: {message}", group.name, rule_index + 1)
}

const FILE_KEYS: [&str; 1] = ["groups"];
const GROUP_KEYS: [&str; 6] = ["name", "interval", "query_offset", "limit", "labels", "rules"];
const RULE_KEYS: [&str; 7] = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];

/// Takes keys that rule files do not have out of the tree, with a line about each in yaml.v3's words.
fn take_unknown(root: &mut Node, unknown: &mut Vec<String>) {
    take(root, &FILE_KEYS, "rulefmt.RuleGroups", unknown);
    for group in items(root, "groups") {
        take(group, &GROUP_KEYS, "rulefmt.RuleGroup", unknown);
        items(group, "rules").iter_mut().for_each(|rule| take(rule, &RULE_KEYS, "rulefmt.RuleNode", unknown));
    }
}

fn take(node: &mut Node, known: &[&str], kind: &str, unknown: &mut Vec<String>) {
    let Value::Mapping(entries) = &mut node.value else { return };
    entries.retain(|(key, _)| {
        let is_known = known.contains(&key.text.as_str());
        if !is_known {
            unknown.push(format!("  line {}: field {} not found in type {kind}", key.position.line, key.text));
        }
        is_known
    });
}

fn items<'n>(node: &'n mut Node, key: &str) -> &'n mut [Node] {
    let Value::Mapping(entries) = &mut node.value else { return &mut [] };
    match entries.iter_mut().find(|(found, _)| found.text == key) {
        Some((_, Node { value: Value::Sequence(items), .. })) => items,
        _ => &mut [],
    }
}

impl LintArgs {
    fn finds_duplicates(&self) -> bool {
        self.lint.split(',').any(|check| matches!(check, "all" | "duplicate-rules"))
    }

    /// Names checks that there are not.
    pub(super) fn warn(&self, output: &mut Output) -> io::Result<()> {
        for check in self.lint.split(',').filter(|check| !matches!(*check, "all" | "duplicate-rules" | "none" | "too-long-scrape-interval"))
        {
            writeln!(output, "WARNING: unknown lint option {check}")?;
        }
        Ok(())
    }
}
