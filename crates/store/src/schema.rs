//! What the database says about its own tables, in words that both engines share.

use crate::statement::sql;
use crate::{Db, Engine, Error, Migrations};

/// The tables, columns, keys and indexes of the database as sorted lines of text, the same
/// for both engines if their migrations agree.
///
/// # Errors
/// See [`Error`].
pub async fn describe(db: &Db) -> Result<Vec<String>, Error> {
    let mut lines = match db.engine() {
        Engine::Sqlite => sqlite(db).await?,
        Engine::Postgres => postgres(db).await?,
    };
    lines.sort_unstable();
    Ok(lines)
}

/// The scripts in the folders of these sets that their lists do not name, and names without
/// a script in both folders; empty when all is well.
///
/// # Errors
/// What reading the folders fails with.
pub fn unlisted(sets: &[Migrations]) -> Result<Vec<String>, std::io::Error> {
    let mut found = Vec::new();
    for set in sets {
        for engine in ["sqlite", "postgres"] {
            for entry in std::fs::read_dir(format!("{}/{engine}", set.folder))? {
                let file = entry?.file_name().to_string_lossy().into_owned();
                let listed = file
                    .strip_suffix(".sql")
                    .is_some_and(|name| set.scripts.iter().any(|script| script.name == name));
                if !listed {
                    found.push(format!("{}/{engine}/{file}", set.feature));
                }
            }
        }
    }
    Ok(found)
}

async fn sqlite(db: &Db) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    let columns = sql("SELECT t.name AS table_name, c.name AS column_name, \
         upper(c.type) AS column_type, c.\"notnull\" AS required, c.pk AS position \
         FROM sqlite_schema t, pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'")
    .fetch_all(db)
    .await?;
    for row in columns {
        let required = row.get::<i64>("required")? == 1 || row.get::<i64>("position")? > 0;
        lines.push(column_line(
            &row.get::<String>("table_name")?,
            &row.get::<String>("column_name")?,
            &row.get::<String>("column_type")?,
            required,
        ));
    }
    let indexes = sql("SELECT t.name AS table_name, i.\"unique\" AS is_unique, \
         i.partial AS is_partial, \
         (SELECT group_concat(coalesce(x.name, '(expression)'), ', ') \
            FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) x) AS columns \
         FROM sqlite_schema t, pragma_index_list(t.name) i WHERE t.type = 'table'")
    .fetch_all(db)
    .await?;
    for row in indexes {
        lines.push(index_line(
            &row.get::<String>("table_name")?,
            &row.get::<String>("columns")?,
            row.get("is_unique")?,
            row.get("is_partial")?,
        ));
    }
    // A single INTEGER PRIMARY KEY is the row id itself and has no index of its own.
    let row_ids = sql("SELECT t.name AS table_name, c.name AS column_name \
         FROM sqlite_schema t, pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND c.pk = 1 AND NOT EXISTS \
           (SELECT 1 FROM pragma_index_list(t.name) i WHERE i.origin = 'pk')")
    .fetch_all(db)
    .await?;
    for row in row_ids {
        lines.push(index_line(
            &row.get::<String>("table_name")?,
            &row.get::<String>("column_name")?,
            true,
            false,
        ));
    }
    let references = sql("SELECT t.name AS table_name, f.\"from\" AS column_name, \
         f.\"table\" AS target, f.on_delete AS on_delete \
         FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'")
    .fetch_all(db)
    .await?;
    for row in references {
        lines.push(reference_line(
            &row.get::<String>("table_name")?,
            &row.get::<String>("column_name")?,
            &row.get::<String>("target")?,
            &row.get::<String>("on_delete")?,
        ));
    }
    Ok(lines)
}

async fn postgres(db: &Db) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    let columns = sql("SELECT table_name::TEXT, column_name::TEXT, \
         upper(data_type)::TEXT AS column_type, \
         CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END::BIGINT AS required \
         FROM information_schema.columns WHERE table_schema = current_schema()")
    .fetch_all(db)
    .await?;
    for row in columns {
        lines.push(column_line(
            &row.get::<String>("table_name")?,
            &row.get::<String>("column_name")?,
            &row.get::<String>("column_type")?,
            row.get("required")?,
        ));
    }
    let indexes = sql("SELECT t.relname::TEXT AS table_name, \
         i.indisunique::INT AS is_unique, (i.indpred IS NOT NULL)::INT AS is_partial, \
         (SELECT string_agg(coalesce(a.attname, '(expression)')::TEXT, ', ' ORDER BY k.position) \
            FROM unnest(i.indkey::INT2[]) WITH ORDINALITY AS k(number, position) \
            LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
         ) AS columns \
         FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = current_schema()")
    .fetch_all(db)
    .await?;
    for row in indexes {
        lines.push(index_line(
            &row.get::<String>("table_name")?,
            &row.get::<String>("columns")?,
            row.get("is_unique")?,
            row.get("is_partial")?,
        ));
    }
    let references = sql(
        "SELECT t.relname::TEXT AS table_name, a.attname::TEXT AS column_name, \
         r.relname::TEXT AS target, CASE c.confdeltype WHEN 'c' THEN 'CASCADE' \
           WHEN 'n' THEN 'SET NULL' WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END AS on_delete \
         FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid \
         JOIN pg_class r ON r.oid = c.confrelid \
         JOIN pg_namespace n ON n.oid = t.relnamespace \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (c.conkey) \
         WHERE c.contype = 'f' AND n.nspname = current_schema()",
    )
    .fetch_all(db)
    .await?;
    for row in references {
        lines.push(reference_line(
            &row.get::<String>("table_name")?,
            &row.get::<String>("column_name")?,
            &row.get::<String>("target")?,
            &row.get::<String>("on_delete")?,
        ));
    }
    Ok(lines)
}

fn column_line(table: &str, column: &str, kind: &str, required: bool) -> String {
    let kind = match kind {
        "INTEGER" | "BIGINT" => "integer",
        "BLOB" | "BYTEA" => "bytes",
        "TEXT" => "text",
        // Anything else is not shared; it shows up as a difference.
        other => other,
    };
    let required = if required { "required" } else { "optional" };
    format!("{table}.{column}: {kind}, {required}")
}

fn index_line(table: &str, columns: &str, unique: bool, partial: bool) -> String {
    let unique = if unique { "unique " } else { "" };
    let partial = if partial { " where …" } else { "" };
    format!("{table}: {unique}index ({columns}){partial}")
}

fn reference_line(table: &str, column: &str, target: &str, on_delete: &str) -> String {
    format!(
        "{table}.{column}: refers to {target}, on delete {}",
        on_delete.to_lowercase()
    )
}
