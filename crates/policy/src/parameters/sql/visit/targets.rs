//! Which tables a statement changes: they are tables, whatever its common table expressions are called.

use sqlparser::ast::{FromTable, ObjectName, Statement, TableFactor, TableObject};

/// The names of what an insert, an update, a delete or a merge changes.
pub(super) fn targets(statement: &Statement) -> Vec<&ObjectName> {
    let relations = match statement {
        Statement::Insert(insert) => {
            return match &insert.table {
                TableObject::TableName(name) => vec![name],
                _ => Vec::new(),
            };
        }
        Statement::Update(update) => vec![&update.table.relation],
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            from.iter().map(|table| &table.relation).collect()
        }
        Statement::Merge(merge) => vec![&merge.table],
        _ => Vec::new(),
    };
    relations.into_iter().filter_map(named).collect()
}

const fn named(relation: &TableFactor) -> Option<&ObjectName> {
    match relation {
        TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}
