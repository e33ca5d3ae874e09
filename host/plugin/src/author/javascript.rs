//! JavaScript: componentize-qjs puts QuickJS and `app.js` with what it imports into one component of 1.7 MB. jco's `--backend quickjs` is
//! the same program with 350 MB around it. WASI is not stubbed: with the tool's stubs `new Date()` ends the guest, and the host
//! gives nothing more than these (`capability/wasi.rs`).

use std::ffi::OsStr;
use std::fmt::Display;

use super::tool::{Tool, scratch};
use super::{Source, contract};
use crate::Error;

const TOOL: Tool = Tool { name: "componentize-qjs", folder: "node_modules/.bin", install: "npm install --save-dev componentize-qjs@0.4.5" };

/// What the author imports as `cepmon` and `cepmon/http`. A component finds modules beneath its own folder only, so they are put where
/// npm would put them.
const SDK: [(&str, &str); 4] = [
    ("cepmon.js", include_str!("../../../../sdk/javascript/cepmon.js")),
    ("http.js", include_str!("../../../../sdk/javascript/http.js")),
    ("utf8.js", include_str!("../../../../sdk/javascript/utf8.js")),
    (
        "package.json",
        r#"{"name": "cepmon", "type": "module", "exports": {".": "./cepmon.js", "./http": "./http.js", "./utf8": "./utf8.js"}}"#,
    ),
];

pub(super) fn componentize(source: &Source, say: &impl Fn(&dyn Display)) -> Result<Vec<u8>, Error> {
    let scratch = scratch()?;
    let wit = contract::write(scratch.path(), &source.manifest)?;
    for (name, text) in SDK {
        contract::write_file(&source.folder.join("node_modules/cepmon").join(name), text)?;
    }
    let entry = source.folder.join(source.language.entry());
    let output = scratch.path().join("plugin.wasm");
    let arguments: [&OsStr; 11] = [
        "--wit".as_ref(),
        wit.as_os_str(),
        "--world".as_ref(),
        contract::WORLD.as_ref(),
        "--js".as_ref(),
        entry.as_os_str(),
        "--module-root".as_ref(),
        source.folder.as_os_str(),
        // Guests are synchronous, and the component model's async is switched off in the engine.
        "--sync".as_ref(),
        "--output".as_ref(),
        output.as_os_str(),
    ];
    TOOL.run(source, arguments, &output, say)
}
