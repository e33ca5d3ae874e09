//! What a request asks for: parameters of a form in the body and of the URL, and times and durations in their notation
//! (`parseTime` and `parseDuration` of `web/api/v1/api.go`, 2.48).

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use cepmon_model::{TimestampMs, parse_duration};

use super::ApiError;

/// The longest form. A query of this length would take a person a year to type; Grafana sends a few KiB.
const MAX_FORM_BYTES: usize = 1 << 20;

/// The largest number of seconds that counts as a time, forwards and backwards: clients send such numbers for "ever" (promtool does).
const LARGEST_SECONDS: f64 = 9.3e15;

/// Parameters in order, those of the form first. A name may come more than once.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl<S: Sync> FromRequest<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let url_pairs = pairs(request.uri().query().unwrap_or_default().as_bytes());
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            return Ok(Self(url_pairs));
        }
        let problem =
            |error| ApiError::BadData(format!("cannot read the form in the body, which may have {MAX_FORM_BYTES} bytes: {error}"));
        let body = to_bytes(request.into_body(), MAX_FORM_BYTES).await.map_err(problem)?;
        let mut all = pairs(&body);
        all.extend(url_pairs);
        Ok(Self(all))
    }
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}

impl Parameters {
    /// From names and values.
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The first value of a name, none if it is empty or not there: for Prometheus both are the same.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|(given, _)| given == name);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// A time that may be left out.
    pub(super) fn time(&self, name: &str) -> Result<Option<TimestampMs>, ApiError> {
        let read = |text: &str| read_time(text).ok_or_else(|| format!("Invalid time value for '{name}': {}", no_time(text)));
        self.get(name).map(read).transpose().map_err(|problem| ApiError::parameter(name, problem))
    }

    /// A time that must be there.
    pub(super) fn needed_time(&self, name: &str) -> Result<TimestampMs, ApiError> {
        let text = self.get(name).unwrap_or_default();
        read_time(text).ok_or_else(|| ApiError::parameter(name, no_time(text)))
    }

    /// A duration that may be left out.
    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, ApiError> {
        let text = self.get(name);
        let read = |text: &str| {
            let seconds = duration_ms(name, text)?;
            u64::try_from(seconds).map(Duration::from_millis).map_err(|_| ApiError::parameter(name, "a duration must not be negative"))
        };
        text.map(read).transpose()
    }

    /// The step of a range query, in milliseconds.
    pub(super) fn step_ms(&self) -> Result<i64, ApiError> {
        let step = duration_ms("step", self.get("step").unwrap_or_default())?;
        let problem = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        if step <= 0 { Err(ApiError::parameter("step", problem)) } else { Ok(step) }
    }

    /// How many results are wanted; none for all of them, which 0 means too.
    pub(super) fn limit(&self) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(None) };
        match text.parse::<usize>() {
            Ok(limit) => Ok(Some(limit).filter(|limit| *limit > 0)),
            Err(_) => Err(ApiError::parameter("limit", format!("cannot parse {text:?} to a number of results"))),
        }
    }
}

fn no_time(text: &str) -> String {
    format!("cannot parse {text:?} to a valid timestamp")
}

/// Unix seconds with any fraction, or RFC 3339.
fn read_time(text: &str) -> Option<TimestampMs> {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.abs() < LARGEST_SECONDS).then(|| (seconds * 1000.0).round() as TimestampMs);
    }
    match text {
        // The oldest and the youngest time that Prometheus itself can print.
        "-292273086-05-16T16:47:06Z" => return Some(TimestampMs::MIN / 1000),
        "+292277025-08-18T07:12:54.999999999Z" => return Some(TimestampMs::MAX / 1000),
        _ => {}
    }
    // The library takes more than RFC 3339: a blank for the T, a zone in brackets, an offset of hours only.
    let has_offset = text.ends_with('Z') || text.len() > 6 && matches!(text.as_bytes()[text.len() - 6], b'+' | b'-');
    let is_rfc3339 = text.as_bytes().get(10) == Some(&b'T') && has_offset;
    is_rfc3339.then(|| text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond())).flatten()
}

