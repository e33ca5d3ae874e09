//! Named times of `time_intervals`: spans of the day, weekdays, days of the month, months, years, in a time zone (Alertmanager 0.26).

use std::ops::RangeInclusive;

use cepmon_model::TimestampMs;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::Problem;
use crate::config::{TimeIntervalEntry, TimesEntry};

/// A named set of times: any of its parts.
#[derive(Debug, Clone)]
pub struct TimeInterval {
    parts: Vec<Times>,
}

/// Times that satisfy every condition; `None` = no condition.
#[derive(Debug, Clone)]
struct Times {
    /// Minutes of the day, end excluded.
    minutes: Option<Vec<(i32, i32)>>,
    /// 0 = Sunday.
    weekdays: Option<Vec<RangeInclusive<i32>>>,
    /// Negative days count from the end of the month.
    days_of_month: Option<Vec<RangeInclusive<i32>>>,
    months: Option<Vec<RangeInclusive<i32>>>,
    years: Option<Vec<RangeInclusive<i32>>>,
    zone: TimeZone,
}

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

impl TimeInterval {
    /// The interval behind an entry; what has mistakes is left out and reported.
    pub(crate) fn check(entry: &TimeIntervalEntry, path: &str, problems: &mut Vec<Problem>) -> Self {
        let part = |(index, times): (usize, &TimesEntry)| check_times(times, &format!("{path}.time_intervals[{index}]"), problems);
        Self { parts: entry.time_intervals.iter().enumerate().map(part).collect() }
    }

    /// Whether a time lies in it.
    pub fn contains(&self, at: TimestampMs) -> bool {
        Timestamp::from_millisecond(at).is_ok_and(|at| self.parts.iter().any(|times| times.contains(at)))
    }
}

impl Times {
    fn contains(&self, at: Timestamp) -> bool {
        let local = at.to_zoned(self.zone.clone());
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        let weekday = i32::from(local.weekday().to_sunday_zero_offset());
        let is_in = |ranges: &Option<Vec<RangeInclusive<i32>>>, value: i32| {
            ranges.as_ref().is_none_or(|ranges| ranges.iter().any(|range| range.contains(&value)))
        };
        let is_in_day = self.minutes.as_ref().is_none_or(|spans| spans.iter().any(|(start, end)| (*start..*end).contains(&minute)));
        let is_in_days_of_month =
            self.days_of_month.as_ref().is_none_or(|ranges| ranges.iter().any(|range| has_day_of_month(range, local.date())));
        is_in_day
            && is_in_days_of_month
            && is_in(&self.weekdays, weekday)
            && is_in(&self.months, i32::from(local.month()))
            && is_in(&self.years, i32::from(local.year()))
    }
}

fn has_day_of_month(range: &RangeInclusive<i32>, date: Date) -> bool {
    let days = i32::from(date.days_in_month());
    let from_end = |day: i32| if day < 0 { days + day + 1 } else { day };
    let (first, last) = (from_end(*range.start()), from_end(*range.end()));
    first <= days && (first.max(-days)..=last.min(days)).contains(&i32::from(date.day()))
}

fn check_times(entry: &TimesEntry, path: &str, problems: &mut Vec<Problem>) -> Times {
    let mut ranges = |list: &Option<Vec<String>>, key: &str, read: &dyn Fn(&str) -> Result<RangeInclusive<i32>, String>| {
        let list = list.as_ref()?;
        let mut checked = Vec::new();
        for (index, text) in list.iter().enumerate() {
            match read(&text.trim().to_lowercase()) {
                Ok(range) => checked.push(range),
                Err(message) => problems.push(Problem::new(format!("{path}.{key}[{index}]"), message)),
            }
        }
        Some(checked)
    };
    let weekdays = ranges(&entry.weekdays, "weekdays", &|text| named_range(text, &WEEKDAYS, 0, false));
    let months = ranges(&entry.months, "months", &|text| named_range(text, &MONTHS, 1, true));
    let days_of_month = ranges(&entry.days_of_month, "days_of_month", &day_range);
    let years = ranges(&entry.years, "years", &|text| range(text, &|part| part.parse().map_err(|_| format!("\"{part}\" is not a year"))));
    let minutes = entry.times.as_ref().map(|spans| {
        let mut checked = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            match (minute_of_day(&span.start_time), minute_of_day(&span.end_time)) {
                (Some(start), Some(end)) if start < end => checked.push((start, end)),
                (Some(_), Some(_)) => problems.push(Problem::new(format!("{path}.times[{index}]"), "start_time must be before end_time")),
                _ => problems.push(Problem::new(format!("{path}.times[{index}]"), "times are written as 09:00, up to 24:00")),
            }
        }
        checked
    });
    let zone = match entry.location.as_deref() {
        None | Some("" | "UTC") => TimeZone::UTC,
        Some("Local") => TimeZone::system(),
        Some(name) => TimeZone::get(name).unwrap_or_else(|error| {
            problems.push(Problem::new(format!("{path}.location"), format!("there is no time zone \"{name}\": {error}")));
            TimeZone::UTC
        }),
    };
    Times { minutes, weekdays, days_of_month, months, years, zone }
}

