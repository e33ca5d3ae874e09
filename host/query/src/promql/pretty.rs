//! Expressions over several lines (Prometheus 2.48, `promql/parser/prettier.go`): what is longer than a line is broken at its parts, each
//! a level further in. What fits stays on one line, as `Display` prints it.

use crate::promql::ast::{BinaryExpr, Expr, ExprKind};

/// Characters of a line, its indentation not counted.
const LINE_WIDTH: usize = 100;

impl Expr {
    /// The expression in lines for people.
    pub fn pretty(&self) -> String {
        self.lines(0)
    }

    fn lines(&self, level: usize) -> String {
        let indent = "  ".repeat(level);
        let line = self.to_string();
        let is_broken = line.chars().count() > LINE_WIDTH;
        match &self.kind {
            ExprKind::Aggregate(aggregate) if is_broken => {
                let parameter = aggregate.parameter.as_ref().map(|parameter| parameter.lines(level + 1) + ",\n").unwrap_or_default();
                format!("{indent}{}(\n{parameter}{}\n{indent})", aggregate.head(), aggregate.expr.lines(level + 1))
            }
            ExprKind::Binary(binary) if is_broken => {
                let BinaryExpr { left, right, .. } = &**binary;
                format!("{}\n{indent}{}\n{}", left.lines(level + 1), binary.operation(), right.lines(level + 1))
            }
            ExprKind::Call(call) if is_broken => {
                let args: Vec<String> = call.args.iter().map(|arg| arg.lines(level + 1)).collect();
                format!("{indent}{}(\n{}\n{indent})", call.function.name, args.join(",\n"))
            }
            ExprKind::Paren(inner) if is_broken => format!("{indent}(\n{}\n{indent})", inner.lines(level + 1)),
            ExprKind::Subquery(subquery) if is_broken => format!("{}{}", subquery.expr.lines(level), subquery.times()),
            ExprKind::Negate(inner) => format!("{indent}-{}", inner.lines(level).trim_start()),
            ExprKind::Plus(inner) => format!("{indent}+{}", inner.lines(level).trim_start()),
            _ => indent + &line,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::parse;

    fn pretty(text: &str) -> String {
        parse(text).unwrap().pretty()
    }

    #[test]
    fn what_fits_stays_on_a_line() {
        assert_eq!(pretty("sum  by(job)(rate( up[5m] ))>-1"), "sum by (job) (rate(up[5m])) > -1");
    }

    #[test]
    fn words_of_prometheus_3_stay() {
        for text in ["a + fill_left (1) b", "a + on (job) group_left () fill (0) b", "rate(a[5m] anchored)", "a smoothed offset 1m"] {
            assert_eq!(pretty(text), text);
        }
    }

    #[test]
    fn what_is_too_long_is_broken_at_its_parts() {
        let long = "sum by (job, instance, path) (rate(http_requests_total{status=~\"5..\",method=\"GET\"}[5m])) / on (job) group_left () \
            topk(5, histogram_quantile(0.95, sum by (le, job) (rate(http_request_duration_seconds_bucket{job=\"frontend\",path=\"/\"}[5m]))))";
        let want = "  sum by (job, instance, path) (rate(http_requests_total{status=~\"5..\",method=\"GET\"}[5m]))
/ on (job) group_left ()
  topk(
    5,
    histogram_quantile(
      0.95,
      sum by (le, job) (rate(http_request_duration_seconds_bucket{job=\"frontend\",path=\"/\"}[5m]))
    )
  )";
        assert_eq!(pretty(long), want);
        // Both read as the same expression.
        assert_eq!(parse(want).unwrap().to_string(), parse(long).unwrap().to_string());
    }
}
