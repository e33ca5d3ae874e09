//! Which form of an answer the client asks for with `Accept`. It knows media types only, no encoder.

/// The forms a result of SQL can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultForm {
    /// `{"columns": […], "rows": [[…]]}`; also for a client that says nothing.
    Json,
    /// RFC 4180 with a header line.
    Csv,
    /// Aligned columns for a terminal: `curl -H 'Accept: text/plain'`, and `cepmon sql -o table`.
    Table,
    /// Arrow's stream format.
    Arrow,
    /// One Parquet file.
    Parquet,
}

impl ResultForm {
    const ALL: [Self; 5] = [Self::Json, Self::Csv, Self::Table, Self::Arrow, Self::Parquet];

    /// The value of `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Table => "text/plain; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// The same without parameters, for `Accept`.
    pub(crate) fn media_type(self) -> &'static str {
        self.content_type().split(';').next().expect("BUG: split gives at least one part")
    }

    fn is_in(self, range: &str) -> bool {
        let (major, _) = self.media_type().split_once('/').expect("BUG: media types have a slash");
        range == "*/*" || range == self.media_type() || range.strip_suffix("/*") == Some(major)
    }
}

/// The best form of an `Accept` header (RFC 9110, section 12.5.1): the highest `q`, the first of equals; `None` when the client
/// accepts none of ours. A weight that is no number counts as 1.
pub(crate) fn choose_form(accept: Option<&str>) -> Option<ResultForm> {
    let Some(accept) = accept.filter(|text| !text.trim().is_empty()) else { return Some(ResultForm::Json) };
    let mut best: Option<(ResultForm, f32)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |weight| weight.trim().parse().unwrap_or(1.0));
        let Some(form) = ResultForm::ALL.into_iter().find(|form| form.is_in(&name)) else { continue };
        if quality > 0.0 && best.is_none_or(|(_, best_quality)| quality > best_quality) {
            best = Some((form, quality));
        }
    }
    best.map(|(form, _)| form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_the_accept_header() {
        let chosen = |accept: &str| choose_form(Some(accept));
        assert_eq!(choose_form(None), Some(ResultForm::Json));
        assert_eq!(chosen(""), Some(ResultForm::Json));
        assert_eq!(chosen("*/*"), Some(ResultForm::Json));
        assert_eq!(chosen("application/json"), Some(ResultForm::Json));
        assert_eq!(chosen("text/csv"), Some(ResultForm::Csv));
        assert_eq!(chosen("TEXT/CSV; header=present"), Some(ResultForm::Csv));
        assert_eq!(chosen("text/*"), Some(ResultForm::Csv));
        assert_eq!(chosen("text/plain"), Some(ResultForm::Table));
        assert_eq!(chosen("application/vnd.apache.parquet"), Some(ResultForm::Parquet));
        assert_eq!(chosen("application/vnd.apache.arrow.stream"), Some(ResultForm::Arrow));
    }

    #[test]
    fn the_highest_weight_wins_and_a_zero_refuses() {
        assert_eq!(choose_form(Some("application/json;q=0.5, text/csv")), Some(ResultForm::Csv));
        assert_eq!(choose_form(Some("text/csv;q=0, application/json;q=0.1")), Some(ResultForm::Json));
        assert_eq!(choose_form(Some("image/png")), None);
        assert_eq!(choose_form(Some("text/csv;q=0")), None);
    }
}
