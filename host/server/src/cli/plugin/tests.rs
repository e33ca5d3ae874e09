//! What the commands print of plugins, from statuses made by hand.

use std::time::Duration;

use cepmon_plugin::{Capability, Grants, PluginKind, PluginState, PluginStats, PluginStatus};

use super::{list, show};

fn status(name: &str, state: PluginState, granted: Grants, missing: Grants) -> PluginStatus {
    PluginStatus {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        kind: Some(PluginKind::Exporter),
        digest: None,
        description: "Metrics\x1b[2J of this host".to_owned(),
        license: "Apache-2.0".to_owned(),
        path: "plugins/node.wasm".into(),
        is_bundled: true,
        asked: Grants::default(),
        reasons: vec![(Capability::Files, "reads the kernel's counters".to_owned())],
        granted,
        missing,
        imports: Vec::new(),
        state,
        reload_problem: None,
        is_backing_off: false,
        compile_time: Duration::ZERO,
        stats: PluginStats::default(),
        uses: Vec::new(),
    }
}

fn files(paths: &[&str]) -> Grants {
    [(Capability::Files, paths.iter().map(|path| (*path).to_owned()).collect())].into_iter().collect()
}

#[test]
fn the_list_is_aligned_and_ends_with_the_problems() {
    let refused = PluginState::Refused("it is not granted; run: cepmon plugin grant tcp-probe files".to_owned());
    let plugins = [
        status("node", PluginState::Ready, files(&["/proc/stat"]), Grants::default()),
        status("tcp-probe", refused, Grants::default(), files(&["/x"])),
    ];
    let mut output = Vec::new();
    list(&plugins, &mut output).unwrap();
    let expected = "\
NAME       VERSION  KIND      STATE    FROM    GRANTED
node       0.1.0    exporter  ready    cepmon  files
tcp-probe  0.1.0    exporter  refused  cepmon  nothing
tcp-probe: it is not granted; run: cepmon plugin grant tcp-probe files
";
    assert_eq!(String::from_utf8(output).unwrap(), expected);
}

#[test]
fn an_empty_list_says_how_to_begin() {
    let mut output = Vec::new();
    list(&[], &mut output).unwrap();
    assert_eq!(String::from_utf8(output).unwrap(), "no plugins; install one with: cepmon plugin install FILE.wasm\n");
}

#[test]
fn a_plugin_is_shown_with_its_grants_in_words_and_without_escape_sequences() {
    let plugins = vec![status("node", PluginState::Ready, files(&["/proc/stat", "/proc/meminfo"]), files(&["/sys/block/**"]))];
    let mut output = Vec::new();
    assert!(show(plugins.clone(), "node", &mut output).is_ok());
    let text = String::from_utf8(output).unwrap();
    assert!(text.contains("\nmay          read /proc/meminfo, /proc/stat\n"), "{text}");
    assert!(text.contains("cannot reach the network\n"), "{text}");
    assert!(text.contains("\nnot granted  read /sys/block/**; run: cepmon plugin grant node files\n"), "{text}");
    assert!(text.contains("\nasks for     files: \"reads the kernel's counters\"\n"), "{text}");
    assert!(!text.contains('\x1b'), "{text:?}");

    let Err(crate::cli::Failure::Failed(error)) = show(plugins, "nod", &mut Vec::new()) else { panic!("an unknown plugin was shown") };
    assert_eq!(error.to_string(), "cannot find plugin \"nod\"; did you mean \"node\"; run: cepmon plugin list");
}
