//! Results as JUnit XML, for build servers.

use std::io;
use std::path::Path;

/// Files, their groups, and what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Junit(Vec<Suite>);

#[derive(Debug)]
struct Suite {
    name: String,
    cases: Vec<(String, Vec<String>)>,
    /// Why nothing of it ran.
    abort: Option<String>,
}

impl Junit {
    /// A file whose tests cannot run.
    pub(super) fn abort(&mut self, file: &Path, problem: &str) {
        self.suite(file).abort = Some(problem.to_owned());
    }

    /// A group of a file.
    pub(super) fn group(&mut self, file: &Path, index: usize, name: &str, problems: &[String]) {
        let name = if name.is_empty() { format!("test {index}") } else { name.to_owned() };
        self.suite(file).cases.push((name, problems.to_vec()));
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = String::from("<testsuites>\n");
        for suite in &self.0 {
            let failures = suite.cases.iter().filter(|(_, problems)| !problems.is_empty()).count();
            let (tests, errors) = (suite.cases.len(), usize::from(suite.abort.is_some()));
            let name = escaped(&suite.name);
            text.push_str(&format!("  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n"));
            for (name, problems) in &suite.cases {
                text.push_str(&format!("    <testcase name=\"{}\">\n", escaped(name)));
                for problem in problems {
                    text.push_str(&format!("      <failure message=\"{}\"></failure>\n", escaped(problem)));
                }
                text.push_str("    </testcase>\n");
            }
            if let Some(problem) = &suite.abort {
                text.push_str(&format!("    <error message=\"{}\"></error>\n", escaped(problem)));
            }
            text.push_str("  </testsuite>\n");
        }
        text.push_str("</testsuites>\n");
        std::fs::File::create(path).and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
    }

    fn suite(&mut self, file: &Path) -> &mut Suite {
        let name = file.display().to_string();
        if self.0.last().is_none_or(|suite| suite.name != name) {
            self.0.push(Suite { name, cases: Vec::new(), abort: None });
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

/// A text within an attribute's quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\n' => escaped.push_str("&#xA;"),
            other => escaped.push(other),
        }
    }
    escaped
}
