//! From a text to one statement.

mod neighbours;

use sqlparser::ast;
use sqlparser::dialect::{self, GenericDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use neighbours::check_neighbours;

use crate::parameters::characters;
use crate::parameters::violation::{Broken, quoted};

const MOST_BYTES: usize = 65_536;
const MOST_TOKENS: usize = 20_000;
/// Operators of one expression, and queries that are united: each makes the statement one deeper, and
/// what reads it goes as deep.
const MOST_OPERATORS: usize = 64;
const MOST_DEPTH: usize = 50;

/// Whose SQL a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// What all databases read alike.
    Generic,
    Postgres,
    MySql,
    Sqlite,
}

impl Dialect {
    pub(super) fn parse(name: Option<&str>) -> Result<Self, Broken> {
        match name.map(str::to_ascii_lowercase).as_deref() {
            None | Some("generic" | "") => Ok(Dialect::Generic),
            Some("postgres" | "postgresql") => Ok(Dialect::Postgres),
            Some("mysql" | "mariadb") => Ok(Dialect::MySql),
            Some("sqlite") => Ok(Dialect::Sqlite),
            Some(other) => {
                let message = format!(
                    "the dialect {} is not known; use `postgres`, `mysql`, `sqlite` or `generic`",
                    quoted(other)
                );
                Err(Broken::new("parameter", message))
            }
        }
    }

    fn grammar(self) -> &'static dyn dialect::Dialect {
        match self {
            Dialect::Generic => &GenericDialect {},
            Dialect::Postgres => &PostgreSqlDialect {},
            Dialect::MySql => &MySqlDialect {},
            Dialect::Sqlite => &SQLiteDialect {},
        }
    }
}

/// The one statement of a text.
pub(super) fn one_statement(text: &str, dialect: Dialect) -> Result<ast::Statement, Broken> {
    let tokens = tokens(text, dialect)?;
    let parsed = Parser::new(dialect.grammar())
        .with_recursion_limit(MOST_DEPTH)
        .with_tokens(tokens.clone())
        .parse_statements();
    let mut statements = parsed.map_err(|error| match holds_several(&tokens) {
        true => several(),
        false => unreadable(text, &error),
    })?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (Some(_), false) => Err(several()),
        (None, _) => {
            let message = "there is no statement; give one";
            Err(Broken::new("sql_parse", message))
        }
    }
}

/// A condition, or what is ordered or grouped by.
pub(super) fn condition(text: &str, dialect: Dialect) -> Result<Vec<ast::OrderByExpr>, Broken> {
    let tokens = tokens(text, dialect)?;
    let mut parser = Parser::new(dialect.grammar())
        .with_recursion_limit(MOST_DEPTH)
        .with_tokens(tokens);
    let parsed = parser.parse_comma_separated(Parser::parse_order_by_expr);
    let parsed = parsed.map_err(|error| unreadable(text, &error))?;
    match parser.peek_token().token {
        Token::EOF => Ok(parsed),
        _ => {
            let message = format!(
                "{} is more than a condition; give the condition alone",
                quoted(text)
            );
            Err(Broken::new("sql_parse", message))
        }
    }
}

fn several() -> Broken {
    Broken::new(
        "sql_many",
        "there is more than one statement; give one at a time",
    )
}

fn holds_several(tokens: &[Token]) -> bool {
    let mut behind = tokens
        .iter()
        .skip_while(|token| **token != Token::SemiColon);
    behind.any(|token| !matches!(token, Token::SemiColon | Token::Whitespace(_) | Token::EOF))
}

fn unreadable(text: &str, error: &ParserError) -> Broken {
    let reason: String = error.to_string().chars().take(120).collect();
    let message = format!(
        "{} is not read as SQL ({}); write one plain statement",
        quoted(text),
        reason.trim_start_matches("sql parser error: ")
    );
    Broken::new("sql_parse", message)
}

fn tokens(text: &str, dialect: Dialect) -> Result<Vec<Token>, Broken> {
    if text.len() > MOST_BYTES {
        let message = format!("a statement has at most {MOST_BYTES} bytes; give a shorter one");
        return Err(Broken::new("too_large", message));
    }
    let hidden = |symbol: char| {
        (characters::is_unprintable(symbol) && !matches!(symbol, '\n' | '\r' | '\t'))
            || matches!(
                symbol,
                '\u{ff07}' | '\u{ff02}' | '\u{a0}' | '\u{3000}' | '\u{ff1b}'
            )
    };
    if text.chars().any(hidden) {
        let message = "a statement holds characters that cannot be seen or look like quotes; leave \
                       them out";
        return Err(Broken::new("sql_control", message));
    }
    if text.contains("/*!") || text.contains("/*M!") {
        return Err(comment());
    }
    if dialect == Dialect::Generic && text.contains('\\') {
        return Err(quote("a backslash"));
    }
    // Whether it escapes the quote depends on a setting of the server.
    if dialect == Dialect::MySql && (text.contains("\\'") || text.contains("\\\"")) {
        return Err(quote("a backslash before a quote"));
    }
    let tokens = Tokenizer::new(dialect.grammar(), text)
        .tokenize()
        .map_err(|error| unreadable(text, &ParserError::from(error)))?;
    check_size(&tokens)?;
    if tokens
        .windows(2)
        .any(|pair| *pair == [Token::Minus, Token::Minus])
    {
        return Err(comment());
    }
    tokens
        .iter()
        .try_for_each(|token| check_token(token, dialect))?;
    check_neighbours(&tokens, dialect)?;
    Ok(tokens)
}

