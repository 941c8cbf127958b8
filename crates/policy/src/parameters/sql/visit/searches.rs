//! What searches a text: for something long in something long it takes as many steps as both are long
//! times each other, and some databases cannot be stopped on the way.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

use super::parts::plain_name;

/// What may be searched for, in bytes.
const SHORT: usize = 64;
/// Functions that look for their second argument in the first.
const SEARCHING: [&str; 5] = ["instr", "replace", "trim", "ltrim", "rtrim"];

/// The name of a function that searches for something else than a short literal.
pub(super) fn long_search(expression: &Expr) -> Option<&'static str> {
    match expression {
        Expr::Function(function) => {
            let searching = searching(function)?;
            second(function)
                .is_some_and(|wanted| !is_short(wanted))
                .then_some(searching)
        }
        Expr::Trim {
            trim_what,
            trim_characters,
            ..
        } => {
            let what = trim_what.as_deref().into_iter();
            let mut all = what.chain(trim_characters.iter().flatten());
            all.any(|wanted| !is_short(wanted)).then_some("trim")
        }
        _ => None,
    }
}

/// Whether an expression calls a function, by its name or by an operator.
pub(super) fn is_call(expression: &Expr) -> bool {
    match expression {
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::Regexp
                | BinaryOperator::Match
                | BinaryOperator::Glob
                | BinaryOperator::Arrow
                | BinaryOperator::LongArrow
        ),
        Expr::Function(_)
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. }
        | Expr::RLike { .. }
        | Expr::Trim { .. }
        | Expr::Substring { .. }
        | Expr::Position { .. }
        | Expr::Overlay { .. }
        | Expr::Extract { .. } => true,
        _ => false,
    }
}

fn searching(function: &Function) -> Option<&'static str> {
    let name = plain_name(&function.name).continue_value()?;
    let last = name.rsplit('.').next()?;
    SEARCHING.into_iter().find(|known| *known == last)
}

/// The second argument, if there is one.
fn second(function: &Function) -> Option<&Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.get(1)? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(wanted)) => Some(wanted),
        _ => None,
    }
}

fn is_short(expression: &Expr) -> bool {
    match expression {
        Expr::Nested(inner) => is_short(inner),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.len() <= SHORT,
            Value::Number(..) | Value::Null => true,
            _ => false,
        },
        _ => false,
    }
}
