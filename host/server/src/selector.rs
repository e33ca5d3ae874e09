//! Series selectors that stand alone: on the command line, in `match[]` and in deletions.

use cepmon_model::Matcher;
use cepmon_query::ParseError;
use cepmon_query::ast::ExprKind;

/// Why a text is no selector.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectorError {
    /// It is no expression; one that every series matches is refused here, too.
    #[error("cannot use selector \"{text}\": {problem}")]
    Parse { text: String, problem: ParseError },
    /// It is more than a selector.
    #[error("cannot use selector \"{text}\": it is not a selector alone, such as up{{job=\"node\"}}")]
    NotAlone { text: String },
}

/// The matchers of a selector alone, such as `up{job="node"}`.
pub(crate) fn parse_selector(text: &str) -> Result<Vec<Matcher>, SelectorError> {
    let expr = cepmon_query::parse(text).map_err(|problem| SelectorError::Parse { text: text.to_owned(), problem })?;
    match expr.kind {
        ExprKind::Selector(selector) if selector.shift.offset.is_none() && selector.shift.at.is_none() => Ok(selector.matchers),
        _ => Err(SelectorError::NotAlone { text: text.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_selectors_are_taken() {
        assert_eq!(parse_selector("up{job=\"a\"}").unwrap().len(), 2);
        for wrong in ["{}", "{job=\"\"}", "rate(up[5m])", "up offset 5m", "up[5m]", "up @ 5", "1", ""] {
            let problem = parse_selector(wrong).unwrap_err().to_string();
            assert!(problem.starts_with("cannot use selector"), "{problem}");
        }
    }
}
