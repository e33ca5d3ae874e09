//! Texts in, canonical texts or messages out.

use super::parse;

/// What a text prints as again.
fn printed(text: &str) -> String {
    parse(text).map_or_else(|error| format!("cannot read {text}: {error}"), |expr| expr.to_string())
}

/// Where a text stops making sense.
fn problem(text: &str) -> String {
    parse(text).map_or_else(|error| error.to_string(), |expr| format!("was read as {expr}"))
}

#[test]
fn expressions_print_in_the_canonical_form() {
    let f = |text: &str, want: &str| {
        assert_eq!(printed(text), want, "{text}");
        assert_eq!(printed(want), want, "printed again");
    };
    f("up", "up");
    f("  sum( up )BY( job,instance , )", "sum by (job, instance) (up)");
    f("SUM WITHOUT (le) (x)", "sum without (le) (x)");
    f("x{a='b', c!=\"d\",}[90s] offset 1h", "x{a=\"b\",c!=\"d\"}[1m30s] offset 1h");
    f("x @ 1.5 offset -5m", "x @ 1.500 offset -5m");
    f("rate(x[5m])[1h:] @ end()", "rate(x[5m])[1h:] @ end()");
    f("a+on(x)group_left(y)b", "a + on (x) group_left (y) b");
    f("a == bool 1", "a == bool 1");
    f("{\"odd name\", \"odd label\"=\"x\"}", "{\"odd name\",\"odd label\"=\"x\"}");
    f("label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\\\\d\")", "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\\\\d\")");
    f("0x10 + 010 + 1e2", "16 + 8 + 100");
    f("x[2*5m]", "x[2 * 5m]");
    f("up # the end\n> 0", "up > 0");
}

#[test]
fn operators_bind_as_in_prometheus() {
    /// The tree with all its parentheses.
    fn tree(expr: &crate::Expr) -> String {
        use crate::ast::ExprKind;
        match &expr.kind {
            ExprKind::Binary(binary) => format!("({} {} {})", tree(&binary.left), binary.op.text(), tree(&binary.right)),
            ExprKind::Negate(inner) => format!("(-{})", tree(inner)),
            _ => expr.to_string(),
        }
    }
    let f = |text: &str, want: &str| assert_eq!(tree(&parse(text).unwrap()), want, "{text}");
    f("a + b * c - d", "((a + (b * c)) - d)");
    f("a ^ b ^ c", "(a ^ (b ^ c))");
    f("-a ^ b", "(-(a ^ b))");
    f("-a * b", "((-a) * b)");
    f("a and b or c unless d", "((a and b) or (c unless d))");
    f("a > b == c", "((a > b) == c)");
    f("a atan2 b + c", "((a atan2 b) + c)");
    f("a offset 5m - b", "(a offset 5m - b)");
}

#[test]
fn keywords_are_names_where_they_cannot_be_keywords() {
    for text in ["sum", "by", "on", "bool", "start", "offset", "time", "sum(sum)", "by + on", "x{by=\"1\",sum=\"2\"}", "sum by (on) (x)"] {
        assert_eq!(printed(text), text);
    }
}

#[test]
fn messages_say_where_and_what() {
    let f = |text: &str, want: &str| assert_eq!(problem(text), want, "{text}");
    f("", "1:1: parse error: no expression found in input");
    f(
        "sum(",
        "1:5: parse error: unexpected end of input where an expression should start, expected a number, a string, a selector, a \
       function or \"(\"",
    );
    f("up{job=node}", "1:8: parse error: unexpected \"node\" in label matching, expected string");
    f(
        "up{job=~\"(\"}",
        "1:4: parse error: cannot compile the matcher job=~\"(\": regex parse error:\n    ^(?s:()$\n     ^\nerror: unclosed group",
    );
    f("rate(up)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector");
    f("up +\n  nope(1)", "2:3: parse error: unknown function with name \"nope\"");
    f("1 == 2", "1:1: parse error: comparisons between scalars must use BOOL modifier");
    f("a and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression");
    f("topk(x)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1");
    f("clamp(x, 1)", "1:1: parse error: expected 3 argument(s) in call to \"clamp\", got 2");
    f("{job=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher");
    f("x offset 5m[5m]", "1:12: parse error: no offset modifiers allowed before range");
    f(
        "sum(x) offset 5m",
        "1:8: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    );
    f("a \u{20ac}", "1:3: parse error: unexpected character: '\u{20ac}'");
    f("\"open", "1:1: parse error: unterminated quoted string");
    f("x[0s]", "1:3: parse error: duration must be greater than 0 in a range");
    f("x anchored", "1:3: parse error: anchored modifier must be preceded by a range vector selector");
    f("a + fill(b) c", "1:10: parse error: unexpected \"b\" in fill modifier, expected number");
}

#[test]
fn deep_nesting_is_refused_not_overflown() {
    let many = 20_000;
    for text in [
        format!("{}1{}", "(".repeat(many), ")".repeat(many)),
        "-".repeat(many) + "1",
        vec!["a"; many].join("+"),
        vec!["2"; many].join("^"),
        format!("x[{}1{}]", "(".repeat(many), ")".repeat(many)),
        format!("x[{}]", vec!["1"; many].join("+")),
        format!("x offset {}1", "-".repeat(many)),
        format!("{}x{}", "abs(".repeat(many), ")".repeat(many)),
    ] {
        assert!(problem(&text).contains("nested too deep"), "{}", problem(&text).get(..200).unwrap_or_default());
    }
    assert!(parse(&vec!["a"; 150].join(" or ")).is_ok(), "long chains that people write are fine");
}

#[test]
fn any_text_is_read_or_refused_without_panic() {
    let pieces = ["up", "{", "}", "(", ")", "[", "]", "5m", ":", "offset", "@", "-", "\"", "é", "sum", "by", ",", "=~", "1e", "."];
    // All triples: small enough to be exhaustive, long enough to reach every branch of the lexer.
    for first in pieces {
        for second in pieces {
            for third in pieces {
                for text in [format!("{first}{second}{third}"), format!("{first} {second} {third}")] {
                    if let Err(error) = parse(&text) {
                        assert!(error.offset <= text.len() && error.line == 1, "{text}: {error:?}");
                    }
                }
            }
        }
    }
}
