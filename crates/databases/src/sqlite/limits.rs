//! What one connection of SQLite may use, and do.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr;

use libsqlite3_sys::{
    SQLITE_AUTH, SQLITE_DELETE, SQLITE_DENY, SQLITE_FUNCTION, SQLITE_INSERT, SQLITE_LIMIT_ATTACHED,
    SQLITE_LIMIT_COLUMN, SQLITE_LIMIT_COMPOUND_SELECT, SQLITE_LIMIT_EXPR_DEPTH,
    SQLITE_LIMIT_LENGTH, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, SQLITE_LIMIT_SQL_LENGTH,
    SQLITE_LIMIT_TRIGGER_DEPTH, SQLITE_LIMIT_VDBE_OP, SQLITE_LIMIT_WORKER_THREADS, SQLITE_OK,
    SQLITE_READ, SQLITE_RECURSIVE, SQLITE_SELECT, SQLITE_TRANSACTION, SQLITE_UPDATE,
    sqlite3_finalize, sqlite3_limit, sqlite3_memory_used, sqlite3_prepare_v3,
    sqlite3_set_authorizer,
};
use sqlx::sqlite::LockedSqliteHandle;

/// Bounds: no other file, and no value that fills the memory of the process or takes long to go
/// through, however a statement builds it.
const LIMITS: [(i32, i32); 10] = [
    (SQLITE_LIMIT_ATTACHED, 0),
    (SQLITE_LIMIT_LENGTH, 128 << 10),
    (SQLITE_LIMIT_COLUMN, 200),
    (SQLITE_LIMIT_SQL_LENGTH, 128 << 10),
    (SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200),
    (SQLITE_LIMIT_VDBE_OP, 100_000),
    (SQLITE_LIMIT_WORKER_THREADS, 0),
    (SQLITE_LIMIT_EXPR_DEPTH, 200),
    (SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (SQLITE_LIMIT_TRIGGER_DEPTH, 50),
];

/// Binds a connection.
#[expect(
    unsafe_code,
    reason = "the driver offers no other way to set what SQLite may use"
)]
pub(super) fn apply(handle: &mut LockedSqliteHandle<'_>) {
    let connection = handle.as_raw_handle().as_ptr();
    for (limit, most) in LIMITS {
        // SAFETY: the connection is open and locked for us as long as `handle` lives, and
        // `sqlite3_limit` takes any two numbers.
        unsafe { sqlite3_limit(connection, limit, most) };
    }
    // SAFETY: as above; the function has no data and lives as long as the process.
    unsafe { sqlite3_set_authorizer(connection, Some(of_session), ptr::null_mut()) };
}

/// The memory that SQLite uses in this process, in bytes.
#[expect(unsafe_code, reason = "the driver does not tell")]
pub(super) fn memory_used() -> i64 {
    // SAFETY: it reads a counter, under a lock of its own.
    unsafe { sqlite3_memory_used() }
}

/// Whether SQLite itself reads one statement in a text, that does nothing but read and change rows. What
/// it cannot read at all is not run, and its error is told then.
#[expect(
    unsafe_code,
    reason = "the driver runs all statements of a text, and does not tell how many there are"
)]
pub(super) fn is_one_statement(handle: &mut LockedSqliteHandle<'_>, text: &str) -> bool {
    let connection = handle.as_raw_handle().as_ptr();
    let Ok(length) = c_int::try_from(text.len()) else {
        return false;
    };
    let (mut statement, mut tail) = (ptr::null_mut(), ptr::null());
    // SAFETY: the connection is open and locked for us; of the text as many bytes are read as it has;
    // what was prepared is finalised, once, and null may be; the authorizers have no data.
    let code = unsafe {
        sqlite3_set_authorizer(connection, Some(of_statement), ptr::null_mut());
        let begin = text.as_ptr().cast::<c_char>();
        let no_flags: c_uint = 0;
        let code = sqlite3_prepare_v3(
            connection,
            begin,
            length,
            no_flags,
            &raw mut statement,
            &raw mut tail,
        );
        sqlite3_finalize(statement);
        sqlite3_set_authorizer(connection, Some(of_session), ptr::null_mut());
        code
    };
    if code != SQLITE_OK {
        return code & 0xff != SQLITE_AUTH;
    }
    let read = tail.addr().checked_sub(text.as_ptr().addr());
    !statement.is_null() && read == Some(text.len())
}

/// What a statement of a tool may do: read and change rows.
extern "C" fn of_statement(
    _data: *mut c_void,
    action: c_int,
    _first: *const c_char,
    _second: *const c_char,
    _database: *const c_char,
    _within: *const c_char,
) -> c_int {
    match action {
        SQLITE_SELECT | SQLITE_READ | SQLITE_INSERT | SQLITE_UPDATE | SQLITE_DELETE
        | SQLITE_RECURSIVE | SQLITE_FUNCTION => SQLITE_OK,
        _ => SQLITE_DENY,
    }
}

/// What a session may do: that, and begin and end transactions.
extern "C" fn of_session(
    data: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    within: *const c_char,
) -> c_int {
    match action {
        SQLITE_TRANSACTION => SQLITE_OK,
        _ => of_statement(data, action, first, second, database, within),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, SqliteConnection};

    use super::*;

    #[tokio::test]
    async fn sqlite_says_what_is_one_statement() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let made = sqlx::raw_sql("CREATE TABLE people (id)").execute(&mut connection);
        made.await.unwrap();
        let mut handle = connection.lock_handle().await.unwrap();
        apply(&mut handle);
        for (text, expected) in [
            ("SELECT id FROM people WHERE id = $1", true),
            ("DELETE FROM people", true),
            ("INSERT INTO people VALUES ('a;b')", true),
            // Not read at all: the database says why when it is run.
            ("SELECT nothing FROM people", true),
            (
                "SELECT $1::text(') ; DELETE FROM people ; SELECT $1::text(')",
                false,
            ),
            ("SELECT 1; SELECT 2", false),
            ("COMMIT", false),
            ("BEGIN", false),
            ("SAVEPOINT a", false),
            ("PRAGMA user_version", false),
            ("PRAGMA writable_schema = ON", false),
            ("ATTACH ':memory:' AS other", false),
            ("CREATE TABLE other (id)", false),
            ("CREATE TEMP TABLE other (id)", false),
            ("DROP TABLE people", false),
            ("", false),
        ] {
            assert_eq!(is_one_statement(&mut handle, text), expected, "{text}");
        }
    }
}
