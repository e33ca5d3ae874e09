//! A plugin's file: what it is, what it says of itself, and whether the two agree. Nothing is compiled or run here, so it is safe
//! and cheap to look at a file of unknown origin. What the operator grants is not known here.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::Digest as _;
use wasmparser::{Parser, Payload, Validator};
use wasmtime::Engine;

use crate::Error;
use crate::abi;
use crate::engine::features;
use crate::grant::Capability;
use crate::manifest::{MANIFEST_SECTION, Manifest, PluginKind};

/// SHA-256 of a plugin's file: what grants are tied to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a file's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Reads `sha256:…`.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.is_ascii())?;
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(digest))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A plugin's file that was read and found to be what it says.
#[derive(Debug, Clone)]
pub struct Package {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// What it imports, without versions, sorted: `cepmon:plugin/files`, `wasi:cli/stdout`.
    pub imports: Vec<String>,
    /// The whole file.
    pub bytes: Arc<[u8]>,
}

impl Package {
    /// Whether it is a foreign component: built for WASI, so that its standard library wants clocks and standard output.
    pub fn is_foreign(&self) -> bool {
        self.imports.iter().any(|import| import.starts_with("wasi:"))
    }

    /// The capabilities that it imports, by name.
    pub fn imported_capabilities(&self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(|capability| self.imports_interface(capability.as_str()))
    }

    fn imports_interface(&self, interface: &str) -> bool {
        self.imports.iter().any(|import| import.strip_prefix(abi::PACKAGE).and_then(|rest| rest.strip_prefix('/')) == Some(interface))
    }
}

/// Reads a plugin's file and checks it: size, WebAssembly, manifest, world, imports.
pub fn inspect(path: &Path, max_bytes: usize) -> Result<Package, Error> {
    inspect_bytes(path, read_plugin_file(path, max_bytes)?)
}

/// The bytes of a file that may be a plugin.
pub(crate) fn read_plugin_file(path: &Path, max_bytes: usize) -> Result<Arc<[u8]>, Error> {
    let read = Error::file("read plugin file", path);
    let size = std::fs::metadata(path).and_then(|metadata| match metadata.is_file() {
        true => Ok(metadata.len()),
        false => Err(std::io::Error::other("it is not a file")),
    });
    let size = match size {
        Ok(size) => size,
        Err(error) => return Err(read(error)),
    };
    if size > max_bytes as u64 {
        let problem = format!("it has {size} bytes, the limit is {max_bytes}");
        return Err(Error::NotAPlugin { path: path.to_owned(), problem });
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    let content = std::fs::File::open(path).and_then(|file| file.take(max_bytes as u64 + 1).read_to_end(&mut bytes));
    content.map_err(read)?;
    Ok(bytes.into())
}

/// The same for bytes at hand; `path` is for messages.
pub(crate) fn inspect_bytes(path: &Path, bytes: Arc<[u8]>) -> Result<Package, Error> {
    let fail = |problem: String| Error::NotAPlugin { path: path.to_owned(), problem };
    if Engine::detect_precompiled(&bytes).is_some() {
        return Err(fail("it is precompiled machine code, which is never accepted; take the .wasm component".to_owned()));
    }
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
            return Err(fail("it is a core module, not a component; build it with: cepmon plugin build DIR".to_owned()));
        }
        Some([0, b'a', b's', b'm', ..]) => {}
        _ => return Err(fail("it is not WebAssembly".to_owned())),
    }
    Validator::new_with_features(features())
        .validate_all(&bytes)
        .map_err(|error| fail(format!("it is damaged or needs WebAssembly features that plugins do not have: {error}")))?;
    let outline = Outline::read(&bytes).map_err(|error| fail(format!("it is damaged: {error}")))?;
    let manifest = match outline.manifests.as_slice() {
        [manifest] if manifest.len() > MAX_MANIFEST_BYTES => {
            return Err(fail(format!("its manifest has {} bytes, the limit is {MAX_MANIFEST_BYTES}", manifest.len())));
        }
        [manifest] => manifest,
        [] => return Err(fail(format!("it has no custom section {MANIFEST_SECTION}; build it with: cepmon plugin build DIR"))),
        more => return Err(fail(format!("it has {} custom sections {MANIFEST_SECTION}, expected one", more.len()))),
    };
    let manifest = Manifest::parse(manifest, &path.display().to_string())?;
    check_exports(&outline.exports, &manifest).map_err(fail)?;
    let imports = check_imports(&outline.imports, &manifest, path)?;
    let package =
        Package { path: path.to_owned(), digest: Digest::of(&bytes), manifest: Arc::new(manifest), imports, bytes: Arc::clone(&bytes) };
    for capability in package.imported_capabilities() {
        if package.manifest.capabilities.reason(capability).is_none() {
            return Err(Error::Undeclared {
                plugin: package.manifest.name.clone(),
                interface: format!("{}/{capability}", abi::PACKAGE),
                capability: capability.to_string(),
            });
        }
    }
    Ok(package)
}

