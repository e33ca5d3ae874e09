//! Parts of a date, in UTC, of values that are Unix times in seconds; of the step's time if there is no argument.

use std::sync::Arc;

use super::{Body, Evaluated, Evaluation, Expr, Function, Grid, VECTOR};
use crate::Error;
use crate::vector::StepSeries;

type Compute = fn(&Evaluation<'_>, &[Expr], &Grid) -> Result<Evaluated, Error>;

const fn part(name: &'static str, compute: Compute) -> Function {
    Function { name, args: &[VECTOR], optional: 1, is_variadic: false, returns: VECTOR, body: Body::Whole(compute) }
}

pub(super) const FUNCTIONS: &[Function] = &[
    part("minute", |evaluation, args, grid| each(evaluation, args, grid, |time| time.second_of_day / 60 % 60)),
    part("hour", |evaluation, args, grid| each(evaluation, args, grid, |time| time.second_of_day / 3600)),
    // 1970-01-01 was a Thursday; Sunday is 0.
    part("day_of_week", |evaluation, args, grid| each(evaluation, args, grid, |time| (time.day + 4).rem_euclid(7))),
    part("day_of_month", |evaluation, args, grid| each(evaluation, args, grid, |time| time.day_of_month)),
    part("day_of_year", |evaluation, args, grid| each(evaluation, args, grid, |time| time.day - day_of(time.year, 1, 1) + 1)),
    part("days_in_month", |evaluation, args, grid| {
        each(evaluation, args, grid, |time| {
            let (year, month) = if time.month == 12 { (time.year + 1, 1) } else { (time.year, time.month + 1) };
            day_of(year, month, 1) - day_of(time.year, time.month, 1)
        })
    }),
    part("month", |evaluation, args, grid| each(evaluation, args, grid, |time| time.month)),
    part("year", |evaluation, args, grid| each(evaluation, args, grid, |time| time.year)),
];

struct Date {
    /// Days since 1970-01-01.
    day: i64,
    second_of_day: i64,
    year: i64,
    month: i64,
    day_of_month: i64,
}

fn each(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid, part: fn(&Date) -> i64) -> Result<Evaluated, Error> {
    let mut vector = match args.first() {
        Some(arg) => evaluation.vector(arg, grid)?,
        None => {
            let mut column = evaluation.budget.column(grid.count)?;
            for index in 0..grid.count {
                column.set(index, Some(grid.time(index) as f64 / 1000.0));
            }
            vec![StepSeries { labels: Arc::default(), drops_name: false, column }]
        }
    };
    for series in &mut vector {
        series.drops_name = true;
        series.column.drop_histograms();
        series.column.map(|_, value| Some(date(value).map_or(f64::NAN, |date| part(&date) as f64)));
    }
    Ok(Evaluated::Vector(vector))
}

/// The date of a Unix time in the proleptic Gregorian calendar; `None` for what is no time (NaN, beyond ±300 million years).
fn date(seconds: f64) -> Option<Date> {
    let is_time = seconds.abs() < 1.0e16;
    let seconds = if is_time { seconds as i64 } else { return None };
    let (day, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years that begin on March 1st: leap days come last (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Some(Date { day, second_of_day, year, month, day_of_month })
}

/// Days since 1970-01-01 of a date.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}
