//! `Last-Modified` as Unix seconds. The two obsolete forms of RFC 9110 are not read: no server has sent them for decades.

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn parse_http_date(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let (_, text) = text.split_once(", ")?;
    let mut fields = text.split(' ');
    let day: i64 = fields.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = fields.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year: i64 = fields.next()?.parse().ok().filter(|year| (1900..=9999).contains(year))?;
    let mut clock = fields.next()?.split(':').map(str::parse::<i64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    let is_utc = fields.next() == Some("GMT");
    (is_time && is_utc).then(|| days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days of the proleptic Gregorian calendar: years begin in March, so that the leap day is the last one.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse_http_date;

    #[test]
    fn dates_of_rfc_9110_become_unix_seconds() {
        let f = |text: &str, want| assert_eq!(parse_http_date(text.as_bytes()), want, "{text}");
        f("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777));
        f("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        f("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199));
        f("Sunday, 06-Nov-94 08:49:37 GMT", None);
        f("Sun, 06 Nov 1994 25:49:37 GMT", None);
        f("Sun, 06 Nov 1994 08:49:37 CET", None);
        f("", None);
    }
}
