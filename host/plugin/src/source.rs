//! Where plugins come from. A [`Source`] gives bytes and says how they came; whether they can be trusted is `trust.rs`, what they are is
//! `package.rs`. A source of another kind (a registry of OCI artefacts, say) is one more file here and one more line in [`open`].

mod https;
mod index;
mod path;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Error;
use crate::limits::Limits;
use crate::manifest::is_plugin_name;
use crate::package::{Digest, Package, inspect_bytes};
use crate::signature::TrustedKey;
use crate::trust::{Trust, Vouched};

use https::Client;

/// What gives the bytes of one plugin.
pub(crate) trait Source: fmt::Debug {
    /// Reads or downloads it; bounded in size and time.
    fn fetch(&self) -> Result<Fetched, Error>;
}

/// Bytes and how they came.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) bytes: Arc<[u8]>,
    /// Where they came from: an absolute path or a URL.
    pub(crate) source: String,
    /// Whether they came from this machine's own files.
    pub(crate) is_local: bool,
    /// A signature that was beside them.
    pub(crate) signature: Option<String>,
    /// What an index says of them.
    pub(crate) promised: Option<Promise>,
}

/// What an index says of a plugin.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    /// The index, a path or a URL.
    pub(crate) index: String,
    pub(crate) name: String,
    pub(crate) version: semver::Version,
    pub(crate) digest: Digest,
    /// Whether the index itself is a local file.
    pub(crate) is_local: bool,
    /// The pinned key that signed the index.
    pub(crate) signer: Option<String>,
}

/// How sources are reached and trusted.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Where names are looked up: a path or an `https://` URL.
    pub index: Option<String>,
    /// Certificates of authorities to trust beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// What may be installed.
    pub trust: Trust,
}

/// A plugin that was fetched, is trusted and is what it says. Nothing is on disk yet.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The plugin.
    pub package: Package,
    /// Where it came from: an absolute path or a URL.
    pub source: String,
    /// The index that named it, if one did.
    pub index: Option<String>,
    /// The id of the pinned key that vouches for it.
    pub signer: Option<String>,
    /// The file's own signature by that key.
    pub signature: Option<String>,
}

/// Fetches a plugin from a path, an `https://` URL, or by `NAME[@VERSION]` from the index, checks that it can be trusted and that it
/// is a plugin.
pub fn fetch(text: &str, options: &SourceOptions) -> Result<Candidate, Error> {
    let fetched = open(text, options)?.fetch()?;
    let Vouched { signer, signature } = options.trust.check(&fetched)?;
    let package = inspect_bytes(&PathBuf::from(&fetched.source), Arc::clone(&fetched.bytes))?;
    if let Some(promise) = &fetched.promised {
        let manifest = &package.manifest;
        if manifest.name != promise.name || manifest.version != promise.version {
            // A signed plugin of another name, or an older one, must not come in under this name.
            let problem = format!(
                "the file is {} {}, the index \"{}\" says {} {}",
                manifest.name, manifest.version, promise.index, promise.name, promise.version
            );
            return Err(Error::Distrust { origin: fetched.source, problem });
        }
    }
    Ok(Candidate { package, source: fetched.source, index: fetched.promised.map(|promise| promise.index), signer, signature })
}

fn open(text: &str, options: &SourceOptions) -> Result<Box<dyn Source>, Error> {
    let looks_for_signature = !options.trust.keys.is_empty();
    match Origin::parse(text)? {
        Origin::Url(url) => Ok(Box::new(https::Download { client: Client::new(options.ca_file.as_deref())?, url, looks_for_signature })),
        Origin::Path(path) => Ok(Box::new(path::LocalFile { path })),
        Origin::Name { name, version } => {
            let Some(index) = &options.index else {
                let problem = format!("it is a name, and no index is set; set plugins.index or pass --index, or write ./{text} for a file");
                return Err(Error::Undecided { origin: text.to_owned(), problem });
            };
            let index = match Origin::parse(index)? {
                Origin::Name { .. } => Origin::Path(PathBuf::from(index)),
                other => other,
            };
            Ok(Box::new(index::Lookup { index, name, version, options: options.clone() }))
        }
    }
}

/// What the operator wrote.
#[derive(Debug, Clone, PartialEq)]
enum Origin {
    Path(PathBuf),
    Url(url::Url),
    Name { name: String, version: Option<semver::Version> },
}

impl Origin {
    fn parse(text: &str) -> Result<Self, Error> {
        if let Some((scheme, _)) = text.split_once("://") {
            return parse_url(text, scheme).map(Self::Url);
        }
        let (name, version) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
        if !is_plugin_name(name) {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        let version = version.map(semver::Version::parse).transpose().map_err(|error| Error::Undecided {
            origin: text.to_owned(),
            problem: format!("the version after @ cannot be read ({error}); wanted three numbers, as in {name}@1.2.3"),
        })?;
        Ok(Self::Name { name: name.to_owned(), version })
    }
}

fn parse_url(text: &str, scheme: &str) -> Result<url::Url, Error> {
    let refuse = |problem: String| Error::Undecided { origin: text.to_owned(), problem };
    match scheme {
        "https" => {}
        // Also on loopback: a rule without exceptions is one that nobody has to remember, and a local server's files are files.
        "http" => {
            let way_out = "use https:// (with --ca-file for a certificate of your own), or download it and install the file";
            return Err(refuse(format!("http:// shows everybody on the way what you install; {way_out}")));
        }
        "oci" => return Err(refuse("oci:// is not supported yet; use https://, a path or an index".to_owned())),
        other => return Err(refuse(format!("\"{other}://\" is no source; use https://, a path, or NAME[@VERSION] from an index"))),
    }
    let url = url::Url::parse(text).map_err(|error| refuse(format!("the URL cannot be read: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("it holds a password, which would end up in plugins.lock; download it and install the file".to_owned()));
    }
    Ok(url)
}

/// The largest plugin that is fetched.
fn max_plugin_bytes() -> usize {
    Limits::default().wasm_bytes
}

/// Verifies a signature of an index; the same words as for a plugin.
fn index_signer(keys: &[TrustedKey], bytes: &[u8], signature: &str, origin: &str) -> Result<String, Error> {
    let signer = crate::signature::verify(keys, bytes, signature);
    signer.map(str::to_owned).map_err(|problem| Error::Distrust { origin: origin.to_owned(), problem })
}

#[cfg(test)]
mod tests;
