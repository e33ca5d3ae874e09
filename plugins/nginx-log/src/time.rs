//! Times of access logs as Unix nanoseconds.

/// Remembers the last text: on a busy server hundreds of lines share a second.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Vec<u8>,
    last_ns: Option<i64>,
}

impl Clock {
    /// `$time_local`, `$time_iso8601` or `$msec`; none when it is none of them.
    pub(crate) fn parse(&mut self, text: &[u8]) -> Option<i64> {
        if self.last != text {
            self.last.clear();
            self.last.extend_from_slice(text);
            self.last_ns = parse_local(text).or_else(|| parse_iso(text)).or_else(|| parse_seconds(text));
        }
        self.last_ns
    }
}

const MONTHS: [&[u8; 3]; 12] = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// `10/Oct/2000:13:55:36 -0700`
fn parse_local(text: &[u8]) -> Option<i64> {
    let text: &[u8; 26] = text.try_into().ok()?;
    let is_shaped = text[2] == b'/' && text[6] == b'/' && text[11] == b':' && text[14] == b':' && text[17] == b':' && text[20] == b' ';
    if !is_shaped {
        return None;
    }
    let month = MONTHS.iter().position(|name| name[..] == text[3..6])? as i64 + 1;
    let offset = parse_offset(&text[21..26])?;
    let day = number(&text[..2])?;
    let seconds =
        unix_seconds([number(&text[7..11])?, month, day, number(&text[12..14])?, number(&text[15..17])?, number(&text[18..20])?])?;
    Some((seconds - offset) * 1_000_000_000)
}

/// `2000-10-10T13:55:36-07:00`, also with `Z` and with a fraction.
fn parse_iso(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(19)?;
    let is_shaped = date[4] == b'-' && date[7] == b'-' && matches!(date[10], b'T' | b' ') && date[13] == b':' && date[16] == b':';
    if !is_shaped {
        return None;
    }
    let mut fields = [0; 6];
    for (field, range) in fields.iter_mut().zip([0..4, 5..7, 8..10, 11..13, 14..16, 17..19]) {
        *field = number(&date[range])?;
    }
    let (fraction, zone) = match rest.strip_prefix(b".") {
        Some(rest) => {
            let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
            (fraction_ns(&rest[..digits])?, &rest[digits..])
        }
        None => (0, rest),
    };
    let offset = if zone == b"Z" { 0 } else { parse_offset(zone)? };
    Some((unix_seconds(fields)? - offset) * 1_000_000_000 + fraction)
}

/// `1700000000.123`
fn parse_seconds(text: &[u8]) -> Option<i64> {
    let point = text.iter().position(|&byte| byte == b'.').unwrap_or(text.len());
    // Ten digits reach the year 2286; fewer than nine are some other number.
    let seconds = Some(&text[..point]).filter(|digits| (9..=10).contains(&digits.len())).and_then(number)?;
    let fraction = text.get(point + 1..).map_or(Some(0), fraction_ns)?;
    Some(seconds * 1_000_000_000 + fraction)
}

/// `-0700` or `-07:00` in seconds.
fn parse_offset(zone: &[u8]) -> Option<i64> {
    let (sign, digits) = match zone {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [a, b, c, d] | [a, b, b':', c, d] => (number(&[*a, *b])?, number(&[*c, *d])?),
        _ => return None,
    };
    Some(sign * (hours * 3600 + minutes * 60))
}

/// Up to nine digits behind a point; more are cut.
fn fraction_ns(digits: &[u8]) -> Option<i64> {
    let kept = &digits[..digits.len().min(9)];
    let scale = 10_i64.pow(9 - kept.len() as u32);
    if kept.is_empty() { Some(0) } else { Some(number(kept)? * scale) }
}

fn number(digits: &[u8]) -> Option<i64> {
    let mut value = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    (!digits.is_empty()).then_some(value)
}

/// Year, month, day, hour, minute, second of the proleptic Gregorian calendar. Years begin in March, so that the leap day is the last one.
fn unix_seconds([year, month, day, hour, minute, second]: [i64; 6]) -> Option<i64> {
    let is_time = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !is_time {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn the_three_spellings_of_nginx_are_read() {
        let mut clock = Clock::default();
        let mut f = |text: &str, want: Option<i64>| assert_eq!(clock.parse(text.as_bytes()), want, "{text}");
        f("10/Oct/2000:13:55:36 -0700", Some(971_211_336_000_000_000));
        f("10/Oct/2000:13:55:36 -0700", Some(971_211_336_000_000_000));
        f("2000-10-10T13:55:36-07:00", Some(971_211_336_000_000_000));
        f("2024-02-29T00:00:00.25Z", Some(1_709_164_800_250_000_000));
        f("1700000000.123", Some(1_700_000_000_123_000_000));
        f("1700000000", Some(1_700_000_000_000_000_000));
        f("10/Okt/2000:13:55:36 -0700", None);
        f("10/Oct/2000:25:55:36 -0700", None);
        f("2000-13-10T13:55:36Z", None);
        f("12345", None);
        f("-", None);
        f("", None);
    }
}
