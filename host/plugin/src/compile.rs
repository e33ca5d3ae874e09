//! Compiling what nobody has vouched for. A small file can take minutes and gigabytes to compile, and a compilation cannot be stopped
//! from within; so a file that was never compiled here is first compiled by a process of its own, with bounds on CPU, memory and time,
//! which leaves its work in the shared cache. Nothing of the plugin runs there.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::Error;
use crate::error::joined;
use crate::lock::write_aside;
use crate::package::Package;

/// CPU time of the process. CPython, 18 MB, takes 8 s, in a debug build 25; code for which the compiler is quadratic
/// takes hours.
const CPU: Duration = Duration::from_secs(120);
/// Memory of the process. CPython takes 0.4 GiB.
const MEMORY_BYTES: u64 = 2 << 30;
/// Its wall time, for machines that are busy or slow.
const WALL: Duration = Duration::from_secs(180);

/// The process's side: compiles a component into the cache of `cache_dir`, within bounds. It ends by a signal where they are reached.
pub fn compile_for_cache(cache_dir: &Path, component: &[u8]) -> Result<(), Error> {
    let fail = |problem: String| Error::Engine { problem };
    for (resource, bound) in [(Resource::Cpu, CPU.as_secs()), (Resource::Data, MEMORY_BYTES), (Resource::Core, 0)] {
        let limit = Rlimit { current: Some(bound), maximum: Some(bound) };
        setrlimit(resource, limit).map_err(|error| fail(format!("cannot bound the compilation: {error}")))?;
    }
    let engine = crate::engine::open_to_compile(cache_dir)?;
    Component::new(&engine, component).map(drop).map_err(|error| fail(joined(&error)))
}

/// The host's side: has processes compile.
#[derive(Debug)]
pub(crate) struct Aside<'a> {
    /// This very executable, which knows the command `plugin compile`.
    pub(crate) program: &'a Path,
    pub(crate) cache_dir: &'a Path,
    pub(crate) engine: &'a Engine,
}

impl Aside<'_> {
    /// Has a package compiled, unless it was before. What was too much once is refused at once from then on: a start of the server must
    /// not wait for it again.
    pub(crate) fn compile(&self, package: &Package) -> Result<(), Error> {
        self.compile_within(package, WALL)
    }

    fn compile_within(&self, package: &Package, wall: Duration) -> Result<(), Error> {
        let fail = |problem: String| Error::Compile { plugin: package.manifest.name.clone(), problem };
        let verdict = self.verdict(package);
        match std::fs::read_to_string(&verdict) {
            Ok(problem) if problem.is_empty() => return Ok(()),
            Ok(problem) => return Err(fail(format!("{problem}; to try once more, remove {}", verdict.display()))),
            Err(_) => {}
        }
        let mut command = Command::new(self.program);
        command.args(["plugin", "compile", "--cache-dir"]).arg(self.cache_dir);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).env_clear();
        let mut child = command.spawn().map_err(|error| fail(format!("cannot start {}: {error}", self.program.display())))?;
        let deadline = Instant::now() + wall;
        if let Some(mut input) = child.stdin.take() {
            // One that ends before it has read everything says why by its status.
            input.write_all(&package.bytes).ok();
        }
        match wait(&mut child, deadline) {
            Ok(Some(status)) if status.success() => {
                keep(&verdict, "");
                Ok(())
            }
            Ok(Some(status)) if status.signal().is_some() => {
                let (cpu, memory) = (CPU.as_secs(), MEMORY_BYTES >> 30);
                let problem = format!("it takes more than {cpu} s of CPU time or {memory} GiB of memory to compile");
                keep(&verdict, &problem);
                Err(fail(problem))
            }
            Ok(Some(status)) => Err(fail(last_words(&mut child, status))),
            Ok(None) => Err(fail(format!("it takes longer than {} s to compile", wall.as_secs_f64()))),
            Err(error) => Err(fail(format!("cannot wait for {}: {error}", self.program.display()))),
        }
    }

    /// A file that is there when this engine has compiled the package before: empty, or why it cannot be. The cache may forget the code;
    /// that it can be compiled stays true.
    fn verdict(&self, package: &Package) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        self.engine.precompile_compatibility_hash().hash(&mut hasher);
        let digest = package.digest.to_string().replace(':', "-");
        self.cache_dir.join("verdicts").join(format!("{digest}-{:016x}", hasher.finish()))
    }
}

