//! What a statement does: kinds, tables, functions, of itself and of all that it holds.

mod parts;
mod searches;
mod targets;

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, BinaryOperator, Expr, ObjectName, OnInsert, Query, Select, SetExpr, TableFactor,
    TableObject, Visit as _, Visitor,
};

use parts::{Scope, changes, is_literal, plain_name, scope_of};
use searches::{is_call, long_search};
use targets::targets;

use crate::Statement;
use crate::parameters::violation::Broken;

/// What was found in a statement.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) statements: Vec<Statement>,
    /// The names of all functions, in lower case, with their schema if it is written.
    pub(super) functions: Vec<String>,
    /// Whether a literal is compared with anything.
    pub(super) compares_literals: bool,
    /// How many functions are called, by name or by an operator.
    pub(super) calls: usize,
    /// The functions that search a text for something else than a short literal.
    pub(super) long_searches: Vec<&'static str>,
}

/// Reads a statement; its text says what it is called where nothing else does.
pub(super) fn read(statement: &ast::Statement, text: &str) -> Result<Found, Broken> {
    let mut reader = Reader {
        first_word: first_word(text),
        ..Reader::default()
    };
    match statement.visit(&mut reader) {
        ControlFlow::Break(broken) => Err(*broken),
        ControlFlow::Continue(()) => Ok(reader.found),
    }
}

/// Reads a condition. It may not ask for anything itself.
pub(super) fn read_condition(condition: &Vec<ast::OrderByExpr>) -> Result<Found, Broken> {
    let mut reader = Reader {
        no_queries: true,
        ..Reader::default()
    };
    match condition.visit(&mut reader) {
        ControlFlow::Break(broken) => Err(*broken),
        ControlFlow::Continue(()) => Ok(reader.found),
    }
}

fn first_word(text: &str) -> String {
    let letters = |symbol: char| symbol.is_ascii_alphabetic();
    let word: String = text
        .chars()
        .skip_while(|symbol| !letters(*symbol))
        .take_while(|symbol| letters(*symbol))
        .collect();
    word.to_ascii_lowercase()
}

#[derive(Debug, Default)]
struct Reader {
    first_word: String,
    found: Found,
    /// What is being read: statements, and queries within statements that are none.
    frames: Vec<Statement>,
    scopes: Vec<Scope>,
    /// The next relation is the name of a function.
    is_call: bool,
    no_queries: bool,
}

type Flow = ControlFlow<Box<Broken>>;

impl Visitor for Reader {
    type Break = Box<Broken>;

    fn pre_visit_statement(&mut self, statement: &ast::Statement) -> Flow {
        if matches!(statement, ast::Statement::Explain { .. }) {
            return ControlFlow::Continue(());
        }
        let kind = match statement {
            ast::Statement::Query(_) => "select",
            ast::Statement::Insert(insert) if insert.replace_into || insert.overwrite => "replace",
            ast::Statement::Insert(_) => "insert",
            ast::Statement::Update(_) => "update",
            ast::Statement::Delete(_) => "delete",
            ast::Statement::Merge(_) => "merge",
            ast::Statement::Drop { .. } => "drop",
            ast::Statement::Truncate(_) => "truncate",
            _ => self.first_word.as_str(),
        };
        let mut frame = Statement {
            kind: kind.to_owned(),
            tables: Vec::new(),
        };
        if let ast::Statement::Drop { names, .. } = statement {
            for name in names {
                note(&mut frame.tables, plain_name(name)?);
            }
        }
        for name in targets(statement) {
            note(&mut frame.tables, plain_name(name)?);
        }
        match statement {
            ast::Statement::Insert(insert) => self.read_insert(insert)?,
            ast::Statement::Call(function) => self.note_function(&function.name)?,
            _ => {}
        }
        self.frames.push(frame);
        ControlFlow::Continue(())
    }

