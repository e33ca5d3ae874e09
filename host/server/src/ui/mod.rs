//! The pages: plain HTML, CSS and JavaScript, embedded in the binary, without a build step and without anything from elsewhere. This file
//! only lists the assets. The page at `/` gets its data from `/api/v1/cepmon/state` and `/api/v1/sql`, the pages at Prometheus's paths
//! from Prometheus's API. All addresses in them are relative, for servers with a route prefix.

/// A file of the page.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Where it is served.
    pub(crate) path: &'static str,
    /// The value of `Content-Type`.
    pub(crate) content_type: &'static str,
    /// What is in it.
    pub(crate) text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const INDEX: &str = concat!(include_str!("head.html"), include_str!("index.html"));
const PAGE: &str = concat!(include_str!("head.html"), include_str!("pages.html"));

/// All files of the page.
pub(crate) const ASSETS: [Asset; 27] = [
    Asset { path: "/", content_type: HTML, text: INDEX },
    Asset { path: "/ui/style.css", content_type: CSS, text: include_str!("style.css") },
    Asset { path: "/ui/icon.svg", content_type: "image/svg+xml", text: include_str!("icon.svg") },
    Asset { path: "/ui/app.js", content_type: SCRIPT, text: include_str!("app.js") },
    Asset { path: "/ui/dom.js", content_type: SCRIPT, text: include_str!("dom.js") },
    Asset { path: "/ui/words.js", content_type: SCRIPT, text: include_str!("words.js") },
    Asset { path: "/ui/targets.js", content_type: SCRIPT, text: include_str!("targets.js") },
    Asset { path: "/ui/plugins.js", content_type: SCRIPT, text: include_str!("plugins.js") },
    Asset { path: "/ui/sql.js", content_type: SCRIPT, text: include_str!("sql.js") },
    pages("/graph"),
    pages("/query"),
    pages("/alerts"),
    pages("/rules"),
    pages("/targets"),
    pages("/service-discovery"),
    pages("/status"),
    pages("/tsdb-status"),
    pages("/config"),
    pages("/flags"),
    Asset { path: "/ui/pages.css", content_type: CSS, text: include_str!("pages.css") },
    Asset { path: "/ui/pages.js", content_type: SCRIPT, text: include_str!("pages.js") },
    Asset { path: "/ui/api.js", content_type: SCRIPT, text: include_str!("api.js") },
    Asset { path: "/ui/graph.js", content_type: SCRIPT, text: include_str!("graph.js") },
    Asset { path: "/ui/chart.js", content_type: SCRIPT, text: include_str!("chart.js") },
    Asset { path: "/ui/rules.js", content_type: SCRIPT, text: include_str!("rules.js") },
    Asset { path: "/ui/pools.js", content_type: SCRIPT, text: include_str!("pools.js") },
    Asset { path: "/ui/status.js", content_type: SCRIPT, text: include_str!("status.js") },
];

/// A page of Prometheus: the same frame everywhere, which the script fills by its path.
const fn pages(path: &'static str) -> Asset {
    Asset { path, content_type: HTML, text: PAGE }
}

/// What the browser may do on the page's behalf: load these files and talk to this server; no inline script, no frame around it,
/// no form to elsewhere. A metric name or label that slipped past the escaping could still do nothing.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_only_files_that_are_served_here() {
        for asset in &ASSETS {
            for attribute in ["src=\"", "href=\"", " from \"", "url("] {
                for reference in asset.text.split(attribute).skip(1) {
                    let reference = reference.split(['"', ')']).next().unwrap();
                    // Relative, so that the pages work behind a prefix: modules lie in ui/, pages above it.
                    let path = match reference.strip_prefix("./") {
                        Some(module) => format!("/ui/{module}"),
                        None if reference.starts_with('#') => continue,
                        None => format!("/{}", reference.trim_start_matches('.')),
                    };
                    assert!(!reference.starts_with('/'), "{}: {reference}", asset.path);
                    let is_asset = ASSETS.iter().any(|other| other.path == path);
                    assert!(is_asset || path.starts_with("/metrics") || path.starts_with("/api/"), "{}: {reference}", asset.path);
                }
            }
        }
    }

    #[test]
    fn no_script_makes_markup_of_text_and_no_markup_holds_script() {
        for asset in &ASSETS {
            for forbidden in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
                " style=\"",
                " onclick=",
                "javascript:",
            ] {
                assert!(!asset.text.contains(forbidden), "{} holds {forbidden}", asset.path);
            }
        }
        assert_eq!(ASSETS[0].text.matches("<script").count(), ASSETS[0].text.matches("<script type=\"module\" src=\"ui/").count());
    }
}
