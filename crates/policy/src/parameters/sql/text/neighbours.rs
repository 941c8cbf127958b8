//! Tokens that one database reads as a single one, when nothing stands between them.

use sqlparser::tokenizer::Token;

use super::{Dialect, escaped_name, quote};
use crate::parameters::violation::Broken;

/// Refuses what begins like a placeholder of SQLite and goes on as something else there, and names that
/// spell their characters by numbers.
pub(super) fn check_neighbours(tokens: &[Token], dialect: Dialect) -> Result<(), Broken> {
    let escapes = tokens.windows(3).any(|three| match three {
        [Token::Word(word), Token::Ampersand, behind] => {
            word.quote_style.is_none() && word.value.eq_ignore_ascii_case("u") && is_quoted(behind)
        }
        _ => false,
    });
    if escapes {
        return Err(escaped_name());
    }
    let sqlite = dialect == Dialect::Sqlite;
    if sqlite && tokens.contains(&Token::DoubleColon) {
        return Err(quote(
            "`::`, which SQLite does not know (use `CAST(… AS …)`)",
        ));
    }
    let long = |at: usize| goes_on(tokens.get(at..).unwrap_or_default(), sqlite);
    match (sqlite || dialect == Dialect::Generic) && (0..tokens.len()).any(long) {
        true => Err(quote(
            "a placeholder that goes on with a bracket or colons (put a space behind it)",
        )),
        false => Ok(()),
    }
}

/// Whether a placeholder of SQLite (`$name::part(anything)`) takes in what other databases read as
/// something of its own.
fn goes_on(tokens: &[Token], colons_too: bool) -> bool {
    let Some((first, behind)) = tokens.split_first() else {
        return false;
    };
    if !begins_placeholder(first) {
        return false;
    }
    let part = |token: &&Token| match token {
        Token::Word(word) => word.quote_style.is_none(),
        Token::DoubleColon | Token::Colon => !colons_too,
        Token::Number(..) | Token::Placeholder(_) => true,
        _ => false,
    };
    let mut rest = behind.iter().skip_while(part);
    matches!(
        rest.next(),
        Some(Token::LParen | Token::Colon | Token::DoubleColon)
    )
}

fn begins_placeholder(token: &Token) -> bool {
    match token {
        Token::Placeholder(_) | Token::Colon | Token::AtSign | Token::Sharp => true,
        Token::Word(word) => word.quote_style.is_none() && word.value.starts_with(['$', '@', '#']),
        _ => false,
    }
}

fn is_quoted(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_some(),
        Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, one_statement};

    fn refused(text: &str, dialect: Dialect) -> bool {
        one_statement(text, dialect).is_err_and(|broken| broken.rule == "sql_quote")
    }

    #[test]
    fn what_is_one_placeholder_to_sqlite_is_refused() {
        let hidden = "SELECT $1::text(') ; DELETE FROM people ; SELECT $1::text(')";
        for text in [hidden, "SELECT $1(') , (')", "SELECT $1::a::b(')') FROM c"] {
            assert!(one_statement(text, Dialect::Sqlite).is_err(), "{text}");
            assert!(one_statement(text, Dialect::Generic).is_err(), "{text}");
        }
        assert!(refused(hidden, Dialect::Sqlite) && refused(hidden, Dialect::Generic));
        assert!(refused("SELECT a::text FROM b", Dialect::Sqlite));
        for dialect in [Dialect::Generic, Dialect::Postgres] {
            for text in [
                "SELECT $1::uuid",
                "SELECT a::varchar(10) FROM b WHERE c IN ($1, $2)",
            ] {
                assert!(one_statement(text, dialect).is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn names_are_not_spelled_by_numbers() {
        for text in [
            r#"SELECT U&"query_to\005fxml"('SELECT 1',true,true,'')"#,
            r#"SELECT u&"a" FROM b"#,
            r"SELECT U&'\0041'",
            r#"SELECT "a\b" FROM c"#,
        ] {
            for dialect in [Dialect::Generic, Dialect::Postgres] {
                assert!(refused(text, dialect), "{text}");
            }
        }
        assert!(one_statement("SELECT u & 1 FROM a", Dialect::Postgres).is_ok());
    }
}
