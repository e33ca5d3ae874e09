//! Python: componentize-py puts CPython, its standard library and `app.py` into one component, 18 MB of it. It imports WASI 0.2, of
//! which the host gives it as good as nothing (`capability/wasi.rs`).

use std::ffi::OsStr;
use std::fmt::Display;

use super::tool::{Tool, scratch};
use super::{Source, contract};
use crate::Error;

const TOOL: Tool = Tool {
    name: "componentize-py",
    folder: ".venv/bin",
    install: "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1",
};

/// What the author imports as `cepmon`.
const SDK: &str = include_str!("../../../../sdk/python/cepmon.py");

pub(super) fn componentize(source: &Source, say: &impl Fn(&dyn Display)) -> Result<Vec<u8>, Error> {
    let scratch = scratch()?;
    let wit = contract::write(scratch.path(), &source.manifest)?;
    let sdk = scratch.path().join("sdk");
    contract::write_file(&sdk.join("cepmon.py"), SDK)?;
    let output = scratch.path().join("plugin.wasm");
    let arguments: [&OsStr; 13] = [
        "--quiet".as_ref(),
        "--wit-path".as_ref(),
        wit.as_os_str(),
        "--world".as_ref(),
        contract::WORLD.as_ref(),
        "componentize".as_ref(),
        "app".as_ref(),
        "--python-path".as_ref(),
        source.folder.as_os_str(),
        "--python-path".as_ref(),
        sdk.as_os_str(),
        "--output".as_ref(),
        output.as_os_str(),
    ];
    TOOL.run(source, arguments, &output, say)
}