fn range(text: &str, part: &dyn Fn(&str) -> Result<i32, String>) -> Result<RangeInclusive<i32>, String> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let (first, last) = (part(first)?, part(last)?);
    if first <= last { Ok(first..=last) } else { Err(format!("the range \"{text}\" ends before it starts")) }
}

fn named_range(text: &str, names: &[&str], base: usize, takes_numbers: bool) -> Result<RangeInclusive<i32>, String> {
    let part = |part: &str| {
        let by_name = names.iter().position(|name| *name == part).map(|index| index + base);
        let by_number = part.parse().ok().filter(|number| takes_numbers && (base..base + names.len()).contains(number));
        let found = by_name.or(by_number).and_then(|index| i32::try_from(index).ok());
        found.ok_or_else(|| format!("\"{part}\" is none of {}", names.join(", ")))
    };
    range(text, &part)
}

fn day_range(text: &str) -> Result<RangeInclusive<i32>, String> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let day = |part: &str| {
        let number = part.parse::<i32>().ok().filter(|day| *day != 0 && (-31..=31).contains(day));
        number.ok_or_else(|| format!("\"{part}\" is not a day of the month: 1 to 31, or -1 to -31 from its end"))
    };
    let (first, last) = (day(first)?, day(last)?);
    if first < 0 && last > 0 {
        return Err(format!("the range \"{text}\" starts from the month's end and ends from its start"));
    }
    // As Alertmanager does, compare in a month of 31 days.
    let from_start = |day: i32| if day < 0 { 31 + day + 1 } else { day };
    if from_start(first) <= from_start(last) { Ok(first..=last) } else { Err(format!("the range \"{text}\" ends before it starts")) }
}

fn minute_of_day(text: &str) -> Option<i32> {
    let (hour, minute) = text.split_once(':')?;
    let is_two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_two_digits(hour) || !is_two_digits(minute) {
        return None;
    }
    let (hour, minute): (i32, i32) = (hour.parse().ok()?, minute.parse().ok()?);
    let is_valid = (hour < 24 && minute < 60) || (hour, minute) == (24, 0);
    is_valid.then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TimeRangeEntry;

    fn at(text: &str) -> TimestampMs {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn list(items: &[&str]) -> Option<Vec<String>> {
        Some(items.iter().map(|item| (*item).to_owned()).collect())
    }

    fn interval(times: TimesEntry) -> Result<TimeInterval, Vec<Problem>> {
        let mut problems = Vec::new();
        let entry = TimeIntervalEntry { name: "t".to_owned(), time_intervals: vec![times] };
        let interval = TimeInterval::check(&entry, "t", &mut problems);
        if problems.is_empty() { Ok(interval) } else { Err(problems) }
    }

    #[test]
    fn office_hours_follow_the_zone() {
        let span = TimeRangeEntry { start_time: "09:00".to_owned(), end_time: "17:00".to_owned() };
        let times = TimesEntry {
            times: Some(vec![span]),
            weekdays: list(&["monday:friday"]),
            location: Some("Europe/Madrid".to_owned()),
            ..TimesEntry::default()
        };
        let office = interval(times).unwrap();
        assert!(office.contains(at("2026-07-01T07:00:00Z")), "Wednesday, 9 in Madrid's summer");
        assert!(!office.contains(at("2026-07-01T15:00:00Z")), "17:00 is excluded");
        assert!(!office.contains(at("2026-07-04T10:00:00Z")), "Saturday");
    }

    #[test]
    fn days_count_from_the_end_of_the_month_too() {
        let last_days = interval(TimesEntry { days_of_month: list(&["-3:-1"]), ..TimesEntry::default() }).unwrap();
        assert!(last_days.contains(at("2026-02-26T00:00:00Z")));
        assert!(!last_days.contains(at("2026-02-25T00:00:00Z")));
        let from_28 = interval(TimesEntry { days_of_month: list(&["28:-1"]), ..TimesEntry::default() }).unwrap();
        assert!(from_28.contains(at("2026-01-31T00:00:00Z")));
    }

    #[test]
    fn mistakes_are_refused() {
        let f = |times: TimesEntry| assert!(interval(times).is_err());
        f(TimesEntry { weekdays: list(&["moonday"]), ..TimesEntry::default() });
        f(TimesEntry { weekdays: list(&["friday:monday"]), ..TimesEntry::default() });
        f(TimesEntry { months: list(&["13"]), ..TimesEntry::default() });
        f(TimesEntry { days_of_month: list(&["0"]), ..TimesEntry::default() });
        f(TimesEntry { location: Some("Mars/Olympus".to_owned()), ..TimesEntry::default() });
        let late = TimeRangeEntry { start_time: "17:00".to_owned(), end_time: "09:00".to_owned() };
        f(TimesEntry { times: Some(vec![late]), ..TimesEntry::default() });
    }
}
