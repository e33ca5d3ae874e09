//! Durations of ranges, steps and offsets: what they are and what they are worth. Reading them is the parser's work.

/// A duration, written out or as an expression of Prometheus 3.
#[derive(Debug, Clone, PartialEq)]
pub enum Length {
    /// `5m`; milliseconds, may be negative in an offset.
    Fixed(i64),
    /// A number of seconds within a larger expression.
    Seconds(f64),
    /// `step()`: the query's step.
    Step,
    /// `range()`: from the query's first step to its last.
    Range,
    /// `-…`
    Negate(Box<Length>),
    /// `(…)`
    Paren(Box<Length>),
    /// `a + b`, `a * b`, …
    Binary(LengthOp, Box<(Length, Length)>),
    /// `min_of(a, b)`
    MinOf(Box<(Length, Length)>),
    /// `max_of(a, b)`
    MaxOf(Box<(Length, Length)>),
}

/// An operator between durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
}

impl Length {
    /// A bare number or duration, signed or not, becomes one length that prints as a duration.
    pub(crate) fn simplified(self) -> Self {
        let milliseconds = match &self {
            Self::Seconds(seconds) => seconds * 1000.0,
            Self::Negate(inner) => match **inner {
                Self::Seconds(seconds) => -seconds * 1000.0,
                Self::Fixed(ms) => -ms as f64,
                _ => return self,
            },
            _ => return self,
        };
        if milliseconds.abs() < 9.0e15 { Self::Fixed(milliseconds.round() as i64) } else { self }
    }

    /// Its milliseconds. `None` if it needs the query's step and range and they are not given as `(step, range)` in milliseconds.
    pub fn resolve(&self, query: Option<(i64, i64)>) -> Option<Result<i64, &'static str>> {
        let seconds = match self.seconds(query)? {
            Ok(seconds) => seconds,
            Err(problem) => return Some(Err(problem)),
        };
        let ms = (seconds * 1000.0).round();
        // Prometheus counts nanoseconds in 63 bits.
        Some(if ms.abs() <= 9_223_372_036_854.0 { Ok(ms as i64) } else { Err("duration out of range") })
    }

    fn seconds(&self, query: Option<(i64, i64)>) -> Option<Result<f64, &'static str>> {
        let pair = |both: &(Length, Length)| Some((both.0.seconds(query)?, both.1.seconds(query)?));
        let joined = |both: &(Length, Length), join: &dyn Fn(f64, f64) -> Result<f64, &'static str>| {
            Some(match pair(both)? {
                (Ok(left), Ok(right)) => join(left, right),
                (Err(problem), _) | (_, Err(problem)) => Err(problem),
            })
        };
        match self {
            Self::Fixed(ms) => Some(Ok(*ms as f64 / 1000.0)),
            Self::Seconds(seconds) => Some(Ok(*seconds)),
            Self::Step => query.map(|(step, _)| Ok(step as f64 / 1000.0)),
            Self::Range => query.map(|(_, range)| Ok(range as f64 / 1000.0)),
            Self::Negate(inner) => inner.seconds(query).map(|seconds| seconds.map(|seconds| -seconds)),
            Self::Paren(inner) => inner.seconds(query),
            Self::MinOf(both) => joined(both, &|left, right| Ok(left.min(right))),
            Self::MaxOf(both) => joined(both, &|left, right| Ok(left.max(right))),
            // Division by a constant zero is wrong whatever stands on the left.
            Self::Binary(LengthOp::Div | LengthOp::Mod, both) if both.1.seconds(query) == Some(Ok(0.0)) => {
                Some(Err("division by zero in duration expression"))
            }
            Self::Binary(op, both) => joined(both, &|left, right| {
                Ok(match op {
                    LengthOp::Add => left + right,
                    LengthOp::Sub => left - right,
                    LengthOp::Mul => left * right,
                    LengthOp::Div => left / right,
                    LengthOp::Mod => left % right,
                    LengthOp::Pow => left.powf(right),
                })
            }),
        }
    }

    /// Levels of the tree, to bound recursion.
    pub(crate) fn levels(&self) -> usize {
        match self {
            Self::Binary(_, both) | Self::MinOf(both) | Self::MaxOf(both) => 1 + both.0.levels().max(both.1.levels()),
            Self::Negate(inner) | Self::Paren(inner) => 1 + inner.levels(),
            _ => 1,
        }
    }
}
