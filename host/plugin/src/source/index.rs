//! An index: a static JSON document that tells where the versions of plugins lie and which digests they have. `INDEX.md` of this crate
//! is its specification. It is looked up, never searched; there is no cache.

use std::collections::BTreeMap;
use std::path::Path;

use semver::Version;
use serde::Deserialize;
use url::Url;

use super::https::{Client, Download, signature_url};
use super::path::LocalFile;
use super::{Fetched, Origin, Promise, Source, SourceOptions, index_signer};
use crate::Error;
use crate::error::suggestion;
use crate::package::{Digest, read_plugin_file};

/// 10,000 versions have about 3 MiB.
const MAX_BYTES: usize = 8 << 20;
/// The format that this reads.
const FORMAT: u64 = 1;

/// A name to look up.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) index: Origin,
    pub(super) name: String,
    pub(super) version: Option<Version>,
    pub(super) options: SourceOptions,
}

#[derive(Debug, Deserialize)]
struct Index {
    format: u64,
    #[serde(default)]
    plugins: BTreeMap<String, Vec<Listed>>,
}

/// A version of a plugin. Unknown keys are for readers that come later.
#[derive(Debug, Clone, Deserialize)]
struct Listed {
    version: Version,
    url: String,
    sha256: String,
    signature: Option<String>,
    signature_url: Option<String>,
}

impl Source for Lookup {
    fn fetch(&self) -> Result<Fetched, Error> {
        let keys = &self.options.trust.keys;
        let (origin, bytes, signer) = match &self.index {
            Origin::Path(path) => {
                let bytes = read_plugin_file(path, MAX_BYTES).map_err(|error| self.fail(&path.display(), error.line()))?.to_vec();
                let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                (path.display().to_string(), bytes, None)
            }
            Origin::Url(url) => {
                let client = Client::new(self.options.ca_file.as_deref())?;
                let bytes = client.get(url, MAX_BYTES)?;
                let signature = if keys.is_empty() { None } else { client.signature(&signature_url(url))? };
                let signer = signature.map(|signature| index_signer(keys, &bytes, &signature, url.as_str())).transpose()?;
                (url.to_string(), bytes, signer)
            }
            Origin::Name { name, .. } => return Err(self.fail(name, "an index is a path or an https:// URL".to_owned())),
        };
        let listed = self.choose(&origin, &bytes)?;
        let digest = Digest::parse(&format!("sha256:{}", listed.sha256));
        let digest = digest.ok_or_else(|| self.fail(&origin, format!("\"{}\" of {} is no sha256", listed.sha256, self.name)))?;
        let mut fetched = self.locate(&origin, &listed)?;
        fetched.promised = Some(Promise {
            is_local: matches!(self.index, Origin::Path(_)),
            index: origin,
            name: self.name.clone(),
            version: listed.version,
            digest,
            signer,
        });
        Ok(fetched)
    }
}

impl Lookup {
    /// The version asked for; else the newest that is no pre-release.
    fn choose(&self, origin: &str, bytes: &[u8]) -> Result<Listed, Error> {
        let index: Index = serde_json::from_slice(bytes).map_err(|error| self.fail(&origin, error.to_string()))?;
        if index.format != FORMAT {
            let problem = format!("it has format {}, this cepmon reads {FORMAT}; use a newer cepmon", index.format);
            return Err(self.fail(&origin, problem));
        }
        let Some(versions) = index.plugins.get(&self.name) else {
            let near = suggestion(&self.name, index.plugins.keys().map(String::as_str));
            return Err(self.fail(&origin, format!("it has no plugin \"{}\"{near}", self.name)));
        };
        let chosen = match &self.version {
            Some(wanted) => versions.iter().find(|listed| listed.version == *wanted),
            None => versions.iter().filter(|listed| listed.version.pre.is_empty()).max_by(|a, b| a.version.cmp(&b.version)),
        };
        chosen.cloned().ok_or_else(|| {
            let known: Vec<String> = versions.iter().map(|listed| listed.version.to_string()).collect();
            let wanted = self.version.as_ref().map_or_else(|| "a released version".to_owned(), ToString::to_string);
            self.fail(&origin, format!("wanted {wanted} of \"{}\", it has {}", self.name, known.join(", ")))
        })
    }

    /// Fetches what an entry names, relative to the index.
    fn locate(&self, origin: &str, listed: &Listed) -> Result<Fetched, Error> {
        let looks_for_signature = !self.options.trust.keys.is_empty() && listed.signature.is_none();
        let mut fetched = match &self.index {
            Origin::Path(_) if !listed.url.contains("://") => {
                let folder = Path::new(origin).parent().unwrap_or(Path::new(""));
                LocalFile { path: folder.join(&listed.url) }.fetch()?
            }
            index => {
                let base = match index {
                    Origin::Url(url) => Some(url),
                    _ => None,
                };
                let client = Client::new(self.options.ca_file.as_deref())?;
                let url = self.resolve(origin, base, &listed.url)?;
                let separate = listed.signature_url.as_ref().filter(|_| looks_for_signature);
                let download = Download { client: client.clone(), url, looks_for_signature: looks_for_signature && separate.is_none() };
                let mut fetched = download.fetch()?;
                if let Some(separate) = separate {
                    fetched.signature = client.signature(&self.resolve(origin, base, separate)?)?;
                }
                fetched
            }
        };
        if listed.signature.is_some() {
            fetched.signature.clone_from(&listed.signature);
        }
        Ok(fetched)
    }

    fn resolve(&self, origin: &str, base: Option<&Url>, text: &str) -> Result<Url, Error> {
        let url = Url::options().base_url(base).parse(text);
        let url = url.map_err(|error| self.fail(&origin, format!("\"{text}\" of {} is no URL: {error}", self.name)))?;
        if url.scheme() != "https" {
            return Err(self.fail(&origin, format!("\"{url}\" of {} is not https://", self.name)));
        }
        Ok(url)
    }

    fn fail(&self, origin: &dyn std::fmt::Display, problem: String) -> Error {
        Error::Index { origin: origin.to_string(), problem }
    }
}
