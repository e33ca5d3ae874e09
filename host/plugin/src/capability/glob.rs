//! Globs of granted paths: `*` within a segment, `**` across segments. Pure text; what a path leads to on disk is checked in
//! `beneath.rs`.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Compiled globs of one capability.
#[derive(Debug, Clone)]
pub(crate) struct PathGrant {
    paths: GlobSet,
    /// Folders on the way to a wildcard: their names may be listed, for else nobody could find what `/sys/class/hwmon/*/name` means.
    listings: GlobSet,
}

impl PathGrant {
    /// Compiles globs that [`check_pattern`] has accepted; others are left out.
    pub(crate) fn new<'a>(patterns: impl Iterator<Item = &'a str>) -> Self {
        let (mut paths, mut listings) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns.filter(|pattern| check_pattern(pattern).is_ok()) {
            paths.add(glob(pattern));
            // `/a/**` means the folder itself too.
            if let Some(folder) = pattern.strip_suffix("/**") {
                paths.add(glob(if folder.is_empty() { "/" } else { folder }));
            }
            for (at, _) in pattern.match_indices('/') {
                let segment = pattern[at + 1..].split('/').next().unwrap_or_default();
                if segment.contains('*') {
                    listings.add(glob(if at == 0 { "/" } else { &pattern[..at] }));
                }
            }
        }
        Self { paths: paths.build().unwrap_or_default(), listings: listings.build().unwrap_or_default() }
    }

    /// Whether a file of that normal path may be read.
    pub(crate) fn allows(&self, path: &str) -> bool {
        !is_always_refused(path) && self.paths.is_match(path)
    }

    /// Whether the names in a folder of that normal path may be listed.
    pub(crate) fn allows_listing(&self, path: &str) -> bool {
        !is_always_refused(path) && (self.paths.is_match(path) || self.listings.is_match(path))
    }
}

/// Whether a text is a glob that can be granted.
pub(crate) fn check_pattern(pattern: &str) -> Result<(), &'static str> {
    if !pattern.starts_with('/') {
        return Err("expected an absolute path");
    }
    if pattern.contains(['?', '[', ']', '{', '}', '\\', '\0']) {
        return Err("only * and ** are wildcards; ? [ ] { } \\ cannot be used");
    }
    if pattern.split('/').any(|segment| segment.contains("**") && segment != "**") {
        return Err("** has to be a whole segment, as in /sys/block/**");
    }
    if normal_path(pattern).as_deref() != Some(pattern) {
        return Err("expected a path without empty segments, \".\" and \"..\"");
    }
    Ok(())
}

/// An absolute path without empty and `.` segments; none if it is relative, climbs with `..` or holds a NUL.
pub(crate) fn normal_path(path: &str) -> Option<String> {
    if !path.starts_with('/') || path.contains('\0') || path.len() > 4096 {
        return None;
    }
    let mut normal = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
        if segment == ".." {
            return None;
        }
        normal.push('/');
        normal.push_str(segment);
    }
    Some(if normal.is_empty() { "/".to_owned() } else { normal })
}

/// Files that no grant opens: what a process keeps secret, and links that lead out of every grant.
pub(crate) fn is_always_refused(path: &str) -> bool {
    const PER_PROCESS: [&str; 10] = ["environ", "mem", "root", "cwd", "fd", "fdinfo", "maps", "map_files", "smaps", "exe"];
    const WHOLE: [&str; 4] = ["kcore", "kmem", "kmsg", "sysrq-trigger"];
    let Some(rest) = path.strip_prefix("/proc/") else { return false };
    let segments: Vec<&str> = rest.split('/').collect();
    let own = |segment: &str| segment == "self" || segment == "thread-self" || segment.bytes().all(|byte| byte.is_ascii_digit());
    match segments.as_slice() {
        [first, ..] if WHOLE.contains(first) => true,
        [process, "task", _, name, ..] if own(process) => PER_PROCESS.contains(name),
        [process, name, ..] if own(process) => PER_PROCESS.contains(name),
        _ => false,
    }
}

pub(crate) fn glob(pattern: &str) -> globset::Glob {
    GlobBuilder::new(pattern).literal_separator(true).backslash_escape(false).build().expect("BUG: a checked pattern is not a glob")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(patterns: &[&str]) -> PathGrant {
        PathGrant::new(patterns.iter().copied())
    }

    #[test]
    fn globs_cover_what_they_say() {
        let grant = grant(&["/proc/stat", "/proc/net/dev", "/sys/block/**", "/sys/class/hwmon/*/name"]);
        for path in ["/proc/stat", "/sys/block", "/sys/block/sda", "/sys/block/sda/queue/rotational", "/sys/class/hwmon/hwmon0/name"] {
            assert!(grant.allows(path), "{path}");
        }
        for path in ["/proc", "/proc/stat/x", "/proc/status", "/sys/class/hwmon/a/b/name", "/sys/class/hwmon/hwmon0", "/etc/passwd", "/"] {
            assert!(!grant.allows(path), "{path}");
        }
        assert!(grant.allows_listing("/sys/class/hwmon") && grant.allows_listing("/sys/block/sda"));
        assert!(!grant.allows_listing("/sys/class") && !grant.allows_listing("/proc/net"));
    }

    #[test]
    fn a_process_keeps_its_secrets_whatever_is_granted() {
        let grant = grant(&["/**"]);
        for path in [
            "/proc/1/environ",
            "/proc/self/mem",
            "/proc/1/root/etc/shadow",
            "/proc/1/task/2/cwd",
            "/proc/7/fd/3",
            "/proc/1/maps",
            "/proc/kcore",
        ] {
            assert!(!grant.allows(path) && !grant.allows_listing(path), "{path}");
        }
        for path in ["/proc/1/mountinfo", "/proc/self/mounts", "/proc/meminfo", "/proc/sys/fs/file-max", "/"] {
            assert!(grant.allows(path), "{path}");
        }
    }

    #[test]
    fn paths_are_made_normal_and_never_climb() {
        let check = |path: &str, want: Option<&str>| assert_eq!(normal_path(path).as_deref(), want, "{path}");
        check("/proc//./stat/", Some("/proc/stat"));
        check("/", Some("/"));
        check("proc/stat", None);
        check("/proc/../etc/passwd", None);
        check("/a\0b", None);
    }

    #[test]
    fn patterns_are_checked() {
        assert!(check_pattern("/a/*/b*/**").is_ok());
        for bad in ["a", "/a/**b", "/a/{b,c}", "/a/../b", "/a//b", "/a/"] {
            assert!(check_pattern(bad).is_err(), "{bad}");
        }
    }
}
