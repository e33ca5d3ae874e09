//! Tiny plugins for this crate's tests, made of WebAssembly text in the test itself, so that they need no wasm toolchain; and a host
//! over a temporary folder that runs them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::access::Access;
use crate::capability::http::HttpClient;
use crate::capability::network::address::TargetAddress;
use crate::capability::state::StateStore;
use crate::guest::{Call, Guest, PluginContext, Shared};
use crate::limits::{LimitOverrides, TotalMemory};
use crate::lock::{LockEntry, OPERATOR_HEADER, OPERATOR_LOCK};
use crate::package::inspect_bytes;
use crate::{Capability, Grants, Limits, LockFile, Manifest, Options, PluginHost, TargetSpec, wrap};

/// A manifest that asks for nothing.
pub(crate) const MANIFEST: &str =
    "name = \"test\"\nversion = \"0.1.0\"\nkind = \"exporter\"\ndescription = \"for tests\"\nlicense = \"Apache-2.0\"\n";

/// Imports of a guest, and the body of its one function, which returns the address of its result.
#[derive(Clone, Copy)]
pub(crate) struct Wat<'a> {
    pub(crate) imports: &'a str,
    pub(crate) body: &'a str,
}

const fn body(body: &str) -> Wat<'_> {
    Wat { imports: "", body }
}

/// Answers an empty batch: everything from 1024 on is zero.
pub(crate) const EMPTY_BATCH: Wat<'_> = body("i32.const 1024");
/// Never ends.
pub(crate) const ENDLESS: Wat<'_> = body("(loop $again (br $again)) unreachable");
/// Crashes.
pub(crate) const TRAP: Wat<'_> = body("unreachable");
/// Takes all memory that it can get, then crashes as Rust does.
pub(crate) const BOMB: Wat<'_> = body("(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable");
/// Answers one sample, `test_up{a="1"} 7`.
pub(crate) const ONE_SAMPLE: Wat<'_> = body(
    r#"(i32.store (i32.const 1028) (i32.const 2048)) (i32.store (i32.const 1032) (i32.const 14))
       (i32.store (i32.const 1044) (i32.const 2200)) (i32.store (i32.const 1048) (i32.const 2))
       (i32.store (i32.const 2204) (i32.const 14))
       (i32.store (i32.const 1052) (i32.const 2208)) (i32.store (i32.const 1056) (i32.const 1))
       (f64.store (i32.const 2208) (f64.const 7))
       i32.const 1024"#,
);
/// The same, but its series text ends outside the text.
pub(crate) const LYING_SPAN: Wat<'_> = body(
    r#"(i32.store (i32.const 1028) (i32.const 2048)) (i32.store (i32.const 1032) (i32.const 14))
       (i32.store (i32.const 1044) (i32.const 2200)) (i32.store (i32.const 1048) (i32.const 2))
       (i32.store (i32.const 2204) (i32.const 15))
       (i32.store (i32.const 1052) (i32.const 2208)) (i32.store (i32.const 1056) (i32.const 1))
       i32.const 1024"#,
);
/// Its text ends outside its memory.
pub(crate) const OUT_OF_BOUNDS: Wat<'_> = body("(i32.store (i32.const 1032) (i32.const -1)) i32.const 1024");
/// 40 MiB of text.
pub(crate) const HUGE_TEXT: Wat<'_> =
    body("(drop (memory.grow (i32.const 700))) (i32.store (i32.const 1032) (i32.const 41943040)) i32.const 1024");
/// Fails with its own error `unreachable("test_up")`.
pub(crate) const OWN_ERROR: Wat<'_> = body(
    r#"(i32.store8 (i32.const 1024) (i32.const 1)) (i32.store8 (i32.const 1028) (i32.const 2))
       (i32.store (i32.const 1032) (i32.const 2048)) (i32.store (i32.const 1036) (i32.const 7))
       i32.const 1024"#,
);
/// Reads `/proc/stat`, whose content becomes the batch's text; a refusal becomes its own error (both results have one layout).
pub(crate) const READS_STAT: Wat<'_> = Wat {
    imports: r#"(import "cepmon:plugin/files@0.1.0" "read" (func $read (param i32 i32 i32)))"#,
    body: "(call $read (i32.const 2100) (i32.const 10) (i32.const 1024)) i32.const 1024",
};
/// Reads `/etc/passwd` instead.
pub(crate) const READS_PASSWD: Wat<'_> =
    Wat { imports: READS_STAT.imports, body: "(call $read (i32.const 2110) (i32.const 11) (i32.const 1024)) i32.const 1024" };