/// Seconds with any fraction, or `1h30m`; in milliseconds.
fn duration_ms(name: &str, text: &str) -> Result<i64, ApiError> {
    let problem = || ApiError::parameter(name, format!("cannot parse {text:?} to a valid duration"));
    if let Ok(seconds) = text.parse::<f64>() {
        // Prometheus counts nanoseconds in 63 bits.
        let is_in_range = (seconds * 1e9).abs() <= i64::MAX as f64;
        let too_much = || ApiError::parameter(name, format!("cannot parse {text:?} to a valid duration. It overflows int64"));
        return if is_in_range { Ok((seconds * 1000.0) as i64) } else { Err(too_much()) };
    }
    let duration = parse_duration(text).map_err(|_| problem())?;
    i64::try_from(duration.as_millis()).map_err(|_| problem())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Parameters {
        Parameters(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        let f = |text: &str, want: TimestampMs| assert_eq!(read_time(text), Some(want), "{text}");
        f("0", 0);
        f("123", 123_000);
        f("-1.5", -1_500);
        f("1.7e9", 1_700_000_000_000);
        f("1700000000.0056", 1_700_000_000_006);
        f("2015-06-03T13:21:58.555Z", 1_433_337_718_555);
        f("2015-06-03T14:21:58.555+01:00", 1_433_337_718_555);
        // As exact as a number of this size is.
        f("-9223309901257974", (-9_223_309_901_257_974_000_f64) as TimestampMs);
        f("9223309901257974", 9_223_309_901_257_974_000_f64 as TimestampMs);
        for wrong in ["", "yesterday", "NaN", "+Inf", "1e300", "2015-06-03", "2015-06-03 13:21:58Z", "2015-06-03T13:21:58", "15s"] {
            assert_eq!(read_time(wrong), None, "{wrong}");
        }
        let error = of(&[("time", "x")]).time("time").unwrap_err();
        assert_eq!(error.to_string(), "invalid parameter \"time\": Invalid time value for 'time': cannot parse \"x\" to a valid timestamp");
        assert_eq!(of(&[("time", "")]).time("time").unwrap(), None);
        assert!(of(&[]).needed_time("start").is_err());
    }

    #[test]
    fn durations_are_seconds_or_have_units() {
        let f = |text: &str, want: Option<i64>| assert_eq!(duration_ms("step", text).ok(), want, "{text}");
        f("123", Some(123_000));
        f("123.333", Some(123_333));
        f("15s", Some(15_000));
        f("1h30m", Some(5_400_000));
        f("", None);
        f("148966367200.372", None);
        f("NaN", None);
        f("-1s", None);
        let step = |text: &str| of(&[("step", text)]).step_ms().map_err(|error| error.to_string());
        assert_eq!(step("0.5"), Ok(500));
        assert!(step("0").unwrap_err().contains("zero or negative"));
        assert!(step("-5").unwrap_err().contains("zero or negative"));
        assert!(of(&[("timeout", "-5")]).duration("timeout").is_err());
    }

    /// Cases of Prometheus's own tests, where they are.
    #[test]
    fn prometheuss_cases_of_parameters_hold() {
        let Ok(folder) = std::env::var("CEPMON_CONFORMANCE") else {
            eprintln!("skipped: CEPMON_CONFORMANCE names no folder of cases");
            return;
        };
        let cases = std::fs::read_to_string(std::path::Path::new(&folder).join("prometheus/api_params.jsonl")).unwrap();
        for line in cases.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let input = case["input"].as_str().unwrap();
            let is_read = match case["kind"].as_str().unwrap() {
                "time" => read_time(input).is_some(),
                "duration" => duration_ms("step", input).is_ok(),
                other => panic!("a new kind of case: {other}"),
            };
            assert_eq!(is_read, case["valid"].as_bool().unwrap(), "{line}");
        }
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        assert_eq!(of(&[("limit", "0")]).limit().unwrap(), None);
        assert_eq!(of(&[("limit", "7")]).limit().unwrap(), Some(7));
        assert!(of(&[("limit", "-1")]).limit().is_err());
    }

    #[tokio::test]
    async fn the_form_counts_before_the_url() {
        let request = Request::post("/api/v1/query?query=url&match[]=a&x=%20%2B")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .body("query=form&match%5B%5D=b".into())
            .unwrap();
        let parameters = Parameters::from_request(request, &()).await.unwrap();
        assert_eq!(parameters.get("query"), Some("form"));
        assert_eq!(parameters.all("match[]").collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(parameters.get("x"), Some(" +"));
        let json = Request::post("/?query=url").header("content-type", "application/json").body("{}".into()).unwrap();
        assert_eq!(Parameters::from_request(json, &()).await.unwrap().get("query"), Some("url"));
    }
}
