//! Parts of statements: names, literals, what a query may name besides tables.

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, ObjectName, ObjectNamePart, Query, SetExpr};

use crate::parameters::violation::{Broken, quoted};

/// The common table expressions of one query.
#[derive(Debug)]
pub(super) struct Scope {
    /// Each in lower case, with the address of its query.
    pub(super) tables: Vec<(String, usize)>,
    /// How many of them the part that is being read may name.
    pub(super) visible: usize,
    pub(super) recursive: bool,
    /// Whether a frame belongs to the query.
    pub(super) framed: bool,
}

impl Scope {
    /// Whether a name means one of the expressions that are visible, in every database: a name of one
    /// part, in letters that quotes leave as they are.
    pub(super) fn shows(&self, relation: &ObjectName) -> bool {
        let [ObjectNamePart::Identifier(name)] = relation.0.as_slice() else {
            return false;
        };
        let folded = name.value.to_ascii_lowercase();
        if name.quote_style.is_some() && folded != name.value {
            return false;
        }
        let mut visible = self.tables.iter().take(self.visible);
        visible.any(|(table, _)| *table == folded)
    }
}

/// Whether what a query gives comes from a change.
pub(super) fn changes(body: &SetExpr) -> bool {
    matches!(
        body,
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
    )
}

pub(super) fn scope_of(query: &Query, framed: bool) -> ControlFlow<Box<Broken>, Scope> {
    let mut scope = Scope {
        tables: Vec::new(),
        visible: 0,
        recursive: false,
        framed,
    };
    if let Some(with) = &query.with {
        scope.recursive = with.recursive;
        for table in &with.cte_tables {
            let alias = &table.alias.name;
            let name = alias.value.to_ascii_lowercase();
            if alias.quote_style.is_some() && name != alias.value {
                return ControlFlow::Break(Box::new(unclear(&alias.value)));
            }
            let address = std::ptr::from_ref(table.query.as_ref()).addr();
            scope.tables.push((name, address));
        }
    }
    ControlFlow::Continue(scope)
}

pub(super) fn is_literal(expression: &Expr) -> bool {
    use ast::Value::{Boolean, Null, Placeholder};
    match expression {
        Expr::Value(value) => !matches!(value.value, Boolean(_) | Null | Placeholder(_)),
        Expr::Nested(inner)
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::Cast { expr: inner, .. } => is_literal(inner),
        Expr::TypedString { .. } => true,
        _ => false,
    }
}

/// A name in lower case, its parts joined by dots.
pub(super) fn plain_name(name: &ObjectName) -> ControlFlow<Box<Broken>, String> {
    let mut plain = String::new();
    for part in &name.0 {
        let ObjectNamePart::Identifier(part) = part else {
            return ControlFlow::Break(Box::new(unclear(&name.to_string())));
        };
        if part.value.contains('.') || part.value.trim() != part.value || part.value.is_empty() {
            return ControlFlow::Break(Box::new(unclear(&name.to_string())));
        }
        if !plain.is_empty() {
            plain.push('.');
        }
        plain.push_str(&part.value.to_lowercase());
    }
    ControlFlow::Continue(plain)
}

pub(super) fn unclear(name: &str) -> Broken {
    let message = format!(
        "the name {} can be read in two ways; write it plainly",
        quoted(name)
    );
    Broken::new("sql_table", message)
}
