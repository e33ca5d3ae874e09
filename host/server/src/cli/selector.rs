//! Series selectors on the command line.

use anyhow::anyhow;
use cepmon_model::Matcher;
use cepmon_query::ast::ExprKind;

/// The matchers of a selector alone, such as `up{job="node"}`.
pub(crate) fn parse_selector(text: &str) -> anyhow::Result<Vec<Matcher>> {
    let refused = |problem: String| anyhow!("cannot use selector \"{text}\": {problem}");
    let expr = cepmon_query::parse(text).map_err(|error| refused(error.to_string()))?;
    match expr.kind {
        ExprKind::Selector(selector) if selector.shift.offset.is_none() && selector.shift.at.is_none() => Ok(selector.matchers),
        _ => Err(refused("it is not a selector alone, such as up{job=\"node\"}".to_owned())),
    }
}
