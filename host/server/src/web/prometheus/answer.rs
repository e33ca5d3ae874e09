//! The envelope of an answer that succeeded: `{"status": "success", "data": …, "warnings": […], "infos": […]}`.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What is said beside the data.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The data may be worth less than it looks.
    pub(super) warnings: Vec<String>,
    /// Something to know.
    pub(super) infos: Vec<String>,
}

impl Notes {
    /// The note for an answer of which `limit` left something out.
    pub(super) fn truncated() -> Self {
        Self { warnings: vec!["results truncated due to limit".to_owned()], infos: Vec::new() }
    }
}

/// An answer with this data.
pub(super) fn success(data: &impl Serialize) -> Response {
    noted_success(data, &Notes::default())
}

/// An answer with this data and notes.
pub(super) fn noted_success(data: &impl Serialize, notes: &Notes) -> Response {
    into_response(envelope(|out| serde_json::to_writer(out, data).expect("BUG: a Vec takes every byte, and keys are texts"), notes))
}

/// The body of an answer whose data is written by a function.
pub(super) fn envelope(push_data: impl FnOnce(&mut Vec<u8>), notes: &Notes) -> Vec<u8> {
    let mut out = Vec::new();
    push_envelope(&mut out, push_data, notes);
    out
}

/// [`envelope`] into a buffer, of which `push_data` may take what is there.
pub(super) fn push_envelope(out: &mut Vec<u8>, push_data: impl FnOnce(&mut Vec<u8>), notes: &Notes) {
    out.extend_from_slice(b"{\"status\":\"success\",\"data\":");
    push_data(out);
    for (key, texts) in [("warnings", &notes.warnings), ("infos", &notes.infos)] {
        if !texts.is_empty() {
            out.extend_from_slice(format!(",\"{key}\":").as_bytes());
            serde_json::to_writer(&mut *out, texts).expect("BUG: a Vec takes every byte");
        }
    }
    out.push(b'}');
}

/// A finished body as an answer.
pub(super) fn into_response(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_follow_the_data() {
        let data = |out: &mut Vec<u8>| out.extend_from_slice(b"[]");
        let text = |notes: &Notes| String::from_utf8(envelope(data, notes)).unwrap();
        assert_eq!(text(&Notes::default()), r#"{"status":"success","data":[]}"#);
        let notes = Notes { warnings: vec!["a \"b\"".to_owned()], infos: vec!["c".to_owned()] };
        assert_eq!(text(&notes), r#"{"status":"success","data":[],"warnings":["a \"b\""],"infos":["c"]}"#);
    }
}
