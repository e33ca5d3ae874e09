//! What is fuzzed, one function each: it makes an input, has it read, and holds the promise about what was accepted. The answer is whether
//! it was accepted.

use std::path::Path;

use cepmon_model::{Exemplar, Family, LogBatch, LogField, SampleBatch, Severity, Span, parse_series_text};
use cepmon_plugin::{Manifest, fuzzing};
use cepmon_prometheus_parser::{Format, Options, parse};

use crate::random::Random;
use crate::stored;

type Target = fn(&mut Random) -> bool;

pub const NAMES: [&str; 8] = ["manifest", "component", "samples", "rows", "exposition", "series", "log", "blocks"];

pub fn find(name: &str) -> Option<Target> {
    const ALL: [Target; 8] = [manifest, component, samples, rows, exposition, series, stored::log, stored::blocks];
    NAMES.iter().position(|own| *own == name).map(|index| ALL[index])
}

fn manifest(random: &mut Random) -> bool {
    const SEEDS: [&[u8]; 6] = [
        include_bytes!("../../../plugins/node/plugin.toml"),
        include_bytes!("../../../plugins/http-probe/plugin.toml"),
        include_bytes!("../../../plugins/prometheus/plugin.toml"),
        include_bytes!("../../guests/reach/plugin.toml"),
        b"[limits]\nmemory = \"99999999999999999999GiB\"\n",
        b"[[[[[[[[{{{{{{{{a.b.c.d.e.f.g.h=1\n",
    ];
    match Manifest::parse(&random.mutant(&SEEDS, 1), "fuzz") {
        Ok(manifest) => {
            // What is written down by it has to be readable again as a file's name.
            assert!(manifest.name.len() <= 63 && !manifest.name.contains(['/', '.']));
            let _ = manifest.limits.memory_bytes();
            true
        }
        Err(error) => {
            assert!(!error.line().is_empty());
            false
        }
    }
}

fn component(random: &mut Random) -> bool {
    const SEEDS: [&[u8]; 3] = [
        include_bytes!("../../corpus/0.1.0/corpus-exporter.wasm"),
        include_bytes!("../../corpus/0.1.0/corpus-probe.wasm"),
        include_bytes!("../../corpus/0.1.0/corpus-log-parser.wasm"),
    ];
    let path = Path::new("/dev/shm").join(format!("cepmon-fuzz-{}.wasm", std::process::id()));
    std::fs::write(&path, random.mutant(&SEEDS, 1)).expect("cannot write the mutant");
    let result = cepmon_plugin::inspect(&path, 32 << 20);
    std::fs::remove_file(&path).expect("cannot remove the mutant");
    result.is_ok()
}

fn samples(random: &mut Random) -> bool {
    let text: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
    let count = random.below(6);
    let near = text.len();
    let span = |random: &mut Random| Span { start: random.number(near), len: random.number(near) };
    let small = |random: &mut Random| Span { start: 0, len: random.below(near + 1) as u32 };
    let per_sample = |random: &mut Random| if random.chance(3) { count + random.below(2) } else { 0 };
    let is_sane = !random.chance(3);
    let mut batch = SampleBatch {
        series: (0..2 * count + usize::from(random.chance(20)))
            .map(|index| match (is_sane, index % 2) {
                (true, 0) => 0,
                (true, _) => near as u32,
                _ => random.number(near),
            })
            .collect(),
        values: (0..count).map(|_| f64::from_bits(random.next())).collect(),
        timestamps: (0..per_sample(random)).map(|_| random.next() as i64).collect(),
        start_times: (0..per_sample(random)).map(|_| random.next() as i64).collect(),
        stale: (0..random.below(3)).map(|_| random.number(count)).collect(),
        exemplars: (0..random.below(2))
            .map(|_| Exemplar { sample: random.number(count), labels: span(random), value: 0.0, timestamp: None })
            .collect(),
        families: (0..random.below(3))
            .map(|_| Family {
                name: small(random),
                help: if is_sane { small(random) } else { span(random) },
                samples: random.number(count),
                ..Family::default()
            })
            .collect(),
        warnings: vec![String::from_utf8_lossy(&text).into_owned(); random.below(20)],
        text,
    };
    let is_fine = fuzzing::samples(&mut batch).is_ok();
    if is_fine {
        // Everything that a reader follows without looking.
        for sample in 0..batch.len() {
            assert!(!batch.series_text(sample).is_empty());
        }
        for family in &batch.families {
            for span in [family.name, family.help, family.unit] {
                drop(batch.str(span).into_owned());
            }
        }
        batch.exemplars.iter().for_each(|exemplar| drop(batch.str(exemplar.labels).into_owned()));
        assert!(batch.warnings.iter().all(|warning| !warning.contains(|c: char| c.is_control() && c != '\t')));
    }
    is_fine
}

