//! What the sources look like. A rule that stands here is one that a reviewer need not repeat.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::tree::{assert_none, files, root, text};

/// Hard limit; most files have less than 200.
const MAX_LINES: usize = 700;
/// Files that may be longer. This list only ever gets shorter.
const LONGER_FILES: [&str; 0] = [];

/// Names that say nothing about what a file holds.
const DRAWERS: [&str; 12] =
    ["util", "utils", "common", "helper", "helpers", "types", "misc", "manager", "managers", "handler", "handlers", "stuff"];

/// What a visitor sees first; tool files are hidden ones.
const TOP_LEVEL: [&str; 11] =
    ["Cargo.lock", "Cargo.toml", "LICENSE", "Makefile", "README.md", "host", "plugins", "sdk", "storage", "tests", "wit"];

#[test]
fn the_top_level_shows_the_design_and_nothing_else() {
    // Both are ignored by git: what `make` builds, and the data of `make run`.
    let ignored = ["target", "data"];
    let visible: BTreeSet<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && !ignored.contains(&name.as_str()))
        .collect();
    assert_eq!(visible, TOP_LEVEL.map(str::to_owned).into());
}

#[test]
fn no_file_is_longer_than_the_limit() {
    let mut problems = Vec::new();
    for path in [".rs", ".wit", ".js", ".css", ".html"].iter().flat_map(|ending| files(ending)) {
        let lines = text(&path).lines().count();
        let is_excepted = LONGER_FILES.iter().any(|longer| Path::new(longer) == path);
        if lines > MAX_LINES && !is_excepted {
            problems.push(format!("{} has {lines} lines, the limit is {MAX_LINES}; one idea a file", path.display()));
        }
        if lines <= MAX_LINES && is_excepted {
            problems.push(format!("{} has {lines} lines; take it off the list of longer files", path.display()));
        }
    }
    assert_none("files of the wrong length", &problems);
}

#[test]
fn every_source_file_opens_by_saying_what_it_is() {
    let silent: Vec<String> = files(".rs")
        .iter()
        .filter(|path| {
            let text = text(path);
            let first = text.lines().next().unwrap_or_default();
            // One word is no sentence.
            !first.starts_with("//! ") || first.split_whitespace().count() < 3
        })
        .map(|path| path.display().to_string())
        .collect();
    assert_none("files that do not open with a `//!` sentence", &silent);
}

#[test]
fn no_file_is_a_drawer() {
    let drawers: Vec<String> = files(".rs")
        .iter()
        .filter(|path| {
            path.components().any(|component| match component {
                Component::Normal(name) => DRAWERS.contains(&name.to_string_lossy().trim_end_matches(".rs")),
                _ => false,
            })
        })
        .map(|path| path.display().to_string())
        .collect();
    assert_none("files or folders named for nothing; name the idea", &drawers);
}

#[test]
fn no_source_holds_a_placeholder_or_a_path_of_one_machine() {
    // In two pieces, so that this file does not find itself.
    let forbidden = [
        (concat!("todo", "!("), "finish it or leave it out"),
        (concat!("unimplemented", "!("), "finish it or leave it out"),
        (concat!("FIX", "ME"), "fix it"),
        (concat!("XX", "X"), "say what is wrong"),
        (concat!("/wo", "rk/"), "the checkout may lie anywhere"),
        (concat!("/ro", "ot/."), "the checkout may lie anywhere"),
    ];
    let mut problems = Vec::new();
    let sources = [".rs", ".toml", ".md", ".js", ".wit", ".yml"].iter().flat_map(|ending| files(ending));
    for path in sources.chain([PathBuf::from("Makefile")]) {
        for (number, line) in text(&path).lines().enumerate() {
            for (word, way_out) in forbidden {
                if line.contains(word) {
                    problems.push(format!("{}:{}: {word:?}; {way_out}", path.display(), number + 1));
                }
            }
        }
    }
    assert_none("words that do not belong into the sources", &problems);
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut problems = Vec::new();
    for path in files(".md") {
        for target in links(&text(&path)) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').map_or((target.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let linked = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            if !root().join(&linked).try_exists().unwrap() {
                problems.push(format!("{}: {target:?}: no such file", path.display()));
            } else if let Some(anchor) = anchor
                && (file.is_empty() || file.ends_with(".md"))
                && !anchors(&text(&linked)).contains(anchor)
            {
                problems.push(format!("{}: {target:?}: no such heading", path.display()));
            }
        }
    }
    assert_none("broken links", &problems);
}

#[test]
fn the_plugin_contract_is_valid_and_has_the_three_worlds() {
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit")).unwrap();
    let package = &resolve.packages[package];
    assert_eq!(package.name.namespace, "cepmon");
    assert_eq!(package.name.name, "plugin");
    let worlds: Vec<&str> = package.worlds.keys().map(String::as_str).collect();
    assert_eq!(worlds, ["exporter", "probe", "log-parser"]);
}

/// Targets of `[text](target)`, outside code.
fn links(markdown: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_code = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        // Every second piece lies between backquotes.
        for prose in line.split('`').step_by(2) {
            for piece in prose.split("](").skip(1) {
                if let Some((target, _)) = piece.split_once(')') {
                    found.push(target.split(' ').next().unwrap_or_default().to_owned());
                }
            }
        }
    }
    found
}

/// What a heading can be linked by, in GitHub's spelling.
fn anchors(markdown: &str) -> BTreeSet<String> {
    markdown
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn links_in_code_are_no_links_and_headings_become_anchors() {
    assert_eq!(links("a [b](c.md#d) `[x](y)` [e](f \"title\")\n```\n[g](h)\n```\n"), ["c.md#d", "f"]);
    assert_eq!(anchors("# Two words, `code`\ntext\n"), BTreeSet::from(["two-words-code".to_owned()]));
}