/// Top-level names of a component.
struct Outline<'a> {
    imports: Vec<&'a str>,
    exports: Vec<&'a str>,
    manifests: Vec<&'a [u8]>,
}

/// Bytes of a manifest; what it says is shown to people.
const MAX_MANIFEST_BYTES: usize = 256 << 10;

impl<'a> Outline<'a> {
    fn read(bytes: &'a [u8]) -> wasmparser::Result<Self> {
        let mut outline = Self { imports: Vec::new(), exports: Vec::new(), manifests: Vec::new() };
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        outline.imports.push(import?.name.name);
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        outline.exports.push(export?.name.name);
                    }
                }
                Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => outline.manifests.push(section.data()),
                _ => {}
            }
        }
        Ok(outline)
    }
}

fn check_exports(exports: &[&str], manifest: &Manifest) -> Result<(), String> {
    let offered = |kind: PluginKind| {
        exports.iter().filter_map(|export| Interface::parse(export)).find(|own| own.package == abi::PACKAGE && own.name == kind.export())
    };
    let Some(export) = offered(manifest.kind) else {
        return Err(match PluginKind::ALL.into_iter().find(|&kind| offered(kind).is_some()) {
            Some(kind) => format!("its manifest says kind = \"{}\", but it is a component for the world {kind}", manifest.kind),
            None => "it is a component for another world: it exports neither exporter-api, probe-api nor log-parser-api of cepmon:plugin"
                .to_owned(),
        });
    };
    export.check_version()
}

fn check_imports(imports: &[&str], manifest: &Manifest, path: &Path) -> Result<Vec<String>, Error> {
    const ALWAYS: [&str; 4] = ["types", "log", "config", "clock"];
    let fail = |problem: String| Error::NotAPlugin { path: path.to_owned(), problem };
    let mut names = BTreeSet::new();
    for import in imports {
        let known = Interface::parse(import).filter(|interface| match interface.package {
            abi::PACKAGE => ALWAYS.contains(&interface.name) || Capability::parse(interface.name).is_some(),
            package => package.starts_with("wasi:"),
        });
        let Some(interface) = known else {
            return Err(fail(format!("plugin \"{}\" imports {import}, which this host does not offer", manifest.name)));
        };
        if interface.package == abi::PACKAGE {
            interface.check_version().map_err(fail)?;
        }
        names.insert(format!("{}/{}", interface.package, interface.name));
    }
    Ok(names.into_iter().collect())
}

/// `namespace:package/name@version`.
struct Interface<'a> {
    package: &'a str,
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> Interface<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (path, version) = text.split_once('@').map_or((text, None), |(path, version)| (path, Some(version)));
        let (package, name) = path.split_once('/')?;
        package.contains(':').then_some(Self { package, name, version })
    }

    fn check_version(&self) -> Result<(), String> {
        let own = abi::VERSION;
        let theirs = self.version.and_then(|version| semver::Version::parse(version).ok());
        // Semver: below 1.0 the minor number is the one that breaks. An older patch runs; a newer one may need what is not here.
        match theirs {
            Some(theirs) if theirs.major == own.major && theirs.minor == own.minor && theirs.patch <= own.patch => Ok(()),
            _ => Err(format!(
                "it was built for {}/{} {}, this host speaks {own}; build it again with the SDK of this release",
                self.package,
                self.name,
                self.version.unwrap_or("without a version")
            )),
        }
    }
}

#[cfg(test)]
mod tests;
