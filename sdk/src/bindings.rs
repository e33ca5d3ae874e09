//! What wit-bindgen makes of `wit/plugin.wit`: the imports and records once, the export of each world beside them.
//! Nothing is written by hand here, and nothing outside this crate names these modules except the macros of `export.rs`.
//!
//! `pub_export_macro` keeps the worlds apart: the component type of a world is only linked into the plugin that exports it, and
//! imports that a plugin never calls are dropped when the component is made.
#![allow(missing_docs, unsafe_code, unreachable_pub, missing_debug_implementations, reason = "generated")]
#![allow(clippy::allow_attributes_without_reason, clippy::let_underscore_must_use, reason = "generated")]

pub mod exporter {
    wit_bindgen::generate!({
        path: "../wit",
        world: "exporter",
        pub_export_macro: true,
        export_macro_name: "export_exporter",
        runtime_path: "::cepmon_sdk::bindings::rt",
        additional_derives: [PartialEq],
    });
}

pub mod probe {
    wit_bindgen::generate!({
        path: "../wit",
        world: "probe",
        pub_export_macro: true,
        export_macro_name: "export_probe",
        runtime_path: "::cepmon_sdk::bindings::rt",
        with: {
            "cepmon:plugin/types@0.1.0": super::exporter::cepmon::plugin::types,
            "cepmon:plugin/log@0.1.0": super::exporter::cepmon::plugin::log,
            "cepmon:plugin/config@0.1.0": super::exporter::cepmon::plugin::config,
            "cepmon:plugin/clock@0.1.0": super::exporter::cepmon::plugin::clock,
            "cepmon:plugin/files@0.1.0": super::exporter::cepmon::plugin::files,
            "cepmon:plugin/statfs@0.1.0": super::exporter::cepmon::plugin::statfs,
            "cepmon:plugin/http@0.1.0": super::exporter::cepmon::plugin::http,
            "cepmon:plugin/tcp@0.1.0": super::exporter::cepmon::plugin::tcp,
            "cepmon:plugin/udp@0.1.0": super::exporter::cepmon::plugin::udp,
            "cepmon:plugin/dns@0.1.0": super::exporter::cepmon::plugin::dns,
            "cepmon:plugin/icmp@0.1.0": super::exporter::cepmon::plugin::icmp,
            "cepmon:plugin/unix-http@0.1.0": super::exporter::cepmon::plugin::unix_http,
            "cepmon:plugin/state@0.1.0": super::exporter::cepmon::plugin::state,
            "cepmon:plugin/secrets@0.1.0": super::exporter::cepmon::plugin::secrets,
        },
    });
}

pub mod log_parser {
    wit_bindgen::generate!({
        path: "../wit",
        world: "log-parser",
        pub_export_macro: true,
        export_macro_name: "export_log_parser",
        runtime_path: "::cepmon_sdk::bindings::rt",
        with: {
            "cepmon:plugin/types@0.1.0": super::exporter::cepmon::plugin::types,
            "cepmon:plugin/log@0.1.0": super::exporter::cepmon::plugin::log,
            "cepmon:plugin/config@0.1.0": super::exporter::cepmon::plugin::config,
            "cepmon:plugin/clock@0.1.0": super::exporter::cepmon::plugin::clock,
        },
    });
}

pub use exporter::cepmon::plugin::{clock, config, dns, files, http, icmp, log, secrets, state, statfs, tcp, types, udp, unix_http};
pub use wit_bindgen::rt;
