//! This host's name: the label `instance` of jobs that look at the host itself.

/// The name that the kernel knows, `localhost` if it is empty.
pub(crate) fn host_name() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    if name.is_empty() { "localhost".to_owned() } else { name.into_owned() }
}