/// Says its last words and crashes.
pub(crate) const LAST_WORDS: Wat<'_> = Wat {
    imports: r#"(import "cepmon:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#,
    body: "(call $log (i32.const 4) (i32.const 2048) (i32.const 7)) unreachable",
};
/// Counts its calls in its memory: the batch's text is as long as the number of calls.
pub(crate) const COUNTS_CALLS: Wat<'_> =
    body("(i32.store (i32.const 1032) (i32.add (i32.load (i32.const 1032)) (i32.const 1))) i32.const 1024");

/// A plugin's file.
pub(crate) fn plugin(manifest: &str, wat: Wat<'_>) -> Vec<u8> {
    wrap(&module(manifest, wat), manifest, Path::new("test.wasm")).unwrap()
}

/// The core module of a plugin of the manifest's kind.
pub(crate) fn module(manifest: &str, wat: Wat<'_>) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("plugin.wit", include_str!("../../../wit/plugin.wit")).unwrap();
    module_with(manifest, wat, &resolve, package, None)
}

/// The same for a world of some package, if it is not the contract's own.
pub(crate) fn module_with(
    manifest: &str,
    wat: Wat<'_>,
    resolve: &wit_parser::Resolve,
    package: wit_parser::PackageId,
    other_world: Option<&str>,
) -> Vec<u8> {
    let (world, function, parameters) = if manifest.contains("kind = \"probe\"") {
        ("probe", "probe-api@0.1.0#check", "i32 i32 i32 i32 i32 i32 i64")
    } else if manifest.contains("kind = \"log-parser\"") {
        ("log-parser", "log-parser-api@0.1.0#parse", "i32 i32 i32 i32 i32 i32 i32 i32 i32 i32")
    } else {
        ("exporter", "exporter-api@0.1.0#collect", "i32 i32 i32 i32 i32 i32 i64")
    };
    let Wat { imports, body } = wat;
    let text = format!(
        r#"(module
          {imports}
          (memory (export "memory") 2)
          (data (i32.const 2048) "test_up{{a=\"1\"}}")
          (data (i32.const 2100) "/proc/stat/etc/passwd")
          (global $heap (mut i32) (i32.const 8192))
          (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
            (local $place i32)
            (local.set $place (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                                       (i32.sub (i32.const 0) (local.get $align))))
            (global.set $heap (i32.add (local.get $place) (local.get $size)))
            local.get $place)
          (func (export "cepmon:plugin/{function}") (param {parameters}) (result i32)
            (global.set $heap (i32.const 8192))
            {body}))"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let world = resolve.select_world(&[package], Some(other_world.unwrap_or(world))).unwrap();
    wit_component::embed_component_metadata(&mut module, resolve, world, wit_component::StringEncoding::UTF8).unwrap();
    module
}

/// A host over a folder of its own.
pub(crate) struct TestHost {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) host: PluginHost,
}

/// A manifest of that name with more lines.
pub(crate) fn manifest(name: &str, more: &str) -> String {
    format!("{}{more}", MANIFEST.replace("\"test\"", &format!("\"{name}\"")))
}

/// Puts plugins into a folder, each with grants.
pub(crate) fn put(folder: &Path, plugins: &[(&str, Vec<u8>, Grants)]) {
    let path = folder.join(OPERATOR_LOCK);
    let mut lock = LockFile::read(&path).unwrap();
    for (name, bytes, grants) in plugins {
        let file = folder.join(format!("{name}.wasm"));
        std::fs::write(&file, bytes).unwrap();
        if let Ok(package) = inspect_bytes(&file, bytes.clone().into()) {
            lock.put(LockEntry::of(&package, grants.clone(), None));
        }
    }
    lock.write(&path, OPERATOR_HEADER).unwrap();
}

impl TestHost {
    pub(crate) fn new(plugins: &[(&str, Vec<u8>, Grants)]) -> Self {
        Self::with_limits(plugins, Limits { cpu: Duration::from_millis(200), ..Limits::default() })
    }

    pub(crate) fn with_limits(plugins: &[(&str, Vec<u8>, Grants)], limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plugins_dir = folder.path().join("plugins");
        std::fs::create_dir(&plugins_dir).unwrap();
        put(&plugins_dir, plugins);
        let options = Self::options_in(folder.path(), limits);
        let host = PluginHost::open(options).unwrap();
        Self { folder, host }
    }

    /// Options of a host in a folder.
    pub(crate) fn options_in(folder: &Path, limits: Limits) -> Options {
        Options {
            plugins_dir: folder.join("plugins"),
            bundled_dir: Some(folder.join("bundled")),
            cache_dir: folder.join("cache"),
            compiler: None,
            host_name: "test-host".to_owned(),
            external_labels: Vec::new(),
            limits,
            overrides: BTreeMap::new(),
            state: Arc::new(MemoryStore::default()),
        }
    }