fn rows(random: &mut Random) -> bool {
    const WORDS: [&[u8]; 4] = [b"GET ", "ä".as_bytes(), b"\xff", b"x"];
    let lines = random.mutant(&WORDS, 6);
    let extra = random.mutant(&WORDS, 3);
    let (count, keys) = (random.below(4), random.below(3));
    let rows = random.below(count + 1);
    let mut fields = Vec::new();
    for _ in 0..rows * keys {
        let (start, len) = (random.number(lines.len()), random.number(lines.len()));
        fields.push(match random.below(3) {
            0 => LogField::Absent,
            1 => LogField::Input { start, len },
            _ => LogField::Extra { start, len },
        });
    }
    let batch = LogBatch {
        keys: (0..keys).map(|key| format!("k{key}")).collect(),
        rows: (0..rows).map(|row| if random.chance(8) { random.number(count) } else { row as u32 }).collect(),
        times_ns: Vec::new(),
        severities: (0..if random.chance(2) { rows } else { 0 }).map(|_| Severity(random.below(26) as u8)).collect(),
        fields,
        extra,
    };
    let is_fine = fuzzing::rows(&batch, 2 * rows * keys, &lines, count).is_ok();
    if is_fine {
        for field in &batch.fields {
            let (buffer, start, len) = match *field {
                LogField::Absent => continue,
                LogField::Input { start, len } => (&lines, start, len),
                LogField::Extra { start, len } => (&batch.extra, start, len),
            };
            std::str::from_utf8(&buffer[start as usize..][..len as usize]).expect("a field that is no text was accepted");
        }
    }
    is_fine
}

fn exposition(random: &mut Random) -> bool {
    const SEEDS: [&[u8]; 8] = [
        b"# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\nhttp_requests_total{method=\"GET\",code=\"200\"} 1027 1395066363000\n",
        b"# TYPE t histogram\nt_bucket{le=\"0.05\"} 24054\nt_bucket{le=\"+Inf\"} 144320\nt_sum 53423\nt_count 144320\n",
        b"m{path=\"C:\\\\DIR\\\\F.TXT\",error=\"Cannot \\\"find\\\"\\nfile\"} 1.458255915e9\n",
        b"# TYPE foo counter\nfoo_total 17.0 1520879607.789 # {id=\"counter-test\"} 5\nfoo_created 1520872607.123\n# EOF\n",
        b"{\"my.metric\",\"a label\"=\"x\"} NaN\n",
        b"# UNIT a_seconds seconds\n# TYPE a_seconds summary\na_seconds{quantile=\"0.5\"} -Inf\n",
        b"# EOF\n",
        b"a 0x1p-3\nb 1_000\n  c  {  }  3  \n\t\n#\n# \n#HELP\n",
    ];
    let format = if random.chance(2) { Format::Text } else { Format::OpenMetrics };
    let options = Options { honor_timestamps: !random.chance(3) };
    let body = random.mutant(&SEEDS, 4);
    let Ok(columns) = parse(body, format, options) else { return false };
    assert_eq!(columns.series.len(), 2 * columns.values.len());
    let inside = |start: u32, len: u32| start as usize + len as usize <= columns.text.len();
    for span in columns.series.chunks_exact(2) {
        assert!(span[1] > 0 && inside(span[0], span[1]));
        // What the scraper lets through, the host has to understand, but for names.
        let text = &columns.text[span[0] as usize..][..span[1] as usize];
        if let Err(error) = parse_series_text(text) {
            // Repeated labels and empty names are the host's to find, when it decodes them once: the scraper would have to look each time.
            let is_the_hosts = ["the same label twice", "invalid label name", "after a label name"]
                .iter()
                .any(|problem| error.to_string().ends_with(problem));
            assert!(is_the_hosts, "{:?}: {error}", String::from_utf8_lossy(text));
        }
    }
    for family in &columns.families {
        assert!([family.name, family.help, family.unit].iter().all(|span| span.len == 0 || inside(span.start, span.len)));
    }
    let in_families: u64 = columns.families.iter().map(|family| u64::from(family.samples)).sum();
    assert!(columns.families.is_empty() || in_families == columns.values.len() as u64);
    true
}

fn series(random: &mut Random) -> bool {
    const SEEDS: [&[u8]; 7] = [
        b"http_requests_total{method=\"GET\",code=\"200\"}",
        b"m{a=\"\\\\\\n\\\"\",b=\"\"}",
        b"{\"my.metric\", \"my label\"=\"x\"}",
        "m{ä=\"ö\"}".as_bytes(),
        b"{\"",
        b"\"}",
        b",a=\"1\"",
    ];
    let Ok(labels) = parse_series_text(&random.mutant(&SEEDS, 3)) else { return false };
    let set = labels.build();
    // The most general spelling of the same labels.
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
    let pairs: Vec<String> =
        set.iter().filter(|(name, _)| *name != "__name__").map(|(name, value)| format!("{}={}", quoted(name), quoted(value))).collect();
    let text = format!("{{{}{}{}}}", quoted(set.metric_name()), if pairs.is_empty() { "" } else { "," }, pairs.join(","));
    assert_eq!(parse_series_text(text.as_bytes()).expect("cannot read what was printed").build(), set, "{text}");
    true
}
