//! The gate: one statement, of bounded size, that only reads. It looks at the parsed statement, before any name is resolved, and once more at
//! the plan; what it does not know it refuses.

use std::ops::ControlFlow;

use datafusion::common::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{Query, Select, SetExpr, Statement as SqlStatement, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::Error;
use crate::diagnosis::syntax_error;

/// Longest statement in bytes.
const MAX_STATEMENT_BYTES: usize = 256 << 10;

/// Most tokens that make trees deeper: operators and set operations. The planner recurses once a level, and its thread's stack is finite.
const MAX_OPERATORS: usize = 500;

/// A statement that may run, and the names in it.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The parsed statement.
    pub(crate) statement: Statement,
    /// Every identifier, for tables that are made to fit the statement.
    pub(crate) identifiers: Vec<String>,
}

/// Parses one statement and refuses all but reading ones.
pub(crate) fn check(sql: &str) -> Result<Checked, Error> {
    if sql.len() > MAX_STATEMENT_BYTES {
        return Err(Error::TooLong { got: sql.len(), limit: MAX_STATEMENT_BYTES, unit: "bytes" });
    }
    let identifiers = check_tokens(sql)?;
    let dialect = GenericDialect {};
    let mut parser = DFParserBuilder::new(sql).with_dialect(&dialect).build().map_err(|error| parse_failure(&error))?;
    let mut statements = parser.parse_statements().map_err(|error| parse_failure(&error))?;
    let Some(statement) = statements.pop_front() else {
        return Err(Error::Syntax { position: None, message: "the statement is empty".to_owned() });
    };
    if !statements.is_empty() {
        return Err(Error::Syntax { position: None, message: "more than one statement; send them one by one".to_owned() });
    }
    refuse_writing(&statement)?;
    Ok(Checked { statement, identifiers })
}

/// The second look: whatever a statement was written as, its plan must not write or change the session.
pub(crate) fn check_plan(plan: &LogicalPlan) -> Result<(), Error> {
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reading.verify_plan(plan).map_err(|_| Error::ReadOnly { statement: plan.display().to_string() })
}

fn check_tokens(sql: &str) -> Result<Vec<String>, Error> {
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, sql).tokenize().map_err(|error| syntax_error(&error.to_string()))?;
    let mut operators = 0;
    let mut identifiers = Vec::new();
    for token in tokens {
        match token {
            Token::Word(word) => match word.keyword {
                Keyword::NoKeyword => identifiers.push(word.value),
                Keyword::AND | Keyword::OR | Keyword::NOT | Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::JOIN => {
                    operators += 1
                }
                // Many label names are keywords of some dialect (`user`, `path`, `mode`).
                _ => identifiers.push(word.value),
            },
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Comma | Token::Whitespace(_) => {}
            Token::LParen | Token::RParen | Token::Period | Token::SemiColon | Token::EOF => {}
            _ => operators += 1,
        }
    }
    if operators > MAX_OPERATORS {
        return Err(Error::TooLong { got: operators, limit: MAX_OPERATORS, unit: "operators" });
    }
    identifiers.sort_unstable();
    identifiers.dedup();
    Ok(identifiers)
}

fn parse_failure(error: &DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::SQL(parser, _) => syntax_error(&parser.to_string()),
        other => syntax_error(&other.strip_backtrace()),
    }
}

fn refuse_writing(statement: &Statement) -> Result<(), Error> {
    let statement = match statement {
        Statement::Statement(statement) => statement,
        Statement::Explain(explain) => return refuse_writing(&explain.statement),
        Statement::CopyTo(_) => return Err(refused("COPY")),
        Statement::CreateExternalTable(_) => return Err(refused("CREATE EXTERNAL TABLE")),
        Statement::Reset(_) => return Err(refused("RESET")),
    };
    match statement.visit(&mut Reading) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Walks a statement with everything nested in it and stops at what does not only read.
struct Reading;

impl Visitor for Reading {
    type Break = Error;

    fn pre_visit_statement(&mut self, statement: &SqlStatement) -> ControlFlow<Error> {
        match statement {
            SqlStatement::Query(_) | SqlStatement::Explain { .. } | SqlStatement::ExplainTable { .. } => ControlFlow::Continue(()),
            SqlStatement::ShowTables { .. } | SqlStatement::ShowColumns { .. } => ControlFlow::Continue(()),
            SqlStatement::ShowFunctions { .. } | SqlStatement::ShowVariable { .. } => ControlFlow::Continue(()),
            other => ControlFlow::Break(refused(&first_words(other))),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        match (&*query.body, query.locks.is_empty()) {
            (_, false) => ControlFlow::Break(refused("SELECT with a lock")),
            (SetExpr::Insert(_), _) => ControlFlow::Break(refused("INSERT")),
            (SetExpr::Update(_), _) => ControlFlow::Break(refused("UPDATE")),
            (SetExpr::Delete(_), _) => ControlFlow::Break(refused("DELETE")),
            (SetExpr::Merge(_), _) => ControlFlow::Break(refused("MERGE")),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        if select.into.is_some() { ControlFlow::Break(refused("SELECT INTO")) } else { ControlFlow::Continue(()) }
    }
}

/// `CREATE TABLE t (…)` → `CREATE TABLE`.
fn first_words(statement: &SqlStatement) -> String {
    let text = statement.to_string();
    let is_keyword = |word: &&str| word.chars().all(|character| character.is_ascii_uppercase());
    let words: Vec<&str> = text.split_whitespace().take(2).take_while(is_keyword).collect();
    words.join(" ")
}

fn refused(statement: &str) -> Error {
    Error::ReadOnly { statement: statement.to_owned() }
}

#[cfg(test)]
mod tests;