    pub(crate) fn plugins_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("plugins")
    }
}

/// A target.
pub(crate) fn target(address: &str) -> TargetSpec {
    TargetSpec { address: address.to_owned(), parameters: Vec::new(), settings: Arc::from("{}"), is_static: true, http: None }
}

/// Files that may be read.
pub(crate) fn files(globs: &[&str]) -> Grants {
    [(Capability::Files, globs.iter().map(|&glob| glob.to_owned()).collect())].into_iter().collect()
}

/// Grants by words of the command line, whatever any manifest asks for.
pub(crate) fn grants(words: &[&str]) -> Grants {
    let permission = |word: &&str| {
        let (capability, word) = word.split_once(':').unwrap();
        (Capability::parse(capability).unwrap(), BTreeSet::from([word.to_owned()]))
    };
    words.iter().map(permission).collect()
}

/// Keeps values in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore(Mutex<BTreeMap<(String, String), Vec<u8>>>);

impl StateStore for MemoryStore {
    fn load(&self, plugin: &str) -> BTreeMap<String, Vec<u8>> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|((owner, _), _)| owner == plugin).map(|((_, key), value)| (key.clone(), value.clone())).collect()
    }

    fn put(&self, plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let (mut all, key) = (self.0.lock().unwrap(), (plugin.to_owned(), key.to_owned()));
        match value {
            Some(value) => drop(all.insert(key, value.to_vec())),
            None => drop(all.remove(&key)),
        }
        Ok(())
    }
}

/// A guest without an instance, to call host functions as a guest would: its call is about `address`.
pub(crate) fn guest(grants: &Grants, address: &str, is_static: bool) -> Guest {
    make_guest(grants, "test", TargetAddress::parse(address, is_static), Arc::new(MemoryStore::default()))
}

/// The same for a plugin of that name over a store that is there already.
pub(crate) fn guest_with(grants: &Grants, plugin: &str, state: Arc<dyn StateStore>) -> Guest {
    make_guest(grants, plugin, None, state)
}

fn make_guest(grants: &Grants, plugin: &str, target: Option<TargetAddress>, state: Arc<dyn StateStore>) -> Guest {
    let limits = Limits::default();
    let shared = Shared {
        host_name: "test-host".to_owned(),
        external_labels: Vec::new(),
        total_memory: Arc::new(TotalMemory::new(limits.total_memory_bytes)),
        tokens: crate::credentials::Tokens::default(),
        started: Instant::now(),
        stuck: Default::default(),
        state,
        secrets: Default::default(),
    };
    let context = PluginContext {
        name: plugin.to_owned(),
        limits: limits.of(&Manifest::parse(MANIFEST.as_bytes(), "test.wasm").unwrap(), &LimitOverrides::default()),
        access: Access::new(grants),
        uses: Default::default(),
        http: HttpClient::default(),
        state: Default::default(),
        counters: Default::default(),
        memory: Arc::new(shared.total_memory.share()),
        shared: Arc::new(shared),
        is_foreign: false,
    };
    let engine = crate::engine::open(None, &limits).unwrap();
    let call = Call::new(target, Instant::now() + Duration::from_secs(20), &context.limits);
    Guest::new(&engine, &Arc::new(context), call, 1)
}

/// The server's side of TLS for `localhost`; the certificates are the tests' own, valid from 2020 to 2120.
pub(crate) fn tls_acceptor() -> tokio_rustls::TlsAcceptor {
    acceptor(rustls::server::WebPkiClientVerifier::no_client_auth())
}

/// The same, but a client has to show a certificate of the authority of clients.
pub(crate) fn tls_acceptor_for_clients() -> tokio_rustls::TlsAcceptor {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(include_bytes!("capability/tcp/tests/client-authority.pem")).unwrap()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    acceptor(verifier.build().unwrap())
}

fn acceptor(clients: Arc<dyn rustls::server::danger::ClientCertVerifier>) -> tokio_rustls::TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(include_bytes!("capability/http/tests/localhost.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("capability/http/tests/localhost.key.pem")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_client_cert_verifier(clients).with_single_cert(chain, key).unwrap()).into()
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A minisign key pair.
pub(crate) struct Signer(minisign::KeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(minisign::KeyPair::generate_unencrypted_keypair().unwrap())
    }

    /// Its public key, as `plugins.trusted_keys` takes it.
    pub(crate) fn public_key(&self) -> String {
        self.0.pk.to_base64()
    }

    /// A signature, as `minisign -S` writes it.
    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        minisign::sign(None, &self.0.sk, bytes, Some("trusted comment"), Some("signature")).unwrap().into_string()
    }
}