fn check_size(tokens: &[Token]) -> Result<(), Broken> {
    if tokens.len() > MOST_TOKENS || deepest(tokens) > MOST_OPERATORS {
        let message = format!(
            "an expression has at most {MOST_OPERATORS} operators, a statement {MOST_TOKENS} words and \
             signs; give a shorter one"
        );
        return Err(Broken::new("too_large", message));
    }
    Ok(())
}

/// The most operators that may stand within one another: those of the open parentheses together. A
/// comma and the word before a condition begin another expression.
fn deepest(tokens: &[Token]) -> usize {
    let (mut outer, mut here, mut united, mut deepest) = (Vec::new(), 0, 0, 0_usize);
    let mut around = 0;
    for token in tokens {
        match token {
            Token::LParen => {
                around += here;
                outer.push(std::mem::take(&mut here));
            }
            Token::RParen => {
                here = outer.pop().unwrap_or_default();
                around -= here;
            }
            Token::Comma => here = 0,
            Token::Word(word) if is_one_of(CONDITIONS, &word.value) => here = 0,
            Token::Word(word) if is_one_of(UNITE, &word.value) => united += 1,
            token => here += usize::from(is_operator(token)),
        }
        deepest = deepest.max(united + here + around);
    }
    deepest
}

const CONDITIONS: &str = "where on having group";
const UNITE: &str = "union except intersect minus";

fn is_one_of(words: &str, word: &str) -> bool {
    words
        .split_whitespace()
        .any(|known| known.eq_ignore_ascii_case(word))
}

/// Words that stand between or behind expressions.
const OPERATORS: &str = "and or xor not is isnull notnull in like ilike rlike regexp similar glob match \
    between collate at escape div mod overlaps operator";

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => is_one_of(OPERATORS, &word.value),
        Token::Comma
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::SemiColon
        | Token::Placeholder(_)
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::Whitespace(_)
        | Token::EOF => false,
        _ => true,
    }
}

/// Refuses what hides, and what another database would read as something else.
fn check_token(token: &Token, dialect: Dialect) -> Result<(), Broken> {
    let generic = dialect == Dialect::Generic;
    match token {
        Token::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) => Err(comment()),
        Token::Sharp if generic => Err(comment()),
        Token::UnicodeStringLiteral(_) => Err(escaped_name()),
        Token::DollarQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::QuoteDelimitedStringLiteral(_)
        | Token::TripleSingleQuotedString(_)
        | Token::TripleDoubleQuotedString(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::DoubleQuotedRawStringLiteral(_)
            if generic =>
        {
            Err(quote("quotes of one dialect"))
        }
        Token::Word(word) if word.value.contains('\0') || word.value.is_empty() => {
            Err(quote("an empty name"))
        }
        Token::Word(word) if word.quote_style.is_some() && word.value.contains('\\') => {
            Err(quote("a backslash in a name"))
        }
        _ => Ok(()),
    }
}

fn comment() -> Broken {
    Broken::new(
        "sql_comment",
        "a statement holds a comment, which may hide what it does; leave it out",
    )
}

fn escaped_name() -> Broken {
    Broken::new(
        "sql_quote",
        "a statement spells characters by their numbers (`U&`), which hides what it says; write them",
    )
}

fn quote(what: &str) -> Broken {
    let message = format!(
        "a statement holds {what}, which databases read differently; use `'…'`, or declare the dialect"
    );
    Broken::new("sql_quote", message)
}

/// Refuses what is more than the names of tables or columns.
pub(in crate::parameters) fn check_identifier(text: &str) -> Result<(), Broken> {
    let plain = |part: &str| {
        let part = part.trim();
        let inner = [('"', '"'), ('`', '`'), ('[', ']')]
            .iter()
            .find_map(|(open, close)| part.strip_prefix(*open)?.strip_suffix(*close))
            .unwrap_or(part);
        let letters = |symbol: char| symbol.is_alphanumeric() || "_$ -".contains(symbol);
        part == "*"
            || (!inner.trim().is_empty()
                && inner.chars().all(letters)
                && !inner.contains("--")
                && (inner.len() < part.len() || !inner.contains([' ', '-'])))
    };
    let sound = text.len() <= 1024 && text.split(',').all(|name| name.split('.').all(plain));
    match sound {
        true => Ok(()),
        false => {
            let message = format!("{} is no name of a table or column; give one", quoted(text));
            Err(Broken::new("sql_identifier", message))
        }
    }
}