/// Keeps a verdict. Without it the file is compiled aside again at the next start, which is no reason to refuse it now.
fn keep(verdict: &Path, text: &str) {
    if let Err(error) = write_aside(verdict, text.as_bytes()) {
        tracing::warn!("cannot remember that a plugin was compiled: {error}");
    }
}

/// Why a process that was not killed gave up.
fn last_words(child: &mut Child, status: ExitStatus) -> String {
    let mut said = String::new();
    if let Some(mut errors) = child.stderr.take() {
        // What it said is a help, not a must.
        std::io::Read::read_to_string(&mut errors, &mut said).ok();
    }
    let said = crate::capability::log::clipped(said.trim(), 1_000);
    if said.is_empty() { format!("the compiler ended with {status}") } else { said }
}

/// How a process ended; killed, and none, when the deadline passes first.
fn wait(child: &mut Child, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::limits::Limits;
    use crate::package::inspect_bytes;
    use crate::testing::{EMPTY_BATCH, MANIFEST, plugin};

    const LONG: Duration = Duration::from_secs(60);

    struct Fixture {
        folder: tempfile::TempDir,
        engine: Engine,
        package: Package,
    }

    fn fixture() -> Fixture {
        let package = inspect_bytes(Path::new("test.wasm"), plugin(MANIFEST, EMPTY_BATCH).into()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Fixture { folder, engine: crate::engine::open(None, &Limits::default()).unwrap(), package }
    }

    impl Fixture {
        /// A program in the place of this one.
        fn compile_with(&self, script: &str, wall: Duration) -> Result<(), Error> {
            let program = self.folder.path().join("program");
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
            self.aside(&program).compile_within(&self.package, wall)
        }

        fn aside<'a>(&'a self, program: &'a Path) -> Aside<'a> {
            Aside { program, cache_dir: self.folder.path(), engine: &self.engine }
        }
    }

    #[test]
    fn a_file_is_compiled_aside_once() {
        let fixture = fixture();
        let ran = fixture.folder.path().join("ran");
        let count = format!("/bin/cat > {0}.input; echo run >> {0}", ran.display());
        let runs = || std::fs::read_to_string(&ran).unwrap().lines().count();
        let refused = fixture.compile_with(&format!("{count}; echo 'cepmon: no such thing' >&2; exit 3"), LONG).unwrap_err().to_string();
        assert_eq!(refused, "cannot compile plugin \"test\": cepmon: no such thing");
        fixture.compile_with(&count, LONG).unwrap();
        let input = std::fs::read(ran.with_extension("input")).unwrap();
        assert_eq!(input, &*fixture.package.bytes, "it is given the bytes that were inspected");
        fixture.compile_with(&count, LONG).unwrap();
        assert_eq!(runs(), 2, "what was compiled once is not compiled again");
    }

    #[test]
    fn what_was_too_much_once_is_refused_at_once() {
        let fixture = fixture();
        let killed = fixture.compile_with("kill -9 $$", LONG).unwrap_err().to_string();
        assert_eq!(killed, "cannot compile plugin \"test\": it takes more than 120 s of CPU time or 2 GiB of memory to compile");
        let again = fixture.compile_with("exit 0", LONG).unwrap_err().to_string();
        let (_, verdict) = again.split_once("; to try once more, remove ").unwrap();
        std::fs::remove_file(verdict).unwrap();
        fixture.compile_with("exit 0", LONG).unwrap();
    }

    #[test]
    fn a_compilation_without_end_is_ended() {
        let fixture = fixture();
        let late = fixture.compile_with("exec /bin/sleep 1000", Duration::from_millis(50)).unwrap_err().to_string();
        assert_eq!(late, "cannot compile plugin \"test\": it takes longer than 0.05 s to compile");
        let missing = fixture.aside(Path::new("/no/such/program")).compile(&fixture.package).unwrap_err();
        assert!(missing.to_string().contains("cannot start /no/such/program"), "{missing}");
        fixture.compile_with("exit 0", LONG).unwrap();
    }
}