    fn post_visit_statement(&mut self, statement: &ast::Statement) -> Flow {
        if matches!(statement, ast::Statement::Explain { .. }) {
            return ControlFlow::Continue(());
        }
        if let Some(frame) = self.frames.pop() {
            let only_holds_others =
                matches!(statement, ast::Statement::Query(query) if changes(&query.body));
            if !(only_holds_others && frame.tables.is_empty()) {
                note(&mut self.found.statements, frame);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        if self.no_queries {
            return refuse(
                "sql_kind",
                "a condition holds a query; give a plain condition",
            );
        }
        let address = std::ptr::from_ref(query).addr();
        if let Some(scope) = self.scopes.last_mut()
            && let Some(at) = scope.tables.iter().position(|(_, table)| *table == address)
        {
            scope.visible = match scope.recursive {
                true => scope.tables.len(),
                false => at,
            };
        }
        let framed = self
            .frames
            .last()
            .is_none_or(|frame| frame.kind != "select");
        if framed {
            self.frames.push(Statement {
                kind: "select".to_owned(),
                tables: Vec::new(),
            });
        }
        self.scopes.push(scope_of(query, framed)?);
        if !query.locks.is_empty() {
            self.add("lock", Vec::new());
        }
        if let SetExpr::Table(table) = query.body.as_ref() {
            let name = table.table_name.iter().chain(&table.schema_name);
            let mut parts: Vec<_> = name.map(|part| part.to_lowercase()).collect();
            parts.reverse();
            self.note_table(parts.join("."));
        }
        if query.settings.is_some() || !query.pipe_operators.is_empty() {
            return refuse(
                "sql_kind",
                "a query holds settings or pipes; write a plain query",
            );
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> Flow {
        let address = std::ptr::from_ref(query).addr();
        let framed = self.scopes.pop().is_some_and(|scope| scope.framed);
        if framed
            && let Some(frame) = self.frames.pop()
            && !frame.tables.is_empty()
        {
            note(&mut self.found.statements, frame);
        }
        // What follows a common table expression may name it.
        if let Some(scope) = self.scopes.last_mut()
            && let Some(at) = scope.tables.iter().position(|(_, table)| *table == address)
        {
            scope.visible = match scope.recursive {
                true => scope.tables.len(),
                false => at + 1,
            };
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        if let Some(into) = &select.into {
            let mut tables = Vec::new();
            for target in &into.targets {
                let name = match target {
                    Expr::Identifier(name) => plain_name(&ObjectName::from(vec![name.clone()]))?,
                    Expr::CompoundIdentifier(name) => plain_name(&ObjectName::from(name.clone()))?,
                    _ => {
                        return refuse(
                            "sql_kind",
                            "a query writes what it gives; leave `INTO` out",
                        );
                    }
                };
                tables.push(name);
            }
            self.add("create", tables);
        }
        if !select.optimizer_hints.is_empty() {
            return refuse(
                "sql_comment",
                "a statement holds hints in a comment; leave them out",
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Flow {
        if std::mem::take(&mut self.is_call) {
            return ControlFlow::Continue(());
        }
        let name = plain_name(relation)?;
        let visible = |scope: &Scope| scope.shows(relation);
        if !self.scopes.iter().any(visible) {
            self.note_table(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        match factor {
            TableFactor::Table {
                name,
                args: Some(_),
                ..
            } => {
                self.is_call = true;
                self.note_function(name)?;
            }
            TableFactor::Function { name, .. } => self.note_function(name)?,
            TableFactor::SemanticView { name, .. } => {
                let name = plain_name(name)?;
                self.note_table(name);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> Flow {
        self.found.calls += usize::from(is_call(expression));
        if let Some(search) = long_search(expression) {
            note(&mut self.found.long_searches, search);
        }
        match expression {
            Expr::Function(function) => self.note_function(&function.name)?,
            Expr::BinaryOp { left, op, right } => {
                if matches!(
                    op,
                    BinaryOperator::PGCustomBinaryOperator(_) | BinaryOperator::Custom(_)
                ) {
                    return refuse(
                        "sql_function",
                        "an operator is not known; use one of the standard",
                    );
                }
                let combines = matches!(op, BinaryOperator::And | BinaryOperator::Or);
                self.found.compares_literals |=
                    !combines && (is_literal(left) || is_literal(right));
            }
            Expr::InList { list, .. } => {
                self.found.compares_literals |= list.iter().any(is_literal);
            }
            Expr::Between { low, high, .. } => {
                self.found.compares_literals |= is_literal(low) || is_literal(high);
            }
            Expr::Like { pattern, .. }
            | Expr::ILike { pattern, .. }
            | Expr::SimilarTo { pattern, .. }
            | Expr::RLike { pattern, .. } => {
                self.found.compares_literals |= is_literal(pattern);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Reader {
    /// What an insertion does besides inserting.
    fn read_insert(&mut self, insert: &ast::Insert) -> Flow {
        match &insert.table {
            TableObject::TableName(_) => {}
            _ => return refuse("sql_function", "a row goes into a function; name a table"),
        }
        let multiple = insert.multi_table_insert_type.is_some();
        if multiple || insert.settings.is_some() || insert.format_clause.is_some() {
            return refuse(
                "sql_kind",
                "an insertion names several tables or a format; use a plain one",
            );
        }
        let table = match &insert.table {
            TableObject::TableName(name) => plain_name(name)?,
            _ => String::new(),
        };
        let updates = match &insert.on {
            None => false,
            Some(OnInsert::OnConflict(conflict)) => {
                !matches!(conflict.action, ast::OnConflictAction::DoNothing)
            }
            Some(_) => true,
        };
        if updates {
            self.add("update", vec![table.clone()]);
        }
        if matches!(insert.or, Some(ast::SqliteOnConflict::Replace)) {
            self.add("replace", vec![table]);
        }
        ControlFlow::Continue(())
    }

    fn add(&mut self, kind: &str, tables: Vec<String>) {
        let statement = Statement {
            kind: kind.to_owned(),
            tables,
        };
        note(&mut self.found.statements, statement);
    }

    fn note_table(&mut self, name: String) {
        match self.frames.last_mut() {
            Some(frame) => note(&mut frame.tables, name),
            None => self.add("select", vec![name]),
        }
    }

    fn note_function(&mut self, name: &ObjectName) -> Flow {
        let name = plain_name(name)?;
        note(&mut self.found.functions, name);
        ControlFlow::Continue(())
    }
}

fn refuse<T>(rule: &'static str, message: &str) -> ControlFlow<Box<Broken>, T> {
    ControlFlow::Break(Box::new(Broken::new(rule, message)))
}

fn note<T: PartialEq>(to: &mut Vec<T>, new: T) {
    if !to.contains(&new) {
        to.push(new);
    }
}
